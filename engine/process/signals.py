"""How a command ends when a signal asks it to: at once before its work starts, cleanly afterwards, by force if that hangs."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import ClassVar

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DEADLINE = 20.0
"""Seconds that saving may take beyond the step under way. Then the disk hangs, and the process exits without saving."""
TOGETHER = 1.0
"""Seconds within which several signals are one request: an impatient ctrl+c ctrl+c, or the SIGTERM and SIGHUP with which systemd ends a login."""


class Stopped(BaseException):
    """A signal asked the command to end; its work is saved. Like KeyboardInterrupt it is no Exception, which a library might catch."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number

    def add(self, number: int) -> None:
        """Take in a signal that came together with the first one."""
        self.exit_code = 128 + _together(self.exit_code - 128, number)


class SignalGuard:
    """Handles SIGINT, SIGTERM and SIGHUP for one block of work. Those that were ignored before, as nohup ignores SIGHUP, stay ignored."""

    leaving: ClassVar[bool] = False
    """Whether the command was asked to end. Output then no longer waits for a reader that takes nothing."""

    def __init__(self) -> None:
        self.number = 0
        """The first signal; 0 for none yet. SIGTERM where it came together with SIGHUP."""
        self.patience: Callable[[], float] = lambda: 0.0
        """Seconds beyond DEADLINE that the work under way may need."""
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        self._handled = [number for number, handler in self._before.items() if handler is not signal.SIG_IGN]
        self._defers = False
        self._first_at = 0.0
        self._stopped: Stopped | None = None
        self._timer: threading.Timer | None = None

    def end_on_signal(self) -> None:
        """Let signals end the process at once, even during the seconds of `import torch`, which no Python handler could interrupt."""
        for number in self._handled:
            signal.signal(number, signal.SIG_DFL)

    def defer_signals(self, on_signal: Callable[[], None] = lambda: None, once: bool = True) -> None:
        """From now on a first signal is only noted, and `on_signal` called: there is work to end cleanly.

        A second signal after TOGETHER acts as it did before this guard. It is ignored where `once` is false: torchrun sends
        several, and the ranks of a group end together.
        """
        if not self._defers:
            self._defers, self._on_signal, self._once = True, on_signal, once
            for number in self._handled:
                signal.signal(number, self._note)

    def interrupt_on_signal(self) -> None:
        """From now on a first signal raises Stopped at whatever line the work is; later ones are ignored."""
        for number in self._handled:
            signal.signal(number, self._raise)

    def check(self) -> None:
        """Raises Stopped if a signal came."""
        if self.number:
            raise Stopped(self.number)

    def finish(self) -> None:
        """The work has ended cleanly, so the process need not be ended by force."""
        SignalGuard.leaving = False
        if self._timer:
            self._timer.cancel()

    def restore(self) -> None:
        """Give the signals back to their former handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    # --- the handlers -------------------------------------------------------------------------------------------------

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if self._stopped:
            self._stopped.add(number)
            return
        self._stopped = Stopped(number)
        raise self._stopped

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.number:
            self.number, self._first_at, SignalGuard.leaving = number, time.monotonic(), True
            self._on_signal()
            self._start_timer()
        elif self._once and number != signal.SIGHUP and time.monotonic() - self._first_at >= TOGETHER:
            signal.signal(number, self._before[signal.Signals(number)])
            os.kill(os.getpid(), number)
        else:
            self.number = _together(self.number, number)

    def _start_timer(self) -> None:
        self._timer = threading.Timer(DEADLINE + self.patience(), self._exit_by_force)
        self._timer.daemon = True
        with suppress(RuntimeError):  # no thread can be started: the work is saved all the same, however long that takes
            self._timer.start()

    def _exit_by_force(self) -> None:
        with suppress(OSError, ValueError):
            if select.select([], [2], [], 0)[1]:  # sys.stderr may be locked by a thread that waits for its reader
                os.write(2, b"\ndigitty: the disk does not respond, so digitty exits without saving; the last save is intact\n")
        os._exit(128 + self.number)


def _together(first: int, second: int) -> int:
    """The one of two signals that decides the exit code: the first, but SIGTERM rather than SIGHUP, as their order is a matter of chance."""
    return second if (first, second) == (signal.SIGHUP, signal.SIGTERM) else first


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise Stopped at whatever line the block is. For blocks that write their files whole or not at all."""
    with graceful() as guard:
        guard.interrupt_on_signal()
        yield


@contextmanager
def graceful() -> Iterator[SignalGuard]:
    """SIGINT, SIGTERM and SIGHUP end the process at once, until the block asks its guard for another way. Only on the main thread."""
    guard = SignalGuard()
    guard.end_on_signal()
    try:
        yield guard
    finally:
        guard.finish()
        guard.restore()


@contextmanager
def quiet_races() -> Iterator[None]:
    """Ignores a signal that arrives together with another one, as systemd's SIGTERM and SIGHUP do, without Python's traceback.

    Python prints one where the first signal's handler has just taken away the handler of the second.
    """
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if not (isinstance(unraisable.exc_value, OSError) and "race condition" in str(unraisable.exc_value)):
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
