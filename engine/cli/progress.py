"""The progress line, fitted into the width of the terminal: the bar shrinks, then facts are dropped, and the time left stays."""

from __future__ import annotations

import os
import sys
import time
from typing import Self

from engine.cli.output import LONGEST, print_status, write_stderr
from engine.formatting import printable

BETWEEN = "  "
"""Between the facts of a line."""
BAR, SHORTEST_BAR = 24, 10
"""Characters of the bar."""
UNKNOWN_WIDTH = 80


def fitted(text: str, fraction: float | None, width: int, bar: str = "━─") -> str:
    """`text` behind a bar of `fraction` in at most `width` characters. `bar` is its two characters, or empty for none.

    Where room is short, the facts of `text` before the last one are dropped first, from the right; the last one, the time left, stays longest.
    """
    facts = text.split(BETWEEN)
    done = "" if fraction is None else f"{fraction:4.0%}{BETWEEN}"
    least = len(done) + (SHORTEST_BAR + 1 if bar and done else 0)
    while len(facts) > 2 and least + len(BETWEEN.join(facts)) > width:
        del facts[-2]
    if len(facts) > 1 and len(done) + len(BETWEEN.join(facts)) > width:
        del facts[:-1]
    words = BETWEEN.join(facts)
    room = min(BAR, width - len(done) - len(words) - 1)
    if fraction is not None and bar and room >= SHORTEST_BAR:
        full = round(fraction * room)
        return f"{bar[0] * full}{bar[1] * (room - full)} {done}{words}"
    return (done + words if len(done) + len(words) <= width else words)[:width]


class ProgressLine:
    """One line on standard error that is overwritten. If standard error is not a terminal, or output is plain: a line every ten seconds.

    As a context manager it removes the line at the end.
    """

    plain = False
    """For all progress lines: never overwrite a line, for screen readers."""

    def __init__(self) -> None:
        self._tty = sys.stderr.isatty() and not self.plain and os.environ.get("TERM", "") not in ("", "dumb", "unknown")
        self._last = -10.0

    def show(self, text: str, fraction: float | None = None) -> None:
        now = time.monotonic()
        if now - self._last < (0.1 if self._tty else 10):
            return
        self._last = now
        if not self._tty:
            print_status(text)
            return
        write_stderr("\r\x1b[K" + fitted(printable(text, LONGEST), fraction, max(10, _columns() - 1), "━─" if _unicode() else ""))

    def wait(self) -> None:
        """Where lines are not overwritten, show none before ten seconds have passed: what is done sooner needs no progress."""
        if not self._tty:
            self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.clear()

    def clear(self) -> None:
        if self._tty:
            write_stderr("\r\x1b[K")


def _unicode() -> bool:
    return (sys.stderr.encoding or "").lower().replace("-", "").startswith("utf")


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or UNKNOWN_WIDTH
    except OSError:
        return UNKNOWN_WIDTH
