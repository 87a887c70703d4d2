"""What the application reports: one notice at a time, and a log of all of them. Knows no screen."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from textual.notifications import SeverityLevel

KEPT = 200
"""The most notices in the log."""
FRESH = 3.0
"""Seconds during which success does not end a notice, since nobody can have read it yet."""


@dataclass(slots=True)
class Notice:
    """A line of plain text."""

    text: str
    severity: SeverityLevel = "information"
    seconds: float | None = None
    """How long it is shown. None shows it until it is dismissed."""
    at: datetime = field(default_factory=datetime.now)
    """When it was reported last."""
    count: int = 1
    """How often it was reported."""
    still: Callable[[], bool] | None = None
    """Whether its cause still exists; None if that is not known."""

    @property
    def is_problem(self) -> bool:
        return self.severity != "information"


class Notices:
    """The newest notice is shown. Problems wait behind it, and each is shown for its own time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.log: deque[Notice] = deque(maxlen=KEPT)
        """The newest last. A text that is reported again moves to the end."""
        self._current: list[tuple[Notice, float]] = []
        """The problems that wait, then the notice that is shown, each with the time at which it was reported."""
        self._shown_since = 0.0

    @property
    def shown(self) -> Notice | None:
        return self._current[-1][0] if self._current else None

    @property
    def more(self) -> int:
        """The number of problems behind the notice that is shown."""
        return max(0, len(self._current) - 1)

    def add(self, text: str, severity: SeverityLevel, seconds: float | None, still: Callable[[], bool] | None = None) -> None:
        """Show a notice. Information ends the problems before it, unless they are fresh."""
        now = self._clock()
        notice = Notice(text, severity, seconds, still=still)
        for earlier in self.log:
            if (earlier.text, earlier.severity) == (text, severity):
                notice.count += earlier.count
                self.log.remove(earlier)
                break
        self.log.append(notice)
        oldest = now - FRESH if not notice.is_problem else 0.0
        self._current = [(other, at) for other, at in self._current if other.is_problem and other.text != text and at >= oldest]
        self._current.append((notice, now))
        self._shown_since = now

    def seconds_left(self) -> float | None:
        """Seconds until the current notice ends; None if there is none, or if it stays."""
        notice = self.shown
        return None if notice is None or notice.seconds is None else max(0.0, self._shown_since + notice.seconds - self._clock())

    def expire(self) -> None:
        """End the notice that is shown if its time is over; the one behind it is shown from now on."""
        if self.seconds_left() == 0.0:
            self._current.pop()
            self._shown_since = self._clock()

    def dismiss(self) -> bool:
        """End all notices. Returns whether one of them would have stayed."""
        stayed = any(notice.seconds is None for notice, _ in self._current)
        self._current.clear()
        return stayed

    def end_outdated(self) -> bool:
        """End the notices whose cause has gone. Returns whether there was one."""
        count = len(self._current)
        self._current = [(notice, at) for notice, at in self._current if notice.still is None or notice.still()]
        if len(self._current) < count:
            self._shown_since = self._clock()
        return len(self._current) < count

    def end_earlier(self) -> None:
        """The user's next action succeeded: end the errors, and all other notices except fresh ones."""
        oldest = self._clock() - FRESH
        self._current = [(notice, at) for notice, at in self._current if notice.severity != "error" and at >= oldest]
