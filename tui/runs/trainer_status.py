"""Whether a run is being trained, by whom, and what it was asked that its files do not show yet. No screen."""

from __future__ import annotations

import time

from engine.runs.control import Command
from engine.runs.liveness import Life, Sight
from engine.runs.run import ENDS
from tui.runs import text as run_words
from tui.runs.history import RunHistory

ASK_EVERY = 1.0
"""Seconds between looks whether somebody still trains it: each takes the run's lock for a moment."""
ANSWER = 60.0
"""Seconds after which a run that was asked something is taken not to answer."""
ASKED: dict[Command, str] = {Command.PAUSE: "asked to pause", Command.RUN: "asked to go on", Command.STOP: "asked to stop"}


class TrainerStatus:
    """Of one RunHistory; `look` now and then."""

    def __init__(self, history: RunHistory) -> None:
        self._history = history
        self._sight, self._looked = Sight(Life.GONE), 0.0
        self._event = ""
        self._asked_at = 0.0
        self.by = ""
        """Who trains it, in words."""
        self.asked: Command | None = None
        self.look()

    @property
    def alive(self) -> bool:
        """A trainer that leaves in order says so before it lets go."""
        return self._sight.life is Life.ALIVE and self._history.now.event not in ENDS

    @property
    def unknown(self) -> bool:
        """Whether only watching a heartbeat on another machine will tell."""
        return self._sight.life is Life.UNKNOWN and self._history.now.event not in ENDS

    @property
    def will_wait(self) -> bool:
        """Whether it is paused, or asked to be."""
        return self.asked is Command.PAUSE or (self._history.now.paused and self.asked is not Command.RUN)

    def ask(self, command: Command) -> None:
        """It was asked; from now on one waits for its files to show it."""
        self.asked, self._asked_at = command, time.monotonic()

    def look(self) -> bool:
        """False, once, where it does not answer."""
        history, now = self._history, time.monotonic()
        if now - self._looked > ASK_EVERY or history.now.event != self._event:
            self._looked, self._event = now, history.now.event
            self._sight = history.run.sight()
            self.by = "" if self._sight.life is Life.GONE else run_words.trainer_name(history.run)
        if self.asked and self._granted(self.asked):
            self.asked = None
        elif self.asked and now - self._asked_at > ANSWER:
            self.asked = None
            return False
        return True

    def _granted(self, command: Command) -> bool:
        if not self.alive and not self.unknown:
            return True
        return self._history.now.paused if command is Command.PAUSE else command is Command.RUN and not self._history.now.paused

    def state(self, own: bool) -> str:
        """training; paused on gpubox (pid 4711), asked to stop; interrupted; unknown, last heartbeat 3 minutes ago"""
        if self.unknown:
            return f"unknown, {self._sight.heard}; watching {self.by}"
        if not self.alive:
            return self._history.now.event if self._history.now.event in ENDS else "interrupted"
        where = "" if own else f" on {self.by}"
        asked = f", {ASKED[self.asked]}" if self.asked in ASKED else ""
        return ("paused" if self._history.now.paused else "training") + where + asked
