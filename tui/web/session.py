"""One session of `digitty serve`: a process with the screen in it, and the page that shows it. It ends, and saves, when its page is gone."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from engine.formatting import printable
from engine.process.signals import DEADLINE
from engine.storage.atomic import parse_json
from tui.web.log import complain, log
from tui.web.page import PROTOCOL

SAVING = DEADLINE + 60.0
"""Seconds that the process gets to save and end: first when it is asked to quit, then once more after SIGTERM."""
STALLED = 30.0
"""Seconds that a page may take nothing of what it is sent."""
HEARTBEAT = 15.0
"""Seconds of silence after which the page is asked whether it is still there; it has half of that to answer."""
LOOK_EVERY = 1.0
CLOSING = 3.0
"""Seconds that a page gets to answer that it closes."""
LARGEST_MESSAGE = 1 << 18
"""Bytes of one message from the page; the largest are pastes."""
MOST_UNREAD = 1 << 20
"""Bytes of input that the process has not read yet."""
LAST_ERRORS = 4096
"""Bytes of standard error that are kept."""
MOST_COLUMNS, MOST_LINES = 1000, 500
LONGEST_REASON = 120
"""Bytes; a websocket's close frame holds 123."""


class Gone(Exception):
    """The page is to be closed, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Session(AppService):
    """`converse` does all; `end` ends it from another task."""

    def __init__(self, command: str, page: web.WebSocketResponse, transport: asyncio.Transport, downloads: DownloadManager) -> None:
        super().__init__(
            command,
            write_bytes=lambda data: self._show(page.send_bytes(data)),
            write_str=lambda text: self._show(page.send_str(text)),
            close=lambda: self.end(WSCloseCode.OK, ""),
            download_manager=downloads,
        )
        self._page, self._transport = page, transport
        self._shown = True
        self._errors = b""
        self._reading_errors: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    async def converse(self, width: int, height: int) -> None:
        """Passes on what the page and the process say until either is gone. Returns when the process has ended."""
        code, reason = int(WSCloseCode.OK), ""
        try:
            await self.start(width, height)
            assert self._task is not None
            reading, watching = asyncio.create_task(self._read_page()), asyncio.create_task(self._watch_page())
            try:
                await asyncio.wait({reading, watching, self._task}, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    reading.result()
                elif not watching.done():
                    await self._explain_end()
            finally:
                reading.cancel()
                watching.cancel()
        except Gone as gone:
            code, reason = gone.code, gone.reason
        except OSError as error:
            code, reason = WSCloseCode.INTERNAL_ERROR, f"The session did not start: {error.strerror or error}"
        finally:
            await self.end(code, reason)
            await self.stop()

    async def end(self, code: int, reason: str) -> None:
        """Closes the page; the first code and reason count. The process ends afterwards, as `converse` sees to."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(code, reason))
        await asyncio.shield(self._closing)

    async def _close(self, code: int, reason: str) -> None:
        await close_page(self._page, code, reason)
        self._shown = False
        self._transport.abort()  # frees what waits for a page that reads nothing

    async def wait(self) -> None:
        """Until the process has ended."""
        await self._ended.wait()

    # --- the page -----------------------------------------------------------------------------------------------------

    async def _read_page(self) -> None:
        async for message in self._page:
            if message.type is WSMsgType.TEXT and not await self._obey(message.data):
                raise Gone(WSCloseCode.INTERNAL_ERROR, "The session does not read what is typed. It is ended.")

    async def _watch_page(self) -> None:
        """Until the page is closed. One that reads nothing may keep the task that reads it from noticing, as that waits to send a pong."""
        while not self._page.closed:
            await asyncio.sleep(LOOK_EVERY)

    async def _obey(self, text: str) -> bool:
        """Does what the page asks. False where the process takes nothing more; raises Gone where it is no message of our page."""
        try:
            kind, *rest = parse_json(text.encode(errors="replace"))
            data: Any = rest[0] if rest else None
            if kind == "stdin":
                return await self.send_bytes(data.encode(errors="replace")) or self.stdin.transport.is_closing()  # it is ending, and says why
            if kind == "resize":
                width, height = data["width"], data["height"]
                if type(width) is int and type(height) is int:  # a page that is not shown has a size of null
                    await self.set_terminal_size(*clamped(width, height))
            elif kind == "ping" and isinstance(data, (int, float, str)):
                await self._show(self._page.send_str(json.dumps(["pong", data])))
            elif kind == "blur":
                await self.blur()
            elif kind == "focus":
                await self.focus()
        except (ValueError, TypeError, LookupError, AttributeError):
            raise Gone(WSCloseCode.INVALID_TEXT, "That message does not come from digitty's page.") from None
        return True

    async def _show(self, sending: Coroutine[Any, Any, None]) -> None:
        """Sends something to the page, if it is still there."""
        if not self._shown:
            sending.close()
            return
        try:
            async with asyncio.timeout(STALLED):
                await sending
        except (TimeoutError, ConnectionError, RuntimeError):  # it takes nothing, or is closed
            self._shown = False
            self._transport.abort()

    # --- the process --------------------------------------------------------------------------------------------------

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        """Keeps the end of standard error, where textual-serve keeps all of it and prints it raw."""
        process = await super()._open_app_process(width, height)
        assert process.stderr is not None
        self._reading_errors = asyncio.create_task(self._read_errors(process.stderr))
        process.stderr = asyncio.StreamReader()
        process.stderr.feed_eof()
        return process

    async def _read_errors(self, stderr: asyncio.StreamReader) -> None:
        while data := await stderr.read(LAST_ERRORS):
            self._errors = (self._errors + data)[-LAST_ERRORS:]

    async def send_bytes(self, data: bytes) -> bool:
        return self._write(b"D", data)

    async def send_meta(self, data: dict[str, str | int | bool | None]) -> bool:
        return self._write(b"M", json.dumps(data).encode())

    def _write(self, kind: Any, payload: bytes) -> bool:
        """Without waiting: a process that reads nothing must not keep us from noticing that its page is gone."""
        pipe = self.stdin.transport
        if pipe.is_closing() or pipe.get_write_buffer_size() > MOST_UNREAD:
            return False
        self.stdin.write(self.encode_packet(kind, payload))
        return True

    async def _explain_end(self) -> None:
        """The output has ended, and the page was not closed by the app. Raises Gone with what is known."""
        assert self._process is not None
        assert self._reading_errors is not None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), CLOSING)
            await asyncio.wait_for(asyncio.shield(self._reading_errors), CLOSING)
        lines = [line.strip() for line in self._errors.decode(errors="replace").splitlines() if line.strip()]
        why = printable(lines[-1].removeprefix("digitty: ")) if lines else f"its process ended with code {self._process.returncode}"
        if self._process.returncode is None:
            why = "its output made no sense"
        raise Gone(WSCloseCode.INTERNAL_ERROR, f"The session ended: {why}")

    async def stop(self) -> None:
        """Asks the process to save and quit, waits for that, and makes sure of it in the end."""
        try:
            if self._process is not None:
                await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
                await self._outlive(self._process, asked=await self.send_meta({"type": "quit"}))
            for task in (self._task, self._reading_errors):
                if task is not None:
                    done, _ = await asyncio.wait({task}, timeout=CLOSING)  # a grandchild may hold the pipe
                    task.cancel()
                    if done and (error := _error(task)):
                        log.warning("a session's output made no sense: %r", error)
            for line in self._errors.decode(errors="replace").splitlines():
                complain(line)
        finally:
            if self._process is not None:
                self._process._transport.close()  # type: ignore[attr-defined]  # else its pipes stay open as long as a grandchild has them
            self._ended.set()

    async def _outlive(self, process: Process, asked: bool) -> None:
        """Waits for the process to end; where it does not, or could not be `asked` to, by signals."""
        for patience, end in ((SAVING if asked else 0.0, process.terminate), (SAVING, process.kill)):
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), patience)
                return
            with suppress(ProcessLookupError):
                end()
        await process.wait()


def _error(task: asyncio.Task[None]) -> BaseException | None:
    """What a finished task failed with; textual-serve's reading sometimes cancels itself at its end."""
    return None if task.cancelled() else task.exception()


async def close_page(page: web.WebSocketResponse, code: int, reason: str) -> None:
    """Without waiting for ever for a page that reads nothing."""
    short = reason.encode()[:LONGEST_REASON].decode(errors="ignore").encode()
    with suppress(TimeoutError, ConnectionError, RuntimeError):
        await asyncio.wait_for(page.close(code=code, message=short), CLOSING)


def new_page() -> web.WebSocketResponse:
    return web.WebSocketResponse(heartbeat=HEARTBEAT, timeout=CLOSING, max_msg_size=LARGEST_MESSAGE, protocols=(PROTOCOL,))


def clamped(width: int, height: int) -> tuple[int, int]:
    """A size that the screen can have."""
    return max(1, min(width, MOST_COLUMNS)), max(1, min(height, MOST_LINES))
