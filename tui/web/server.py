"""The server behind `digitty serve`: textual-serve's with access control. Each session is a process; closing its page saves and ends it.

A client with the token can do whatever the user can, such as start and delete runs. So there is always a token, even on this machine, where others
may be logged in. It is part of the first address. The page then gets a key that is valid until this server ends (page.py). Requests for other
host names are refused, so that no page elsewhere gets here by DNS rebinding, and only a page from here may open a websocket.
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
from tui.web.connections import Connections, pending_limit
from tui.web.log import rare_lines
from tui.web.page import PROTOCOL, STATIC, add_script, page_address, security_headers
from tui.web.session import Session, clamp_size, close_page, new_page
from tui.web.timeouts import Timeouts

MAX_SESSIONS = 4
"""Sessions at the same time. Each is a process with PyTorch in it."""
HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class GuardedServer(Server):
    """Serves the page, and runs `command` for each session."""

    def __init__(self, command: str, host: str, port: int, token: str, timeouts: Timeouts | None = None) -> None:
        super().__init__(command, host, port, title="digitty")
        self.timeouts = timeouts or Timeouts()
        self._token, self._key = token, secrets.token_urlsafe(24)
        self._sessions: set[Session] = set()
        self.connections: Connections | None = None

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._check_access)
        app.on_response_prepare.append(_add_security_headers)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Do nothing: textual-serve would print a banner."""

    async def on_shutdown(self, app: web.Application) -> None:
        """End every session, which saves what it trains."""
        sessions = list(self._sessions)
        await asyncio.gather(*(session.end(WSCloseCode.GOING_AWAY, "digitty serve has ended.") for session in sessions))
        await asyncio.gather(*(session.wait() for session in sessions))

    # --- access -------------------------------------------------------------------------------------------------------

    @web.middleware
    async def _check_access(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.connections is not None:
            self.connections.on_request(request.transport)
        if request.method != hdrs.METH_GET:
            raise web.HTTPMethodNotAllowed(request.method, [hdrs.METH_GET])
        host = _host(request)
        if host is None:
            raise web.HTTPBadRequest(text="the request has no valid host")
        if is_loopback(self.host) and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            raise web.HTTPForbidden(text="this server answers only to localhost")
        if request.path == "/" and "token" in request.query:
            if not _token_ok(request.query["token"], self._token):
                raise web.HTTPForbidden(text="the token is wrong: open the address that digitty serve printed")
            raise web.HTTPFound(page_address(self._key, request.query.get("fontsize", "")), headers={"Cache-Control": "no-store"})
        if request.path.startswith("/static") and not STATIC.fullmatch(request.path):
            raise web.HTTPNotFound
        if request.path == "/ws":
            self._check_websocket(request, host)
        return await handler(request)

    def _check_websocket(self, request: web.Request, host: str) -> None:
        """Check key and origin. Browsers always send the origin of the page; other clients run no foreign pages, and so may leave it out."""
        offered = [each.strip() for each in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",")]
        if offered[0] != PROTOCOL or len(offered) != 2 or not _token_ok(offered[1], self._key):
            raise web.HTTPForbidden(text="the key is missing or wrong: open the address that digitty serve printed")
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and origin.partition("://")[2] != host:
            raise web.HTTPForbidden(text="the request comes from a page that is not digitty's")

    # --- responses ----------------------------------------------------------------------------------------------------

    async def handle_index(self, request: web.Request) -> Any:
        """The page, for the name and port of the request. With ssh -L the port may not be ours."""
        self.public_url = f"{request.scheme}://{request.host}"  # super() reads it before any other request is handled
        page = await super().handle_index(request)
        assert isinstance(page, web.Response)
        assert page.text is not None
        page.text = add_script(page.text, self.public_url)
        page.headers["Cache-Control"] = "no-cache"
        return page

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run a session, from the first byte to the end of its process."""
        page, transport = new_page(self.timeouts), request.transport
        assert transport is not None
        if self.connections is not None:
            self.connections.admit(transport)
        await self._wait_for_session()
        session = Session(self.command, page, transport, self.download_manager, self.timeouts)
        full = len(self._sessions) >= MAX_SESSIONS
        if not full:
            self._sessions.add(session)
        try:
            await page.prepare(request)
            if full:
                reason = f"{MAX_SESSIONS} sessions are open. Close one, wait until it has saved, and try again."
                await close_page(page, WSCloseCode.TRY_AGAIN_LATER, reason, self.timeouts.close)
            else:
                await session.relay(*clamp_size(to_int(request.query.get("width", ""), 80), to_int(request.query.get("height", ""), 24)))
        finally:
            self._sessions.discard(session)
        return page

    async def _wait_for_session(self) -> None:
        """Wait a while for a session to end. The old session of a page that is reloaded is about to."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.timeouts.free_session):
                while len(self._sessions) >= MAX_SESSIONS:
                    await asyncio.sleep(0.05)


def _host(request: web.Request) -> str | None:
    """The host in the request's header. Where that is missing, `request.host` would query DNS."""
    host = request.headers.get(hdrs.HOST, "")
    try:
        return host if HOST.fullmatch(host) and urlsplit(f"//{host}").hostname else None
    except ValueError:  # brackets around something other than an address
        return None


def _token_ok(candidate: str, secret: str) -> bool:
    return hmac.compare_digest(candidate.encode(errors="surrogatepass"), secret.encode(errors="surrogatepass"))


async def _add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(security_headers(_host(request), is_page=request.path == "/"))


def run(host: str, port: int, token: str, command: str) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. Raises InputError if the address is not available."""
    os.environ.pop("DIGITTY_TOKEN", None)  # sessions do not need it
    with rare_lines():
        asyncio.run(_run(GuardedServer(command, host, port, token), token))


@asynccontextmanager
async def listening(server: GuardedServer, max_pending: int | None = None) -> AsyncIterator[tuple[str, int]]:
    """Serve within the block, which gets the address and the port. Its end saves and ends every session. Raises InputError."""
    runner = web.AppRunner(
        await server._make_app(), access_log=None, keepalive_timeout=server.timeouts.request, lingering_time=1.0, shutdown_timeout=1.0
    )
    await runner.setup()
    assert runner.server is not None
    server.connections = connections = Connections(runner.server, server.timeouts, max_pending or pending_limit())
    try:
        try:
            address = connections.listen(server.host, server.port)
        except OSError as error:
            raise InputError(f"can't listen on {server.host} port {server.port}: {error.strerror}; choose another with --port") from None
        except UnicodeError:
            raise InputError(f"{server.host} is not a host name; leave out --host to listen on this machine only") from None
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
        click.echo("Each page is a separate session. Closing a page saves its training and ends its session. ctrl+c ends all sessions.", err=True)
        await stop.wait()
        loop.remove_signal_handler(signal.SIGINT)  # so that a second ctrl+c does not wait
