"""The server behind `digitty serve`: textual-serve's, guarded. A process, and so an engine, each session; closing the page saves and ends it.

Whoever reaches the port and has the token is the person who started it: runs can be started and deleted. So there always is a token, on this
machine, too, where others may be logged in. It comes with the first address and lives in a cookie afterwards. Names other than this server's are
refused, so that no page elsewhere reaches it by a rebound name, and a websocket is only opened by a page that came from here.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import click
from aiohttp import WSCloseCode, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager
from textual_serve.server import Server, to_int

from engine.errors import InputError
from engine.leaving import DEADLINE
from tui.serve import is_loopback

SESSIONS = 4
"""At once: each is a process with PyTorch in it."""
SAVING = DEADLINE + 60.0
"""Seconds that sessions get to save and end, when the server does."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Served(Server):
    """`command` is what a session runs."""

    def __init__(self, command: str, host: str, port: int, token: str) -> None:
        super().__init__(command, host, port, title="digitty")
        self._token, self._cookie = token, f"digitty-{port}"
        self._open: dict[Session, web.WebSocketResponse] = {}

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guarded)
        app.on_response_prepare.append(_at_home)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Without textual-serve's banner."""

    async def on_shutdown(self, app: web.Application) -> None:
        """Every session saves what it trains."""
        await asyncio.gather(*(page.close(code=WSCloseCode.GOING_AWAY) for page in self._open.values()))
        await asyncio.gather(*(session.wait() for session in self._open))

    # --- who may ------------------------------------------------------------------------------------------------------

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_loopback(self.host) and not is_loopback(urlsplit(f"//{request.host}").hostname or ""):
            raise web.HTTPForbidden(text="this server is reached as localhost alone")
        if request.path == "/" and self._right(request.query.get("token")):
            arrived = web.HTTPFound("/")
            arrived.set_cookie(self._cookie, self._token, httponly=True, samesite="Lax")
            raise arrived
        if not self._right(request.cookies.get(self._cookie)):
            raise web.HTTPForbidden(text="open the address that digitty serve printed: the token is missing or wrong")
        if request.path == "/ws" and not _came_from_here(request):
            raise web.HTTPForbidden(text="this page is not digitty's")
        return await handler(request)

    def _right(self, token: str | None) -> bool:
        return token is not None and hmac.compare_digest(token.encode(), self._token.encode())

    # --- what is served -----------------------------------------------------------------------------------------------

    async def handle_index(self, request: web.Request) -> Any:
        """By whatever name and port it was reached: ssh -L may have given it another."""
        self.public_url = f"{request.scheme}://{request.host}"  # read before anything else can run
        return await super().handle_index(request)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        if len(self._open) >= SESSIONS:
            raise web.HTTPServiceUnavailable(text=f"{SESSIONS} sessions are open; close one")
        page = web.WebSocketResponse(heartbeat=15)
        session = Session(self.command, page, self.download_manager)
        self._open[session] = page
        try:
            await page.prepare(request)
            await session.start(to_int(request.query.get("width", ""), 80), to_int(request.query.get("height", ""), 24))
            await self._process_messages(page, session)
        finally:
            await session.stop()
            del self._open[session]
        return page


class Session(AppService):
    """A process of its own, which is followed to its end, whatever becomes of the page: it may have something to save."""

    def __init__(self, command: str, page: web.WebSocketResponse, downloads: DownloadManager) -> None:
        super().__init__(command, write_bytes=page.send_bytes, write_str=page.send_str, close=self._close, download_manager=downloads)
        self._page = page
        self._ended = asyncio.Event()

    async def _close(self) -> None:
        await self._page.close()

    async def on_data(self, payload: bytes) -> None:
        with suppress(ConnectionError, RuntimeError):  # the page is closed: nobody looks
            await super().on_data(payload)

    async def stop(self) -> None:
        await super().stop()
        if self._process is not None:
            await self._process.wait()
        self._ended.set()

    async def wait(self) -> None:
        """For its end, not for ever."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), SAVING)


def _came_from_here(request: web.Request) -> bool:
    """Browsers always say which page opens a websocket; what is no browser has no page that could deceive it."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


async def _at_home(request: web.Request, response: web.StreamResponse) -> None:
    """The page fetches nothing from elsewhere, and no page elsewhere shows it in a frame."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        f"connect-src 'self' ws://{request.host}; frame-ancestors 'none'"
    )
    response.headers["Referrer-Policy"] = "no-referrer"


def run(host: str, port: int, token: str, command: str) -> None:
    """Until SIGINT, SIGTERM or SIGHUP. Raises InputError where the address can't be had."""
    os.environ.pop("DIGITTY_TOKEN", None)  # no session needs to know it
    asyncio.run(_run(Served(command, host, port, token), host, port, token))


async def _run(server: Served, host: str, port: int, token: str) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(await server._make_app(), access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise InputError(f"can't listen on {host} port {port}: {error.strerror}; choose another with --port") from None
        name, got, *_ = runner.addresses[0]
        click.echo(f"digitty is at http://{f'[{name}]' if ':' in name else name}:{got}/?token={token}")
        click.echo("Each page is a session of its own; closing it saves what it trains. ctrl+c ends them all.", err=True)
        await stop.wait()
        loop.remove_signal_handler(signal.SIGINT)  # a second ctrl+c won't wait
    finally:
        await runner.cleanup()
