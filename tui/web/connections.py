"""The connections of `digitty serve`: few strangers at once, none that stays silent, and no end to accepting when file descriptors run out."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Callable

from tui.web.log import log

SILENCE = 10.0
"""Seconds in which a connection has to send the header of a request."""
MOST_STRANGERS = 64
"""Connections without a session; a page opens about six while it loads."""
FEWEST_STRANGERS = 8
RETRY = 0.1
"""Seconds to wait after a connection could not be accepted."""
BACKLOG = 128


def most_strangers() -> int:
    """An eighth of the file descriptors that this process may open: sessions and files need the others."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_STRANGERS if limit == resource.RLIM_INFINITY else max(FEWEST_STRANGERS, min(MOST_STRANGERS, limit // 8))


class Connections:
    """Accepts connections for `protocol`. A connection is a stranger's until a session has been opened on it.

    Where there are too many strangers the oldest makes room. One that sends no request for SILENCE seconds is closed.
    """

    def __init__(self, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._protocol = protocol
        self._most = most_strangers()
        self._strangers: dict[asyncio.BaseTransport, asyncio.TimerHandle] = {}  # the oldest first
        self._listeners: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []

    def listen(self, host: str, port: int) -> tuple[str, int]:
        """Starts to accept; returns the first address and its port. Raises OSError where an address can't be had."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, *_, address in dict.fromkeys(found):
            listener = socket.create_server(address, family=family, backlog=BACKLOG)
            listener.setblocking(False)
            self._listeners.append(listener)
            self._tasks.append(asyncio.get_running_loop().create_task(self._accept(listener)))
        name, got, *_ = self._listeners[0].getsockname()
        return str(name), int(got)

    async def close(self) -> None:
        """Accepts no more, and closes what strangers have open. Sessions go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        while self._strangers:
            self._close_oldest()

    def heard(self, transport: asyncio.BaseTransport | None) -> None:
        """It has sent a request: from now on the HTTP server's own time limits hold."""
        if transport in self._strangers:
            self._strangers[transport].cancel()

    def admit(self, transport: asyncio.BaseTransport | None) -> None:
        """It is a session's, and no stranger's any more."""
        if transport is not None and (timer := self._strangers.pop(transport, None)):
            timer.cancel()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:  # no file descriptor is left, or the other side has gone already
                log.warning("can't accept a connection: %s", error.strerror)
                self._close_oldest()
                await asyncio.sleep(RETRY)
                continue
            self._forget_closed()
            while len(self._strangers) >= self._most:
                self._close_oldest()
            try:
                transport, _ = await loop.connect_accepted_socket(self._protocol, connection)
            except OSError:
                connection.close()
                continue
            self._strangers[transport] = loop.call_later(SILENCE, self._close, transport)

    def _forget_closed(self) -> None:
        for transport in [each for each in self._strangers if each.is_closing()]:
            self.admit(transport)

    def _close_oldest(self) -> None:
        if self._strangers:
            self._close(next(iter(self._strangers)))

    def _close(self, transport: asyncio.BaseTransport) -> None:
        self.admit(transport)
        assert isinstance(transport, asyncio.Transport)
        transport.abort()  # `close` would wait for a stranger that reads nothing
