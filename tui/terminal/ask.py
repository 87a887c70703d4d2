"""Asks the terminal about itself while no screen is open, and takes its answers off the input."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import sys
import termios
import time
import tty
from collections.abc import Mapping
from contextlib import suppress

from tui.terminal.graphics import QUERIES, Answers, ends_answers, is_worth_asking, read_answers

PATIENCE, REMOTE_PATIENCE = 0.5, 1.5
"""Seconds that answers may take: from this machine, and from the other end of a connection."""
LONGEST = 4096
"""Bytes of answers that are read."""


def ask_terminal(env: Mapping[str, str], remote: bool = False) -> Answers:
    """The answers of the terminal at standard input and output; none where that is no terminal, or something was typed ahead.

    After the answers, or when the time is over, the terminal is as it was. What comes later than that is input for the shell.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty() and is_worth_asking(env)):
        return Answers()
    fd = sys.stdin.fileno()
    try:
        if os.tcgetpgrp(fd) != os.getpgrp():  # in the background the terminal would stop this process
            return Answers()
        before = termios.tcgetattr(fd)
        tty.setcbreak(fd, termios.TCSANOW)
    except (termios.error, OSError):
        return Answers()
    try:
        if _typed_ahead(fd):
            return Answers()
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), QUERIES.encode())
        return read_answers(_read(fd, REMOTE_PATIENCE if remote else PATIENCE))
    except OSError:
        return Answers()
    finally:
        with suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSANOW, before)


def _typed_ahead(fd: int) -> bool:
    """Whether input waits that somebody has typed."""
    count: int = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]
    return count > 0


def _read(fd: int, patience: float) -> str:
    """What comes until the last answer, or until time is over; then the rest of what has come is dropped."""
    text, end = "", time.monotonic() + patience
    while not ends_answers(text) and len(text) < LONGEST and (left := end - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            text += os.read(fd, LONGEST).decode("latin-1")
    if text and not ends_answers(text):
        termios.tcflush(fd, termios.TCIFLUSH)
    return text


def window_cell() -> tuple[int, int] | None:
    """Width and height of a cell in pixels, by what the kernel knows of the window at standard output; None where it does not."""
    with suppress(OSError, ValueError):
        return cell_of(sys.stdout.fileno())
    return None


def cell_of(fd: int) -> tuple[int, int] | None:
    """Width and height of a cell in pixels in the terminal of this file. Raises OSError."""
    lines, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8)))
    return (width // columns, height // lines) if columns and lines and width >= 2 * columns and height >= 2 * lines else None
