"""The terminal that Textual draws on. It can be restored to its original state at any moment, from any thread, in bounded time."""

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
from tui.terminal.window import PLAIN, Window

CHUNK = 4096
"""Bytes written at a time. No more follow once the terminal is shut."""
WAIT = 0.3
"""Seconds to wait for a terminal that takes no more output."""
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
"""Switches off every mode that Textual's driver switches on."""


class RestorableTty:
    """A text file in the place of `sys.__stderr__`. If the terminal goes away, that is no error: further output is dropped."""

    def __init__(self, fd: int, unicode: bool = True, window: Window = PLAIN) -> None:
        """What the application shows in `window` is removed again, once: a second removal would restore an older title."""
        self._fd, self._out = fd, _reopen(fd)
        self._window_entry, self._window_reset = window.entry.encode() or ENTERED, window.reset.encode()
        self._window_is_ours = False
        self._charset = "utf-8" if unicode else "ascii"
        self._pending: list[str] = []
        self._lock = threading.Lock()
        self._entered = self._shut = False
        self._queried_at = -WAIT
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
            self._queried_at = time.monotonic()
        self._entered |= on >= 0
        with self._lock:
            self._send(data)
        if off > on and not self._shut:
            self._entered = False
        self._follow_window(data)

    def _follow_window(self, data: bytes) -> None:
        """Note whether the window still shows something of the application after `data`."""
        on, off = data.rfind(self._window_entry), data.rfind(self._window_reset) if self._window_reset else -1
        if on != off and not (self._shut and off > on):
            self._window_is_ours = on > off

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def _send(self, data: bytes) -> None:
        while data and not self._shut:
            try:
                data = data[os.write(self._out, data[:CHUNK]) :]
            except BlockingIOError:
                select.select([], [self._out], [], WAIT / 2)  # then check again whether it is shut
            except OSError:
                self._shut = True

    @property
    def is_shut(self) -> bool:
        """Whether further output is dropped."""
        return self._shut

    # --- restoring the terminal -----------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Drop all further output, switch off Textual's modes and restore the terminal's settings, if it still exists."""
        self._shut = True
        if self._entered:
            self._entered = not self._write_now(RESET + self._window_reset * self._window_is_ours)
            self._window_is_ours &= self._entered
            if not self._entered:  # the shell would take an answer to a query for typed input
                time.sleep(max(0.0, min(WAIT, self._queried_at + WAIT - time.monotonic())))
        with suppress(termios.error):
            if self._settings is not None:
                termios.tcsetattr(self._fd, termios.TCSANOW, self._settings)
                termios.tcflush(self._fd, termios.TCIFLUSH)  # drops mouse reports that have just come

    def print_line(self, text: str) -> None:
        """Print a line, once Textual has left the terminal."""
        self._write_now(f"digitty: {printable(text, LONGEST)}\n".encode(self._charset, ASCII_FALLBACK))

    def _write_now(self, data: bytes) -> bool:
        """Write unless the terminal is gone. Earlier output that it does not take is dropped first. Whether all was written."""
        if not self._lock.acquire(timeout=WAIT):
            return False
        try:
            if not select.select([], [self._out], [], WAIT)[1]:
                termios.tcflush(self._fd, termios.TCOFLUSH)
            return os.write(self._out, data) == len(data)
        except (OSError, ValueError, termios.error):
            return False
        finally:
            self._lock.release()

    def close(self) -> None:
        if self._out != self._fd:
            os.close(self._out)
            self._out = self._fd


def _reopen(fd: int) -> int:
    """Open the same terminal for non-blocking writes. Needs a separate file description, since the shell shares that of `fd`, the fallback."""
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return fd
