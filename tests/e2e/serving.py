"""A server of `digitty serve` in this process, and those who visit it."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pyte

from tui.web.server import GuardedServer, listening
from tui.web.timeouts import Timeouts

TOKEN = "a token of 27 characters ok"
FAKE = f"exec {shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).with_name('served_app.py')))}"
"""The real screen over jobs without torch."""


def packets(notes: Path, habit: str = "") -> str:
    """The command of a session without a screen: see served_packets.py."""
    return shlex.join(["exec", sys.executable, "-S", str(Path(__file__).with_name("served_packets.py")), str(notes), habit])


@asynccontextmanager
async def served(command: str = FAKE, timeouts: Timeouts | None = None, max_pending: int | None = None) -> AsyncIterator[str]:
    """A server, and its address."""
    async with listening(GuardedServer(command, "127.0.0.1", 0, TOKEN, timeouts), max_pending) as (_, port):
        yield f"http://127.0.0.1:{port}"


class Visitor:
    """Who has come in by the token, and has the key."""

    def __init__(self, url: str, session: aiohttp.ClientSession, key: str) -> None:
        self.url, self.session, self.key = url, session, key

    async def open(self, query: str = "", **headers: str) -> aiohttp.ClientWebSocketResponse:
        """A websocket, as the page opens it."""
        return await self.session.ws_connect(f"{self.url}/ws{query}", protocols=("digitty", self.key), headers=headers, max_msg_size=0)


@asynccontextmanager
async def visitor(url: str) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/", params={"token": TOKEN}, allow_redirects=False) as answer:
            key = answer.headers["Location"].partition("#key=")[2]
        yield Visitor(url, session, key)


class Page:
    """A session's terminal."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    async def sees(self, *texts: str, seconds: float = 90.0) -> None:
        async def shown() -> None:
            while not all(text in self.text for text in texts):
                message = await self.socket.receive()
                if message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSE):
                    raise AssertionError(f"closed: {self.text}")
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._stream.feed(message.data)

        try:
            await asyncio.wait_for(shown(), seconds)
        except TimeoutError:
            raise AssertionError(f"never seen:\n{self.text}") from None

    async def type(self, text: str) -> None:
        await self.socket.send_json(["stdin", text])


async def closed(socket: aiohttp.ClientWebSocketResponse, seconds: float = 60.0) -> tuple[int | None, str]:
    """Reads to the end: the code and the reason that the server closed with."""
    async with asyncio.timeout(seconds):
        while True:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.CLOSE:
                return message.data, message.extra
            if message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.ERROR):
                return socket.close_code, ""


async def until(true: Callable[[], Any], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.05)
