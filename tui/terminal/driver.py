"""Textual's driver, which also queries the terminal, survives any input, and restores the terminal while the process is suspended."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, cast

from textual import events
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui.terminal.flow_control import CURSOR_QUERY
from tui.terminal.self_description import SelfDescription
from tui.terminal.tty import RestorableTty
from tui.terminal.typed_input import TypedInput

SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"
"""Output in between is shown all at once, where the terminal knows how."""
EXIT_WAIT = 1.0
"""Seconds that the exit waits for answers to queries. The shell would take later ones for typed input."""
WAITING_POLL = 0.02
"""Seconds between two checks for timeouts of input while part of a sequence is there."""
AFTER_FAILURE = 0.1
"""Seconds until the next read after one that failed."""

log = logging.getLogger(__name__)


class QueryingApp(Protocol):
    """What the driver tells and asks its application. All calls come on the event loop's thread."""

    @property
    def expects_answers(self) -> bool:
        """Whether the terminal answers queries, as far as is known."""

    @property
    def questions(self) -> str:
        """What to ask the terminal about itself."""

    def on_terminal_entered(self, driver: PacedDriver) -> None:
        """The terminal is ready to be drawn on."""

    def on_terminal_leaving(self, driver: PacedDriver) -> None:
        """The terminal is about to be restored."""

    def on_terminal_answer(self, at: float) -> None:
        """An answer to a query came at this time."""

    def on_self_description(self, text: str) -> None:
        """The terminal answered one of the questions."""

    def last_output(self) -> str:
        """The text to send before leaving the terminal."""


class SelectableEvent(threading.Event):
    """An event that `select` can wait for together with files."""

    def __init__(self) -> None:
        super().__init__()
        self._read, self._write = os.pipe()

    def fileno(self) -> int:
        return self._read

    def set(self) -> None:
        if not self.is_set():
            os.write(self._write, b"\0")
        super().set()

    def clear(self) -> None:
        if self.is_set():
            os.read(self._read, 1)
        super().clear()


class PacedDriver(LinuxDriver):
    """The driver of a PacedApp. It does not ask for reports of the size, since SIGWINCH reports it, or for mouse positions in pixels."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self.exit_event = self._input_ends = SelectableEvent()
        self._querying_app = cast("QueryingApp", app)
        self._queries = self._answers = 0
        self._answer_came = threading.Condition()
        self._blurred = self._suspending = self._left = False
        self.entered = False
        """Whether the terminal is ready to be drawn on."""

    # --- output -------------------------------------------------------------------------------------------------------

    @property
    def has_backlog(self) -> bool:
        """Whether some output still waits in this process."""
        assert self._writer_thread
        return self._writer_thread._queue.qsize() > 0

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread:  # a process in the background has none
            self.entered = True
            self._queries = self._answers = 0
            self.write(self._querying_app.questions)
            self._querying_app.on_terminal_entered(self)

    def stop_application_mode(self) -> None:
        """Leave the terminal after the answers to all queries, which the shell would take for typed input."""
        if self.entered:
            self.write(self._querying_app.last_output())
        self.entered, self._left = False, not self._suspending
        if self._querying_app.expects_answers:
            with self._answer_came:
                self._answer_came.wait_for(lambda: self._answers >= self._queries, EXIT_WAIT)
        if self._writer_thread:
            self._querying_app.on_terminal_leaving(self)
        super().stop_application_mode()

    def close(self) -> None:
        super().close()
        self._writer_thread = self._key_thread = None

    def paint(self, rows: list[str], cursor: tuple[int, int], synchronized: bool, query: bool) -> int:
        """Send rows, put the cursor there, and send a query. Returns the number of bytes."""
        x, y = cursor
        picture = f"{''.join(rows)}\x1b[0m\x1b[{y + 1};{x + 1}H" if rows else f"\x1b[{y + 1};{x + 1}H"
        data = (SYNC_START + picture + SYNC_END if synchronized and rows else picture) + CURSOR_QUERY * query
        self._queries += query
        self.write(data)
        return len(data.encode())

    def write(self, data: str) -> None:
        """Write, or do nothing once the terminal is restored."""
        if self._writer_thread is not None:
            super().write(data)

    def _query_in_band_window_resize(self) -> None:
        """Do not ask. Terminals with mode 2048 would report sizes in pixels, some of them 0 x 0, and get mouse positions in pixels (mode 1016)."""

    # --- input, on a separate thread ------------------------------------------------------------------------------------

    def _run_input_thread(self) -> None:
        """Read until the driver stops. No input ends this thread."""
        while not self.exit_event.is_set():
            try:
                self.run_input_thread()
            except Exception:
                log.exception("reading input")
                self.exit_event.wait(AFTER_FAILURE)

    def run_input_thread(self) -> None:
        parser = TypedInput()
        with selectors.SelectSelector() as selector:
            terminal = selector.register(self.fileno, selectors.EVENT_READ)
            selector.register(self._input_ends, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                silent_until = time.monotonic() + WAITING_POLL  # on a busy machine this thread may run much later
                ready = selector.select(WAITING_POLL if parser.waiting else None)
                data = self._read() if any(key is terminal for key, _ in ready) else None
                if data == b"":
                    self.exit_event.wait(AFTER_FAILURE)  # the terminal is gone, which another thread handles
                for message in parser.feed(data) if data else parser.tick(silent_until):
                    self.process_message(message)

    def _read(self) -> bytes | None:
        try:
            return os.read(self.fileno, 4096)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.CursorPosition):
            self._on_answer()
            return
        if isinstance(message, SelfDescription):
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._querying_app.on_self_description, message.text)
            return
        if isinstance(message, events.AppBlur | events.AppFocus):
            self._blurred = isinstance(message, events.AppBlur)
        elif self._blurred and isinstance(message, events.Key | events.Paste):
            self._blurred = False  # somebody types, so the report of the focus was lost; without it letters would act as keys
            self._send(events.AppFocus())
        self._send(message)

    def _on_answer(self) -> None:
        with self._answer_came:
            self._answers += 1
            self._answer_came.notify()
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._querying_app.on_terminal_answer, time.monotonic())

    def _send(self, message: Message) -> None:
        with suppress(RuntimeError):  # the loop has ended
            super().process_message(message)

    # --- suspended by ctrl+z or SIGTSTP, resumed by SIGCONT -----------------------------------------------------------

    @property
    def has_shell(self) -> bool:
        """Whether the process was started in this terminal's session by a shell, which can resume it."""
        try:
            return os.getsid(os.getppid()) == os.getsid(0)
        except OSError:
            return False

    def suspend_process_group(self) -> None:
        """Suspend the whole process group, as ctrl+z does. Where no shell could resume it, the system ignores the signal."""

        def suspend() -> None:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.killpg(os.getpgrp(), signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, self._sigtstp_application)

        self._suspend(suspend)

    def _sigtstp_application(self, *_: object) -> None:
        """Suspend on the event loop, not in the handler: the interrupted code may hold the locks of output."""
        try:
            self._loop.call_soon_threadsafe(self._suspend, self._freeze)
        except RuntimeError:  # the loop has ended
            self._freeze()

    def _sigcont_application(self, *_: object) -> None:
        """Take the terminal again: after SIGSTOP, which cannot be handled, and after a start in the background."""
        if not self._suspending:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._suspend, lambda: None)

    def _suspend(self, suspend: Callable[[], None]) -> None:
        """Restore the terminal, suspend, and take the terminal again once the process is resumed in the foreground. On the event loop's thread."""
        if self._suspending or self._left:
            return
        self._suspending = True
        try:
            if self.entered:
                self.suspend_application_mode()
            suspend()
            while self._in_background():
                self._freeze()
            if not (isinstance(self._file, RestorableTty) and self._file.is_shut):  # systemd sends SIGCONT after SIGTERM
                self.resume_application_mode()
        finally:
            self._suspending = False

    @staticmethod
    def _freeze() -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    def _in_background(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) != os.getpgrp()
        except OSError:
            return False
