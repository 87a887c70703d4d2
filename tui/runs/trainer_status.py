"""Whether a run is being trained, by which process, and the command that the trainer has not obeyed yet. No screen."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from engine.runs.control import Command
from engine.runs.liveness import Life, Sight
from engine.runs.run import ENDS
from tui.runs import text as run_words
from tui.runs.history import RunHistory

COMMAND_TEXT: dict[Command, str] = {
    Command.PAUSE: "asked to pause",
    Command.RUN: "asked to resume",
    Command.STOP: "asked to stop",
}


@dataclass(frozen=True, slots=True)
class Intervals:
    """All in seconds."""

    check: float = 1.0
    """Between checks that the trainer is alive. Each check takes the run's lock for a moment."""
    answer: float = 60.0
    """After this time without an effect, a command counts as not answered."""


class TrainerStatus:
    """The trainer of one RunHistory, whose files `refresh` reads now and then."""

    def __init__(self, history: RunHistory, intervals: Intervals = Intervals()) -> None:
        self.intervals = intervals
        self.by = ""
        """The trainer's host and process, in words."""
        self.pending: Command | None = None
        """The command that was sent and has shown no effect yet."""
        self._history = history
        self._sight, self._checked = Sight(Life.GONE), 0.0
        self._here = False
        self._event = ""
        self._asked_at = 0.0
        self.refresh()

    @property
    def alive(self) -> bool:
        """Whether a trainer is at work. One that exits cleanly writes its last event before it gives up the run."""
        return self._sight.life is Life.ALIVE and not self._has_ended

    @property
    def is_here(self) -> bool:
        """Whether the trainer is at work on this machine."""
        return self.alive and self._here

    @property
    def unknown(self) -> bool:
        """Whether a trainer on another machine may be alive. Only watching its heartbeat will tell."""
        return self._sight.life is Life.UNKNOWN and not self._has_ended

    @property
    def _has_ended(self) -> bool:
        return self._history.now.event in ENDS

    @property
    def will_wait(self) -> bool:
        """Whether the trainer is paused or has been asked to pause."""
        return self.pending is Command.PAUSE or (self._history.now.paused and self.pending is not Command.RUN)

    def ask(self, command: Command) -> None:
        """Note that this command was sent: `pending` holds it until the run's files show its effect."""
        self.pending, self._asked_at = command, time.monotonic()

    def refresh(self) -> bool:
        """Read the present state. False, once, if the trainer has not answered a command in time."""
        history, now = self._history, time.monotonic()
        if now - self._checked > self.intervals.check or history.now.event != self._event:
            self._checked, self._event = now, history.now.event
            self._sight = history.run.sight()
            gone = self._sight.life is Life.GONE
            self.by = "" if gone else run_words.trainer_name(history.run)
            self._here = not gone and history.run.owner().get("host") == socket.gethostname()
        if self.pending and self._obeyed(self.pending):
            self.pending = None
        elif self.pending and now - self._asked_at > self.intervals.answer:
            self.pending = None
            return False
        return True

    def _obeyed(self, command: Command) -> bool:
        if not self.alive and not self.unknown:
            return True
        paused = self._history.now.paused
        return paused if command is Command.PAUSE else command is Command.RUN and not paused

    def describe(self, own: bool) -> str:
        """training; paused on gpubox (pid 4711), asked to stop; interrupted; unknown, last heartbeat 3 minutes ago"""
        if self.unknown:
            return f"unknown, {self._sight.heard}; watching {self.by}"
        if not self.alive:
            return self._history.now.event if self._has_ended else "interrupted"
        where = "" if own else f" on {self.by}"
        command = f", {COMMAND_TEXT[self.pending]}" if self.pending in COMMAND_TEXT else ""
        return ("paused" if self._history.now.paused else "training") + where + command
