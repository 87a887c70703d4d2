"""The server behind `digitty serve`: textual-serve's, guarded. A process, and so an engine, each session; closing the page saves and ends it.

Whoever reaches the port and has the token is the person who started it: runs can be started and deleted. So there always is a token, also on
this machine, where others may be logged in. The first address carries it; the page gets a key that is good until this server ends
(page.py). Names other than this server's are refused, so that no page elsewhere reaches it by a rebound name, and a websocket is only
opened by a page that came from here.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import re
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import quote, urlsplit

import click
from aiohttp import WSCloseCode, hdrs, web
from textual_serve.server import Server, to_int

from engine.errors import InputError
from tui.web.access import is_loopback
from tui.web.connections import SILENCE, Connections
from tui.web.log import rare_lines
from tui.web.page import PROTOCOL, STATIC, entered, security_headers, with_script
from tui.web.session import Session, clamped, close_page, new_page

SESSIONS = 4
"""At once: each is a process with PyTorch in it."""
ROOM = 5.0
"""Seconds to wait for one of them to end."""
HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class GuardedServer(Server):
    """`command` is what a session runs."""

    def __init__(self, command: str, host: str, port: int, token: str) -> None:
        super().__init__(command, host, port, title="digitty")
        self._token, self._key = token, secrets.token_urlsafe(24)
        self._sessions: set[Session] = set()
        self.connections: Connections | None = None

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guarded)
        app.on_response_prepare.append(_add_security_headers)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Without textual-serve's banner."""

    async def on_shutdown(self, app: web.Application) -> None:
        """Every session saves what it trains."""
        sessions = list(self._sessions)
        await asyncio.gather(*(session.end(WSCloseCode.GOING_AWAY, "digitty serve has ended.") for session in sessions))
        await asyncio.gather(*(session.wait() for session in sessions))

    # --- who may ------------------------------------------------------------------------------------------------------

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.connections is not None:
            self.connections.heard(request.transport)
        if request.method != hdrs.METH_GET:
            raise web.HTTPMethodNotAllowed(request.method, [hdrs.METH_GET])
        host = _host(request)
        if host is None:
            raise web.HTTPBadRequest(text="the request names no host, or none that makes sense")
        if is_loopback(self.host) and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            raise web.HTTPForbidden(text="this server is reached as localhost alone")
        if request.path == "/" and "token" in request.query:
            if not _is_same_secret(request.query["token"], self._token):
                raise web.HTTPForbidden(text="the token is wrong: open the address that digitty serve printed")
            raise web.HTTPFound(entered(self._key, request.query.get("fontsize", "")), headers={"Cache-Control": "no-store"})
        if request.path.startswith("/static") and not STATIC.fullmatch(request.path):
            raise web.HTTPNotFound
        if request.path == "/ws":
            self._check_page(request, host)
        return await handler(request)

    def _check_page(self, request: web.Request, host: str) -> None:
        """Browsers always say which page opens a websocket; what is no browser has no page that could deceive it."""
        offered = [each.strip() for each in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",")]
        if offered[0] != PROTOCOL or len(offered) != 2 or not _is_same_secret(offered[1], self._key):
            raise web.HTTPForbidden(text="the key is missing or wrong: open the address that digitty serve printed")
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and origin.partition("://")[2] != host:
            raise web.HTTPForbidden(text="this page is not digitty's")

    # --- what is served -----------------------------------------------------------------------------------------------

    async def handle_index(self, request: web.Request) -> Any:
        """By whatever name and port it was reached: ssh -L may have given it another."""
        self.public_url = f"{request.scheme}://{request.host}"  # read before anything else can run
        page = await super().handle_index(request)
        assert isinstance(page, web.Response)
        assert page.text is not None
        page.text = with_script(page.text)
        page.headers["Cache-Control"] = "no-cache"
        return page

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A session, from the first byte to the end of its process."""
        page, transport = new_page(), request.transport
        assert transport is not None
        if self.connections is not None:
            self.connections.admit(transport)
        await self._wait_for_room()
        session = Session(self.command, page, transport, self.download_manager)
        full = len(self._sessions) >= SESSIONS
        if not full:
            self._sessions.add(session)
        try:
            await page.prepare(request)
            if full:
                await close_page(page, WSCloseCode.TRY_AGAIN_LATER, f"{SESSIONS} sessions are open. Close one, wait until it has saved, try again.")
            else:
                await session.converse(*clamped(to_int(request.query.get("width", ""), 80), to_int(request.query.get("height", ""), 24)))
        finally:
            self._sessions.discard(session)
        return page

    async def _wait_for_room(self) -> None:
        """Where a page is reloaded, its session before has yet to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ROOM):
                while len(self._sessions) >= SESSIONS:
                    await asyncio.sleep(0.05)


def _host(request: web.Request) -> str | None:
    """What the browser was told to reach. `request.host` would ask the name service where the header is missing."""
    host = request.headers.get(hdrs.HOST, "")
    try:
        return host if HOST.fullmatch(host) and urlsplit(f"//{host}").hostname else None
    except ValueError:  # brackets around what is no address
        return None


def _is_same_secret(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogatepass"), secret.encode(errors="surrogatepass"))


async def _add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(security_headers(_host(request), is_page=request.path == "/"))


def run(host: str, port: int, token: str, command: str) -> None:
    """Until SIGINT, SIGTERM or SIGHUP. Raises InputError where the address can't be had."""
    os.environ.pop("DIGITTY_TOKEN", None)  # no session needs to know it
    with rare_lines():
        asyncio.run(_run(GuardedServer(command, host, port, token), token))


@asynccontextmanager
async def listening(server: GuardedServer) -> AsyncIterator[tuple[str, int]]:
    """The server at work, and the address and port that it got. Leaving the block saves and ends every session. Raises InputError."""
    runner = web.AppRunner(await server._make_app(), access_log=None, keepalive_timeout=SILENCE, lingering_time=1.0, shutdown_timeout=1.0)
    await runner.setup()
    assert runner.server is not None
    server.connections = connections = Connections(runner.server)
    try:
        try:
            address = connections.listen(server.host, server.port)
        except OSError as error:
            raise InputError(f"can't listen on {server.host} port {server.port}: {error.strerror}; choose another with --port") from None
        except UnicodeError:
            raise InputError(f"{server.host} is no name of a host; leave --host out for this machine alone") from None
        yield address
    finally:
        await connections.close()
        await runner.cleanup()


async def _run(server: GuardedServer, token: str) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    async with listening(server) as (name, port):
        click.echo(f"digitty is at http://{f'[{name}]' if ':' in name else name}:{port}/?token={quote(token, safe='', errors='surrogatepass')}")
        click.echo("Each page is a session of its own; closing it saves what it trains. ctrl+c ends them all.", err=True)
        await stop.wait()
        loop.remove_signal_handler(signal.SIGINT)  # a second ctrl+c won't wait
