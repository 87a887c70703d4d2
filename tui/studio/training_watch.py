"""Watches which runs train on this machine, whichever process trains them, and how far they are. Knows no screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from textual.message_pump import MessagePump
from textual.timer import Timer

from engine.errors import DigittyError
from engine.runs.run import Run
from tui.runs.progress import RunProgress, describe_end, find_training, read_progress
from tui.studio.background import run_in_background


@dataclass(frozen=True, slots=True)
class Intervals:
    """All in seconds."""

    read: float = 2.0
    """Between two looks at the runs that train."""
    search: float = 20.0
    """Between two searches for runs that other processes have begun to train."""


@dataclass(slots=True)
class Look:
    """The result of one look."""

    runs: list[Run] = field(default_factory=list)
    progress: list[RunProgress] = field(default_factory=list)
    """The progress of each of `runs`."""
    ends: list[str] = field(default_factory=list)
    """A line about each run that has ended since the last look."""


class TrainingWatch:
    """Only for the UI thread. It reads files on another thread, and less often while nothing trains."""

    def __init__(self, app: MessagePump, on_change: Callable[[], None], on_end: Callable[[str], None], intervals: Intervals = Intervals()) -> None:
        """`on_change` is called whenever `progress` has changed, `on_end` with a line about each run that has ended without being asked to."""
        self._app, self._on_change, self._on_end, self._intervals = app, on_change, on_end, intervals
        self._runs: list[Run] = []
        self._searched = -intervals.search
        self._looking = self._again = False
        self._timer: Timer | None = None
        self.progress: tuple[RunProgress, ...] = ()
        """The progress of each run that trains here. The order does not change while they train."""

    def look(self, search: bool = True) -> None:
        """Look now. Also search for runs that have begun since the last search, if `search` is set or a search is due."""
        if self._looking:
            self._again |= search
            return
        self._looking = True
        if self._timer:
            self._timer.stop()
        now = time.monotonic()
        if search or now - self._searched >= self._intervals.search:
            self._searched, search = now, True
        known = list(self._runs)
        run_in_background(self._app, lambda: _look(known, search), self._on_look)

    def search_if_stale(self) -> None:
        """Look for runs that have begun elsewhere, unless that was just done. For moments in which the user acts."""
        if time.monotonic() - self._searched >= self._intervals.read:
            self.look()

    def _on_look(self, look: Look | DigittyError) -> None:
        self._looking = False
        if isinstance(look, DigittyError):
            look = Look()
        self._runs = look.runs
        progress = tuple(look.progress)
        for line in look.ends:
            self._on_end(line)
        if progress != self.progress:
            self.progress = progress
            self._on_change()
        if self._again:
            self._again = False
            self.look()
        elif self._app.is_running:
            self._timer = self._app.set_timer(self._intervals.read if look.runs else self._intervals.search, lambda: self.look(search=False))


def _look(known: list[Run], search: bool) -> Look:
    """On a thread in the background."""
    look = Look()
    for run in find_training(known) if search else [run for run in known if run.running()]:
        if progress := read_progress(run):
            look.runs.append(run)
            look.progress.append(progress)
    look.ends = [line for run in known if run not in look.runs and (line := describe_end(run))]
    return look
