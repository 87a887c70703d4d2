"""The connections of `digitty serve`. Limits those without a session, closes silent ones, and survives a lack of file descriptors."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Callable

from tui.web.log import log
from tui.web.timeouts import Timeouts

MAX_PENDING, MIN_PENDING = 64, 8
"""Bounds of the limit on connections without a session. A page opens about six while it loads."""
BACKLOG = 128


def pending_limit() -> int:
    """An eighth of the file descriptors that this process may open. Sessions and files need the others."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MAX_PENDING if limit == resource.RLIM_INFINITY else max(MIN_PENDING, min(MAX_PENDING, limit // 8))


class Connections:
    """Accepts connections for `protocol`. A connection is pending until a session has been opened on it.

    Above the limit the oldest pending connection is closed. So is one that sends no request in time.
    """

    def __init__(self, protocol: Callable[[], asyncio.BaseProtocol], timeouts: Timeouts, limit: int) -> None:
        self._protocol, self._timeouts, self._limit = protocol, timeouts, limit
        self._pending: dict[asyncio.BaseTransport, asyncio.TimerHandle] = {}  # the oldest first
        self._listeners: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []

    def listen(self, host: str, port: int) -> tuple[str, int]:
        """Start to accept connections. Returns the first address and its port. Raises OSError if an address is not available."""
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, *_, address in dict.fromkeys(addresses):
            listener = socket.create_server(address, family=family, backlog=BACKLOG)
            listener.setblocking(False)
            self._listeners.append(listener)
            self._tasks.append(asyncio.get_running_loop().create_task(self._accept(listener)))
        name, port, *_ = self._listeners[0].getsockname()
        return str(name), int(port)

    async def close(self) -> None:
        """Accept no more, and close pending connections. Sessions continue."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        while self._pending:
            self._close_oldest()

    def on_request(self, transport: asyncio.BaseTransport | None) -> None:
        """The connection has sent a request, so the HTTP server's own timeouts apply from now on."""
        if transport in self._pending:
            self._pending[transport].cancel()

    def admit(self, transport: asyncio.BaseTransport | None) -> None:
        """The connection belongs to a session and is no longer pending."""
        if transport is not None and (timer := self._pending.pop(transport, None)):
            timer.cancel()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:  # there is no file descriptor left, or the client has gone
                log.warning("can't accept a connection: %s", error.strerror)
                self._close_oldest()
                await asyncio.sleep(self._timeouts.retry)
                continue
            self._forget_closed()
            while len(self._pending) >= self._limit:
                self._close_oldest()
            try:
                transport, _ = await loop.connect_accepted_socket(self._protocol, connection)
            except OSError:
                connection.close()
                continue
            self._pending[transport] = loop.call_later(self._timeouts.request, self._close, transport)

    def _forget_closed(self) -> None:
        for transport in [each for each in self._pending if each.is_closing()]:
            self.admit(transport)

    def _close_oldest(self) -> None:
        if self._pending:
            self._close(next(iter(self._pending)))

    def _close(self, transport: asyncio.BaseTransport) -> None:
        self.admit(transport)
        assert isinstance(transport, asyncio.Transport)
        transport.abort()  # `close` would wait for a client that reads nothing
