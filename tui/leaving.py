"""How the screen leaves when a signal asks it to, or when its terminal is gone: on a thread of its own, whatever the others wait for.

Textual handles neither SIGTERM nor SIGHUP, spins where a terminal ended without one, and its loop may be blocked by a terminal that takes
nothing. So: give the terminal back, save, leave; in this order, and in the end in any case.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from types import FrameType, TracebackType
from typing import NoReturn, Protocol

from engine.leaving import DEADLINE, SIGNALS
from tui.display import Display

NOT_SAVED = "the disk does not answer; leaving without saving. The last save is untouched"
LOOK_EVERY = 1.0
"""Seconds between looks whether the terminal is still there, should nothing have told of its end."""


class Work(Protocol):
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


class Leaving:
    """A block that SIGINT, SIGTERM, SIGHUP and the end of the terminal `stdin` leave at once, with exit code 128 + number. Main thread only."""

    def __init__(self, display: Display, stdin: int = 0) -> None:
        self.work: Work = _Nothing()
        self._display, self._stdin = display, stdin
        self._is_terminal = os.isatty(stdin)  # in a browser it is a pipe
        self._number = 0
        self._interrupts = 0
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        self._handled = [number for number, handler in self._before.items() if handler is not signal.SIG_IGN]  # nohup's wish stands
        self._thread = threading.Thread(target=self._watch, name="leaving", daemon=True)

    def __enter__(self) -> Leaving:
        self._wake, written = os.pipe()
        os.set_blocking(written, False)
        self._written, self._woken_before = written, signal.set_wakeup_fd(written, warn_on_full_buffer=False)
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
        os.write(self._written, b"\0")
        self._thread.join()
        signal.set_wakeup_fd(self._woken_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._wake)
        os.close(self._written)

    def _note(self, number: int, frame: FrameType | None) -> None:
        """The wake-up pipe has it already; a second ctrl+c won't wait for the save. (A second SIGHUP is common: from shell and kernel.)"""
        if number == signal.SIGINT:
            self._interrupts += 1
            if self._interrupts > 1 and self._number:
                os._exit(128 + self._number)

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
                            self._leave(number)
                elif what & select.POLLHUP:
                    self._leave(signal.SIGHUP)
                else:
                    poll.unregister(fd)  # a terminal that can't be asked this way
            if self._is_terminal and not os.isatty(self._stdin):
                self._leave(signal.SIGHUP)

    def _leave(self, number: int) -> NoReturn:
        self._number = number
        try:
            self._deafen()
            self._display.restore()
            if words := self.work.saving():
                self._display.say(words)
            if not self.work.finish(DEADLINE + self.work.patience()):
                self._display.say(NOT_SAVED)
            for word in self.work.last_words:
                self._display.say(word)
        finally:
            os._exit(128 + number)

    def _deafen(self) -> None:
        """Nobody types any more; and whoever reads a terminal that is gone would spin."""
        silent, _ = os.pipe()
        os.dup2(silent, self._stdin)
