"""How a command leaves when a signal asks it to: at once while nothing is begun, in order afterwards, and in the end in any case."""

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
"""Seconds that saving may take beyond the step under way, before the process leaves without: the disk hangs."""
TOGETHER = 1.0
"""Seconds within which signals are one request: an impatient ctrl+c ctrl+c, or the SIGTERM and SIGHUP with which systemd ends a login."""


class Stopped(BaseException):
    """A signal asked the command to leave; its work is saved. Like KeyboardInterrupt nothing that a library would catch."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class SignalGuard:
    """What the signals asked for so far."""

    leaving: ClassVar[bool] = False
    """Whether the command was asked to leave: output no longer waits for a reader that takes nothing."""

    def __init__(self) -> None:
        self.number = 0
        """The first signal's; 0 for none yet."""
        self.patience: Callable[[], float] = lambda: 0.0
        """Seconds beyond DEADLINE that the work under way may need."""
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        self._handled = [number for number, handler in self._before.items() if handler is not signal.SIG_IGN]  # nohup's wish stands
        self._begun = False
        self._noted = 0.0
        self._timer: threading.Timer | None = None

    def defer_signals(self, hear: Callable[[], None] = lambda: None, once: bool = True) -> None:
        """From now on there is something to leave in order: a first signal is only noted, and `hear` called.

        A later one than TOGETHER acts as it always did, unless not `once`: torchrun sends several, and the ranks leave together.
        Until then signals end the process at once, even amid the seconds of `import torch` that no Python handler could interrupt.
        """
        if not self._begun:
            self._begun, self._hear, self._once = True, hear, once
            for number in self._handled:
                signal.signal(number, self._note)

    def interrupt_on_signal(self) -> None:
        """From now on a first signal raises Stopped amid the work under way, which leaves nothing behind; later ones are for nothing."""
        for number in self._handled:
            signal.signal(number, self._raise)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        for each in self._handled:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    def check(self) -> None:
        """Raises Stopped if a signal came."""
        if self.number:
            raise Stopped(self.number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            if self._once and number != signal.SIGHUP and time.monotonic() - self._noted >= TOGETHER:
                signal.signal(number, self._before[signal.Signals(number)])
                os.kill(os.getpid(), number)
            return
        self.number, self._noted, SignalGuard.leaving = number, time.monotonic(), True
        self._hear()
        self._timer = threading.Timer(DEADLINE + self.patience(), self._give_up)
        self._timer.daemon = True
        with suppress(RuntimeError):  # no thread can be started: the work is saved all the same, however long that takes
            self._timer.start()

    def end(self) -> None:
        """The work has ended in order: nothing has to be given up any more."""
        SignalGuard.leaving = False
        if self._timer:
            self._timer.cancel()

    def _give_up(self) -> None:
        with suppress(OSError, ValueError):
            if select.select([], [2], [], 0)[1]:  # sys.stderr may be locked by a thread that waits for its reader
                os.write(2, b"\ndigitty: the disk does not answer; leaving without saving. The last save is untouched\n")
        os._exit(128 + self.number)


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP break the block off with Stopped, at whatever line: for files that are written whole or not at all."""
    with graceful() as leave:
        leave.interrupt_on_signal()
        yield


@contextmanager
def graceful() -> Iterator[SignalGuard]:
    """SIGINT, SIGTERM and SIGHUP end the block's work as `SignalGuard` says. Only on the main thread."""
    leave = SignalGuard()
    for number in leave._handled:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield leave
    finally:
        leave.end()
        for number, handler in leave._before.items():
            signal.signal(number, handler)


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
