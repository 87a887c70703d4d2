"""Textual's driver, which asks the terminal where its cursor is, survives whatever is typed, and gives the terminal back while it is stopped."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui.terminal.flow_control import QUESTION
from tui.terminal.tty import RestorableTty
from tui.terminal.typed_input import TypedInput

if TYPE_CHECKING:
    from tui.terminal.paced_app import PacedApp

SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"
"""What comes between is shown at once, where the terminal knows how."""
EXIT_WAIT = 1.0
"""Seconds that leaving waits for answers under way: the shell would take them for typed."""
IDLE, BUSY = 0.1, 0.02
"""Seconds between two looks whether input is overdue, and while some may be."""

log = logging.getLogger(__name__)


class PacedDriver(LinuxDriver):
    """For a PacedApp in a terminal. It neither asks for reports of the size, since SIGWINCH tells, nor for mouse positions in pixels."""

    def __init__(self, app: PacedApp, **how: Any) -> None:
        super().__init__(app, **how)
        self._asked = self._heard = 0
        self._all_heard = threading.Condition()
        self._blurred = self._stopping = self._over = False
        self.entered = False
        """Whether the terminal is there to be drawn on."""

    # --- output -------------------------------------------------------------------------------------------------------

    @property
    def backlog(self) -> bool:
        """Whether the terminal has not even taken what was sent."""
        assert self._writer_thread
        return self._writer_thread._queue.qsize() > 0

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread:  # which a process in the background has not
            self.entered = True
            self._asked = self._heard = 0
            cast("PacedApp", self._app).entered(self)

    def stop_application_mode(self) -> None:
        """Whatever is answered later is typed into the shell."""
        self.entered, self._over = False, not self._stopping
        if cast("PacedApp", self._app).asks:
            with self._all_heard:
                self._all_heard.wait_for(lambda: self._heard >= self._asked, EXIT_WAIT)
        super().stop_application_mode()

    def close(self) -> None:
        super().close()
        self._writer_thread = self._key_thread = None

    def paint(self, rows: list[str], cursor: tuple[int, int], at_once: bool, ask: bool) -> int:
        """Sends rows, leaves the cursor there, and asks; how many bytes that are."""
        x, y = cursor
        picture = f"{''.join(rows)}\x1b[0m\x1b[{y + 1};{x + 1}H" if rows else f"\x1b[{y + 1};{x + 1}H"
        data = (SYNC_START + picture + SYNC_END if at_once and rows else picture) + QUESTION * ask
        self._asked += ask
        self.write(data)
        return len(data.encode())

    def write(self, data: str) -> None:
        """Nothing, once the terminal is given back."""
        if self._writer_thread is not None:
            super().write(data)

    def _query_in_band_window_resize(self) -> None:
        """Terminals that know mode 2048 would report sizes in pixels, some of them 0 x 0, and be asked for the mouse in pixels (mode 1016)."""

    # --- input, on a thread of its own ----------------------------------------------------------------------------------

    def _run_input_thread(self) -> None:
        """Nothing that is typed ends this thread."""
        while not self.exit_event.is_set():
            try:
                self.run_input_thread()
            except Exception:
                log.exception("the keyboard")
                self.exit_event.wait(IDLE)

    def run_input_thread(self) -> None:
        typed = TypedInput()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                wait = BUSY if typed.waiting else IDLE
                silent_until = time.monotonic() + wait  # on a busy machine it may be much later when this thread has its turn
                data = self._read() if selector.select(wait) else None
                if data == b"":
                    self.exit_event.wait(IDLE)  # the terminal is gone; another thread sees to that
                for message in typed.feed(data) if data else typed.tick(silent_until):
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
            self._answered()
            return
        if isinstance(message, events.AppBlur | events.AppFocus):
            self._blurred = isinstance(message, events.AppBlur)
        elif self._blurred and isinstance(message, events.Key | events.Paste):
            self._blurred = False  # who types into this terminal has it before him: its report is lost, and letters would be keys
            self._send(events.AppFocus())
        self._send(message)

    def _answered(self) -> None:
        with self._all_heard:
            self._heard += 1
            self._all_heard.notify()
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(cast("PacedApp", self._app).answered, time.monotonic())

    def _send(self, message: Message) -> None:
        with suppress(RuntimeError):  # the loop has ended
            super().process_message(message)

    # --- stopped by ctrl+z or SIGTSTP, continued by SIGCONT -------------------------------------------------------------

    @property
    def has_shell(self) -> bool:
        """Whether the process was started in this terminal's session, by a shell that can continue it."""
        try:
            return os.getsid(os.getppid()) == os.getsid(0)
        except OSError:
            return False

    def stop_as_shells_do(self) -> None:
        """For ctrl+z: with all of its process group. Where no shell could continue it, the system ignores the signal."""

        def stop() -> None:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.killpg(os.getpgrp(), signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, self._sigtstp_application)

        self._stop(stop)

    def _sigtstp_application(self, *_: object) -> None:
        """Not within the handler: what it interrupts may hold the locks of what is written."""
        try:
            self._loop.call_soon_threadsafe(self._stop, self._freeze)
        except RuntimeError:  # the loop has ended
            self._freeze()

    def _sigcont_application(self, *_: object) -> None:
        """After SIGSTOP, which could not be handled, the shell has used the terminal; at a start in the background there was none."""
        if not self._stopping:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._stop, lambda: None)

    def _stop(self, stop: Callable[[], None]) -> None:
        """Gives the terminal back, stops, and takes it again once the process is continued in the foreground. On the screen's thread."""
        if self._stopping or self._over:
            return
        self._stopping = True
        try:
            if self.entered:
                self.suspend_application_mode()
            stop()
            while self._in_background():
                self._freeze()
            if not (isinstance(self._file, RestorableTty) and self._file.is_shut):  # systemd continues what it has just asked to leave
                self.resume_application_mode()
        finally:
            self._stopping = False

    @staticmethod
    def _freeze() -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    def _in_background(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) != os.getpgrp()
        except OSError:
            return False
