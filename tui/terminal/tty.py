"""The terminal as Textual draws on it, which can be shut and given back as it was: at any moment, from any thread, in bounded time."""

from __future__ import annotations

import os
import select
import termios
import threading
import time
from contextlib import suppress
from typing import Any

from engine.cli.output import LONGEST
from engine.formatting import printable
from engine.process.streams import ASCII_FALLBACK
from tui.terminal.flow_control import CURSOR_QUERY

CHUNK = 4096
"""Bytes written at a time: no more follow once it is shut."""
PATIENCE = 0.3
"""Seconds that a terminal gets to take more."""
ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
"""The alternate screen, where Textual draws."""
RESET = b"".join(
    [
        b"\x18",  # ends a sequence that was cut short
        b"\x1b[?2026l",  # synchronised output
        b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l",  # the mouse
        b"\x1b[?2004l",  # bracketed paste
        b"\x1b[?2048l",  # reports of the size
        b"\x1b[?1004l",  # reports of the focus
        b"\x1b[?7h",  # lines wrap
        b"\x1b[<u",  # kitty's keyboard
        b"\x1b[0m",
        LEFT,
        b"\x1b[?25h",  # the cursor
    ]
)
"""Off again with all that Textual's driver switches on."""


class RestorableTty:
    """A text file that stands in for `sys.__stderr__`. A terminal that is gone is no error: from then on nothing is drawn."""

    def __init__(self, fd: int, unicode: bool = True) -> None:
        self._fd, self._out = fd, _reopened(fd)
        self._charset = "utf-8" if unicode else "ascii"
        self._pending: list[str] = []
        self._sending = threading.Lock()
        self._entered = self._shut = False
        self._asked = -PATIENCE
        self._settings: list[Any] | None = None
        with suppress(termios.error):
            self._settings = termios.tcgetattr(fd)

    # --- as a file ----------------------------------------------------------------------------------------------------

    def write(self, text: str) -> int:
        self._pending.append(text)
        if len(self._pending) > 30:
            self.flush()
        return len(text)

    def flush(self) -> None:
        data = "".join(self._pending).encode(self._charset, ASCII_FALLBACK)
        self._pending.clear()
        on, off = data.rfind(ENTERED), data.rfind(LEFT)
        if CURSOR_QUERY.encode() in data:
            self._asked = time.monotonic()
        self._entered |= on >= 0
        with self._sending:
            self._send(data)
        if off > on and not self._shut:
            self._entered = False

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def _send(self, data: bytes) -> None:
        while data and not self._shut:
            try:
                data = data[os.write(self._out, data[:CHUNK]) :]
            except BlockingIOError:
                select.select([], [self._out], [], PATIENCE / 2)  # and look whether it is shut
            except OSError:
                self._shut = True

    @property
    def is_shut(self) -> bool:
        """Whether nothing is drawn any more."""
        return self._shut

    # --- as what there is to give back ---------------------------------------------------------------------------------

    def restore(self) -> None:
        """Nothing is drawn from now on. The terminal, where there still is one, leaves Textual's modes and has its settings back."""
        self._shut = True
        if self._entered:
            self._entered = not self._put(RESET)
            if not self._entered:  # an answer under way would be typed into the shell
                time.sleep(max(0.0, min(PATIENCE, self._asked + PATIENCE - time.monotonic())))
        with suppress(termios.error):
            if self._settings is not None:
                termios.tcsetattr(self._fd, termios.TCSANOW, self._settings)
                termios.tcflush(self._fd, termios.TCIFLUSH)  # reports of a mouse that moved meanwhile

    def say(self, text: str) -> None:
        """A line of its own, once Textual has left."""
        self._put(f"digitty: {printable(text, LONGEST)}\n".encode(self._charset, ASCII_FALLBACK))

    def _put(self, data: bytes) -> bool:
        """Writes unless the terminal is gone. What it has not taken for some time is dropped first."""
        if not self._sending.acquire(timeout=PATIENCE):
            return False
        try:
            if not select.select([], [self._out], [], PATIENCE)[1]:
                termios.tcflush(self._fd, termios.TCOFLUSH)
            return os.write(self._out, data) == len(data)
        except (OSError, ValueError, termios.error):
            return False
        finally:
            self._sending.release()

    def close(self) -> None:
        if self._out != self._fd:
            os.close(self._out)
            self._out = self._fd


def _reopened(fd: int) -> int:
    """The same terminal to write to without ever waiting for it: not by the same description, which the shell has, too. `fd` where that can't be."""
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return fd
