"""How the screen leaves when a signal asks it to, when its terminal is gone, or after an exception: on its own thread, whatever the others wait for.

Textual handles neither SIGTERM nor SIGHUP, spins where a terminal ended without one, draws tracebacks over the terminal, and its loop may be
blocked by a terminal that takes nothing. So: give the terminal back, say why, save, leave; in this order, and in the end in any case.
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

NOT_SAVED = "the disk does not answer; leaving without saving. The last save is untouched"
FAULT = 255
"""On the pipe that wakes the thread: no signal's number."""
LOOK_EVERY = 1.0
"""Seconds between looks whether the terminal is still there, should nothing have told of its end."""


log = logging.getLogger(__name__)


class Shutdown(Protocol):
    """What there is to end in order."""

    last_words: list[str]
    """What is to be said when that is done."""

    def finish(self, seconds: float) -> bool:
        """Saves within so many seconds; False where that did not suffice. For any thread."""

    def patience(self) -> float:
        """Seconds beyond DEADLINE that the step under way may need."""

    def saving(self) -> str:
        """What `finish` will wait for, if anything."""


class _Nothing:
    def __init__(self) -> None:
        self.last_words: list[str] = []

    def finish(self, seconds: float) -> bool:
        return True

    def patience(self) -> float:
        return 0.0

    def saving(self) -> str:
        return ""


class ShutdownWatcher:
    """A block that SIGINT, SIGTERM, SIGHUP and the end of the terminal `stdin` leave at once, with exit code 128 + number. Main thread only.

    So does an exception that no thread handles, with exit code 1. Its traceback goes to the log, of which the block may know the `file`.
    """

    def __init__(self, display: RestorableTty, stdin: int = 0, file: Path | None = None) -> None:
        self.work: Shutdown = _Nothing()
        self._display, self._stdin, self._file = display, stdin, file
        self._is_terminal = os.isatty(stdin)  # in a browser it is a pipe
        self._code = 0
        self._fault = ""
        self._failing = threading.Lock()
        self._interrupted = 0.0
        """When the first ctrl+c came."""
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        self._handled = [number for number, handler in self._before.items() if handler is not signal.SIG_IGN]  # nohup's wish stands
        self._thread = threading.Thread(target=self._watch, name="leaving", daemon=True)

    def __enter__(self) -> ShutdownWatcher:
        self._wake, written = os.pipe()
        os.set_blocking(written, False)
        self._written, self._woken_before = written, signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        self._hook_before, threading.excepthook = threading.excepthook, self._thread_failed
        self._ended = False
        self.hear()
        self._thread.start()
        return self

    def hear(self) -> None:
        """Once more, after an event loop that took signals for itself: Textual's web driver does."""
        signal.set_wakeup_fd(self._written, warn_on_full_buffer=False)
        for number in self._handled:
            signal.signal(number, self._note)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        """The block came to its own end. Where the leaving is under way, that goes on, and this never returns."""
        with self._failing:
            self._ended = True
        os.write(self._written, b"\0")
        self._thread.join()
        signal.set_wakeup_fd(self._woken_before)
        threading.excepthook = self._hook_before
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._wake)
        os.close(self._written)

    def _note(self, number: int, frame: FrameType | None) -> None:
        """The wake-up pipe has it already; a second ctrl+c won't wait for the save. (A second SIGHUP is common: from shell and kernel.)"""
        if number == signal.SIGINT:
            first, self._interrupted = self._interrupted, self._interrupted or time.monotonic()
            if self._code and (self._fault or (first and time.monotonic() - first >= TOGETHER)):
                os._exit(self._code)

    def fail(self, error: BaseException) -> None:
        """Logs an exception that was not handled, and leaves. For any thread; returns at once."""
        log.error("unexpected", exc_info=error)
        with self._failing:
            if not self._fault and not self._ended:
                where = f"the details are in {self._file}" if self._file else "no log could be written"
                self._fault = f"the screen failed ({printable(f'{type(error).__name__}: {error}', 120)}); {where}"
                os.write(self._written, bytes([FAULT]))

    def wait(self) -> NoReturn:
        """Until the thread has left."""
        self._thread.join()
        os._exit(1)

    def _thread_failed(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            self.fail(args.exc_value)

    # --- on the thread ------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})  # giving a terminal back from the background must not stop the process
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        poll.register(self._stdin, 0)
        ended = False
        while not ended:
            for fd, what in poll.poll(LOOK_EVERY * 1000):
                if fd == self._wake:
                    numbers = os.read(self._wake, 512)
                    ended = 0 in numbers
                    for number in numbers:
                        if number in self._handled:
                            self._leave(128 + number)
                        elif number == FAULT:
                            self._leave(1)
                elif what & select.POLLHUP:
                    self._leave(128 + signal.SIGHUP)
                else:
                    poll.unregister(fd)  # a terminal that can't be asked this way
            if self._is_terminal and not os.isatty(self._stdin):
                self._leave(128 + signal.SIGHUP)

    def _leave(self, code: int) -> NoReturn:
        self._code = code
        try:
            self._deafen()
            self._display.restore()
            if code == 1:
                self._display.say(self._fault)
            if words := self.work.saving():
                self._display.say(words)
            if not self.work.finish(DEADLINE + self.work.patience()):
                self._display.say(NOT_SAVED)
            for word in self.work.last_words:
                self._display.say(word)
            self._display.restore()  # should the screen have taken it again meanwhile
        finally:
            os._exit(code)

    def _deafen(self) -> None:
        """Nobody types any more; and whoever reads a terminal that is gone would spin."""
        silent, _ = os.pipe()
        os.dup2(silent, self._stdin)
