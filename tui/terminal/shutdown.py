"""How the screen exits after a signal, after the end of its terminal, or after an unhandled exception: on a thread that nothing else can block.

Textual handles neither SIGTERM nor SIGHUP, spins where a terminal ends without them, draws tracebacks over the terminal, and its event loop may
wait for a terminal that takes nothing. This thread restores the terminal, says why, saves, and exits. It exits even if an earlier step fails.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
import time
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn, Protocol

from engine.formatting import printable
from engine.process.signals import DEADLINE, SIGNALS, TOGETHER
from tui.terminal.tty import RestorableTty

NOT_SAVED = "the disk does not respond, so digitty exits without saving; the last save is intact"
FAULT = 255
"""Stands for an exception on the wake-up pipe; no signal has this number."""
CHECK_EVERY = 1.0
"""Seconds between checks that the terminal still exists, for an end that no event reports."""

log = logging.getLogger(__name__)


class Shutdown(Protocol):
    """The work that the exit has to save."""

    last_words: list[str]
    """Lines to print once the terminal is restored and everything is saved."""

    def finish(self, seconds: float) -> bool:
        """Save. False if that took longer than `seconds`. May be called from any thread."""

    def patience(self) -> float:
        """Seconds beyond DEADLINE that the current step may need."""

    def saving(self) -> str:
        """A line that says what `finish` will wait for; empty if it will not wait."""


class _NoWork:
    def __init__(self) -> None:
        self.last_words: list[str] = []

    def finish(self, seconds: float) -> bool:
        return True

    def patience(self) -> float:
        return 0.0

    def saving(self) -> str:
        return ""


class ShutdownWatcher:
    """Within its block SIGINT, SIGTERM, SIGHUP and the end of the terminal `stdin` exit the process with code 128 + number.

    An exception that no thread handles exits with code 1; its traceback goes to the log `file`. For the main thread only.
    """

    def __init__(self, display: RestorableTty, stdin: int = 0, file: Path | None = None) -> None:
        self.work: Shutdown = _NoWork()
        self._display, self._stdin, self._file = display, stdin, file
        self._is_terminal = os.isatty(stdin)  # in a browser it is a pipe
        self._code = 0
        self._sigterm = False
        self._fault_text = ""
        self._lock = threading.Lock()
        self._interrupted = 0.0
        """The time of the first ctrl+c."""
        self._previous_handlers = {number: signal.getsignal(number) for number in SIGNALS}
        handlers = self._previous_handlers.items()
        self._handled_signals = [number for number, handler in handlers if handler is not signal.SIG_IGN]  # nohup ignores SIGHUP
        self._thread = threading.Thread(target=self._watch, name="shutdown", daemon=True)

    def __enter__(self) -> ShutdownWatcher:
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._wakeup_fd_before = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._hook_before, threading.excepthook = threading.excepthook, self._on_thread_exception
        self._ended = False
        self.rearm()
        self._thread.start()
        return self

    def rearm(self) -> None:
        """Handle signals again after an event loop that took them over, as that of Textual's web driver does."""
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in self._handled_signals:
            signal.signal(number, self._on_signal)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        """Stop the thread at the end of the block. Never returns if the thread is already exiting the process."""
        with self._lock:
            self._ended = True
        os.write(self._wake_write, b"\0")
        self._thread.join()
        signal.set_wakeup_fd(self._wakeup_fd_before)
        threading.excepthook = self._hook_before
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Exit at once on a second ctrl+c. Otherwise the wake-up pipe is enough. (A second SIGHUP is common: from shell and kernel.)"""
        if number == signal.SIGINT:
            first, self._interrupted = self._interrupted, self._interrupted or time.monotonic()
            if self._code and (self._fault_text or (first and time.monotonic() - first >= TOGETHER)):
                os._exit(self._code)

    def fail(self, error: BaseException) -> None:
        """Log an unhandled exception and make the thread exit the process. May be called from any thread; returns at once."""
        log.error("unhandled exception", exc_info=error)
        with self._lock:
            if not self._fault_text and not self._ended:
                where = f"the details are in {self._file}" if self._file else "no log could be written"
                self._fault_text = f"the screen failed ({printable(f'{type(error).__name__}: {error}', 120)}); {where}"
                os.write(self._wake_write, bytes([FAULT]))

    def wait(self) -> NoReturn:
        """Wait until the thread exits the process."""
        self._thread.join()
        os._exit(1)

    def _on_thread_exception(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            self.fail(args.exc_value)

    # --- on the thread ------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})  # restoring a terminal from the background must not stop the process
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        poll.register(self._stdin, 0)
        ended = False
        while not ended:
            for fd, event in poll.poll(CHECK_EVERY * 1000):
                if fd == self._wake_read:
                    numbers = os.read(self._wake_read, 512)
                    ended = 0 in numbers
                    self._sigterm = signal.SIGTERM in numbers
                    for number in numbers:
                        if number in self._handled_signals:
                            self._exit(128 + number)
                        elif number == FAULT:
                            self._exit(1)
                elif event & select.POLLHUP:
                    self._exit(128 + signal.SIGHUP)
                else:
                    poll.unregister(fd)  # this kind of terminal does not support poll
            if self._is_terminal and not os.isatty(self._stdin):
                self._exit(128 + signal.SIGHUP)

    def _exit(self, code: int) -> NoReturn:
        self._code = code
        try:
            self._mute_stdin()
            self._display.restore()
            if code == 1:
                self._display.print_line(self._fault_text)
            if text := self.work.saving():
                self._display.print_line(text)
            if not self.work.finish(DEADLINE + self.work.patience()):
                self._display.print_line(NOT_SAVED)
            for line in self.work.last_words:
                self._display.print_line(line)
            self._display.restore()  # in case the screen took the terminal again in between
        finally:
            os._exit(128 + signal.SIGTERM if code == 128 + signal.SIGHUP and self._sigterm_came() else code)

    def _sigterm_came(self) -> bool:
        """Whether SIGTERM followed SIGHUP, as when systemd ends a login by both. SIGTERM then decides the exit code, since their order is chance."""
        while not self._sigterm and select.select([self._wake_read], [], [], 0)[0]:
            self._sigterm = signal.SIGTERM in os.read(self._wake_read, 512)
        return self._sigterm

    def _mute_stdin(self) -> None:
        """Replace standard input by a silent pipe. A reader of a terminal that is gone would spin."""
        silent, _ = os.pipe()
        os.dup2(silent, self._stdin)
