"""One session of `digitty serve`: a process that runs the screen, and the page that shows it. When the page closes, the process saves and exits."""

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
from engine.storage.atomic import parse_json
from tui.web.log import log, print_error
from tui.web.page import PROTOCOL
from tui.web.timeouts import Timeouts

MAX_MESSAGE = 1 << 18
"""Bytes of one message from the page. The largest are pastes."""
MAX_UNREAD = 1 << 20
"""Bytes of input that the process has not read yet."""
MAX_STDERR = 4096
"""Bytes at the end of standard error that are kept."""
MAX_COLUMNS, MAX_LINES = 1000, 500
MAX_REASON = 120
"""Bytes of the reason for closing. A websocket's close frame holds 123."""


class ClosePage(Exception):
    """Raised to close the page with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Session(AppService):
    """`relay` does everything. `end` ends the session from another task."""

    def __init__(
        self, command: str, page: web.WebSocketResponse, transport: asyncio.Transport, downloads: DownloadManager, timeouts: Timeouts
    ) -> None:
        super().__init__(
            command,
            write_bytes=lambda data: self._send_to_page(page.send_bytes(data)),
            write_str=lambda text: self._send_to_page(page.send_str(text)),
            close=lambda: self.end(WSCloseCode.OK, ""),
            download_manager=downloads,
        )
        self._page, self._transport, self._timeouts = page, transport, timeouts
        self._page_is_open = True
        self._stderr_end = b""
        self._stderr_task: asyncio.Task[None] | None = None
        self._closing_task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    async def relay(self, width: int, height: int) -> None:
        """Pass messages between the page and the process until one of them ends. Returns when the process has ended."""
        code, reason = int(WSCloseCode.OK), ""
        try:
            await self.start(width, height)
            assert self._task is not None
            reader, watcher = asyncio.create_task(self._read_page()), asyncio.create_task(self._wait_until_closed())
            try:
                await asyncio.wait({reader, watcher, self._task}, return_when=asyncio.FIRST_COMPLETED)
                if reader.done():
                    reader.result()
                elif not watcher.done():
                    await self._explain_end()
            finally:
                reader.cancel()
                watcher.cancel()
        except ClosePage as close:
            code, reason = close.code, close.reason
        except OSError as error:
            code, reason = WSCloseCode.INTERNAL_ERROR, f"The session did not start: {error.strerror or error}"
        finally:
            await self.end(code, reason)
            await self.stop()

    async def end(self, code: int, reason: str) -> None:
        """Close the page. The first code and reason count. `relay` then ends the process."""
        if self._closing_task is None:
            self._closing_task = asyncio.create_task(self._close(code, reason))
        await asyncio.shield(self._closing_task)

    async def _close(self, code: int, reason: str) -> None:
        await close_page(self._page, code, reason, self._timeouts.close)
        self._page_is_open = False
        self._transport.abort()  # releases tasks that wait for a page that reads nothing

    async def wait(self) -> None:
        """Wait until the process has ended."""
        await self._ended.wait()

    # --- the page -----------------------------------------------------------------------------------------------------

    async def _read_page(self) -> None:
        async for message in self._page:
            if message.type is WSMsgType.TEXT and not await self._handle_message(message.data):
                raise ClosePage(WSCloseCode.INTERNAL_ERROR, "The session stopped reading its input and was ended. Reload the page.")

    async def _wait_until_closed(self) -> None:
        """Wait until the page is closed. If the page reads nothing, `_read_page` may wait to send a pong and not notice."""
        while not self._page.closed:
            await asyncio.sleep(self._timeouts.poll)

    async def _handle_message(self, text: str) -> bool:
        """Handle a message from the page. False if the process reads no more input. Raises ClosePage if our page would not send it."""
        try:
            kind, *rest = parse_json(text.encode(errors="replace"))
            data: Any = rest[0] if rest else None
            if kind == "stdin":
                is_written = await self.send_bytes(data.encode(errors="replace"))
                return is_written or self.stdin.transport.is_closing()  # a process that ends says why itself
            if kind == "resize":
                width, height = data["width"], data["height"]
                if type(width) is int and type(height) is int:  # a hidden page sends null
                    await self.set_terminal_size(*clamp_size(width, height))
            elif kind == "ping" and isinstance(data, (int, float, str)):
                await self._send_to_page(self._page.send_str(json.dumps(["pong", data])))
            elif kind == "blur":
                await self.blur()
            elif kind == "focus":
                await self.focus()
        except (ValueError, TypeError, LookupError, AttributeError):
            raise ClosePage(WSCloseCode.INVALID_TEXT, "The server received an invalid message. Reload the page.") from None
        return True

    async def _send_to_page(self, sending: Coroutine[Any, Any, None]) -> None:
        """Send something to the page if it is still open."""
        if not self._page_is_open:
            sending.close()
            return
        try:
            async with asyncio.timeout(self._timeouts.send):
                await sending
        except (TimeoutError, ConnectionError, RuntimeError):  # the page reads nothing, or is closed
            self._page_is_open = False
            self._transport.abort()

    # --- the process --------------------------------------------------------------------------------------------------

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        """Keep only the end of standard error. textual-serve keeps all of it and prints it unfiltered."""
        process = await super()._open_app_process(width, height)
        assert process.stderr is not None
        self._stderr_task = asyncio.create_task(self._read_stderr(process.stderr))
        process.stderr = asyncio.StreamReader()
        process.stderr.feed_eof()
        return process

    async def _read_stderr(self, stderr: asyncio.StreamReader) -> None:
        while data := await stderr.read(MAX_STDERR):
            self._stderr_end = (self._stderr_end + data)[-MAX_STDERR:]

    async def send_bytes(self, data: bytes) -> bool:
        return self._write(b"D", data)

    async def send_meta(self, data: dict[str, str | int | bool | None]) -> bool:
        return self._write(b"M", json.dumps(data).encode())

    def _write(self, kind: Any, payload: bytes) -> bool:
        """Write without waiting, so that a process that reads nothing cannot hide that its page has closed. Whether it was written."""
        pipe = self.stdin.transport
        if pipe.is_closing() or pipe.get_write_buffer_size() > MAX_UNREAD:
            return False
        self.stdin.write(self.encode_packet(kind, payload))
        return True

    async def _explain_end(self) -> None:
        """Explain why the output ended although nobody closed the page. Always raises ClosePage."""
        assert self._process is not None
        assert self._stderr_task is not None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), self._timeouts.close)
            await asyncio.wait_for(asyncio.shield(self._stderr_task), self._timeouts.close)
        lines = [line.strip() for line in self._stderr_end.decode(errors="replace").splitlines() if line.strip()]
        why = printable(lines[-1].removeprefix("digitty: ")) if lines else f"its process ended with code {self._process.returncode}"
        if self._process.returncode is None:
            why = "its output was invalid"
        raise ClosePage(WSCloseCode.INTERNAL_ERROR, f"The session ended: {why}")

    async def stop(self) -> None:
        """Ask the process to save and quit, and wait until it has ended, if need be by a signal."""
        try:
            if self._process is not None:
                await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
                await self._wait_or_kill(self._process, was_asked=await self.send_meta({"type": "quit"}))
            for task in (self._task, self._stderr_task):
                if task is not None:
                    done, _ = await asyncio.wait({task}, timeout=self._timeouts.close)  # a grandchild may keep the pipe open
                    task.cancel()
                    if done and (error := _error(task)):
                        log.warning("a session's output was invalid: %r", error)
            for line in self._stderr_end.decode(errors="replace").splitlines():
                print_error(line)
        finally:
            if self._process is not None:
                self._process._transport.close()  # type: ignore[attr-defined]  # otherwise its pipes stay open as long as a grandchild has them
            self._ended.set()

    async def _wait_or_kill(self, process: Process, was_asked: bool) -> None:
        """Wait until the process has ended. Send signals if it does not, or at once if it could not be asked to."""
        for seconds, send_signal in ((self._timeouts.save if was_asked else 0.0, process.terminate), (self._timeouts.save, process.kill)):
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), seconds)
                return
            with suppress(ProcessLookupError):
                send_signal()
        await process.wait()


def _error(task: asyncio.Task[None]) -> BaseException | None:
    """The exception of a finished task. textual-serve's reader sometimes cancels itself at its end, which is none."""
    return None if task.cancelled() else task.exception()


async def close_page(page: web.WebSocketResponse, code: int, reason: str, timeout: float) -> None:
    """Close a page, and wait at most `timeout` seconds for its answer."""
    message = reason.encode()[:MAX_REASON].decode(errors="ignore").encode()
    with suppress(TimeoutError, ConnectionError, RuntimeError):
        await asyncio.wait_for(page.close(code=code, message=message), timeout)


def new_page(timeouts: Timeouts) -> web.WebSocketResponse:
    return web.WebSocketResponse(heartbeat=timeouts.heartbeat, timeout=timeouts.close, max_msg_size=MAX_MESSAGE, protocols=(PROTOCOL,))


def clamp_size(width: int, height: int) -> tuple[int, int]:
    """The nearest size that the screen can have."""
    return max(1, min(width, MAX_COLUMNS)), max(1, min(height, MAX_LINES))
