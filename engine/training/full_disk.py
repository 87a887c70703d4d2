"""What training does when the disk is full: stop, continue unsaved, or ask, as the user chose. Knows no torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import Protocol

from engine.errors import StorageError
from engine.protocol.events import CannotSave, Event, Tick
from engine.protocol.requests import WhenFull
from engine.runs.control import Command, Control
from engine.runs.writer import Writer
from engine.training.save_policy import SavePolicy


class Steps(Protocol):
    """Something that counts its steps."""

    @property
    def step(self) -> int: ...


class FullDiskPolicy:
    """Every write into the run's folder goes through `write`."""

    def __init__(self, choice: WhenFull, writer: Writer | None, control: Control, trainer: Steps, saves: SavePolicy, wait: float) -> None:
        """`writer` is None on the ranks that write nothing: `write` then does nothing. `wait` is how long a run that asks sleeps at a time."""
        self._choice, self._writer, self._control, self._trainer, self._saves, self._wait = choice, writer, control, trainer, saves, wait
        self._unwritten: set[str] = set()
        """What could not be saved, and training continues without."""

    def write(self, what: str, action: Callable[[], Event | None], last: bool = False) -> Iterator[Event]:
        """Calls `action`, and again while the disk refuses and the choice is to try again; yields what it returns.

        With `last` there is no later time to try again, so the run continues unsaved only if the user is asked and says so.
        Raises StorageError to stop.
        """
        while self._writer:
            try:
                event = action()
            except StorageError as error:
                self._writer.check()  # whether it is only the disk
                if (yield from self._continue_without(self._writer, what, error, last)):
                    return
            else:
                self._unwritten -= self._unwritten if what == "state" else {what}  # where there is room for a state, there is room for all
                if event is not None:
                    yield event
                return

    def _continue_without(self, writer: Writer, what: str, error: StorageError, last: bool) -> Generator[Event, None, bool]:
        """Returns False to try again; raises `error` to stop. Reports and asks once, not at every write."""
        reported = bool(self._unwritten)
        self._unwritten.add(what)
        ask = self._choice == "ask" and (last or not reported)
        if self._choice == "stop" or (last and not ask):
            raise error
        step = self._trainer.step
        if not reported:
            writer.log({"event": "unsaved", "step": step, "time": round(time.time(), 3), "message": str(error)})
        if ask:
            self._control.send(Command.PAUSE)  # before the event, so that no answer comes too early
        if ask or not reported:
            yield CannotSave(step, self._saves.saved_step or None, str(error), waiting=ask)
        return (yield from self._wait_for_answer(error)) if ask else True

    def _wait_for_answer(self, error: StorageError) -> Generator[Event, None, bool]:
        """Whether the run is to continue unsaved; False to try again. Raises `error` to stop."""
        while (answer := self._control.poll()) is Command.PAUSE:
            time.sleep(self._wait)
            yield Tick()
        if answer is Command.STOP:
            raise error
        if answer is Command.UNSAVED:
            return True
        self._unwritten.clear()
        return False
