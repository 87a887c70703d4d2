"""The history of a run, read from its files alone. It is the same whether this process trains the run, another one does, or none."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from engine.config.compute import ComputeInfo
from engine.config.data import DataSpec
from engine.config.training import TrainConfig
from engine.errors import RunError
from engine.protocol.recipe import Images
from engine.runs.metrics_log import Follower, Restarted, Steps, find_last, read_backwards
from engine.runs.run import ENDS, Run
from engine.storage import images
from tui.runs.loss_series import LossSeries
from tui.runs.step_times import StepTimes

BUDGET = 0.02
"""Seconds that one `update` may read. The rest waits for the next call, so that the screen responds to keys in between."""
TAIL_BYTES = 4 << 20
"""Bytes at the end of the metrics in which events are searched before the whole file is read. Older events appear once it is."""


@dataclass(frozen=True, slots=True)
class EpochRow:
    """A finished epoch."""

    epoch: int
    step: int
    average: float
    seconds: float
    best: bool


@dataclass(frozen=True, slots=True)
class Validation:
    """What held-out images said of the weights after a step."""

    step: int
    loss: float
    copying: bool
    """The run copies its training images."""


@dataclass(slots=True)
class Latest:
    """The newest facts of a run, from its records up to some point."""

    step: int = 0
    """The last step done; after a resume, the step that it resumed from."""
    loss: float | None = None
    lr: float = 0.0
    rate: float = 0.0
    """Steps a second."""
    event: str = ""
    """The last one of started, paused, resumed, saved, unsaved, stopped, finished, diverged, failed."""
    paused: bool = False
    """The run was paused, and has neither resumed nor ended since. Its process may be gone."""
    saved_step: int | None = None
    unsaved: str = ""
    """Why the last save failed; empty where none failed or a later one succeeded."""

    def add_step(self, record: dict[str, Any]) -> None:
        self.step, self.loss = record["step"], _number(record["loss"])
        self.lr, self.rate = _number(record.get("lr")) or 0.0, _number(record.get("rate")) or 0.0

    def add_event(self, record: dict[str, Any]) -> None:
        self.event = event = str(record["event"])
        if event == "started":
            self.step, self.loss, self.saved_step = record["step"], None, record["step"] or None
        if event == "saved":
            self.saved_step = record["step"]
        if event in ("saved", "started"):
            self.unsaved = ""
        elif event == "unsaved":
            self.unsaved = str(record.get("message", ""))
        if event in ("started", "paused", "resumed", *ENDS):
            self.paused = event == "paused"


class RunHistory:
    """`update` reads what was written since the last call, a slice at a time. While `behind`, `now` is already the newest; the rest still grows."""

    def __init__(self, run: Run) -> None:
        """Raises RunError if the run's config.json can't be read."""
        self.run = run
        self.config: TrainConfig = run.config()
        self.engine: ComputeInfo = run.engine()
        self._follower = Follower(run.metrics_path)
        self.series = LossSeries()
        self._clear()

    def _clear(self) -> None:
        self.series.rewind(-1)
        self.times = StepTimes()
        self.epochs: list[EpochRow] = []
        self.validations: list[Validation] = []
        self._at_reader = Latest()  # up to the record that the follower has reached
        self._at_end = Latest()  # at the end of the file, which counts while the follower is behind
        self._tail_end = 0  # the size of the file when its tail was last read

    def update(self, budget: float | None = BUDGET) -> bool:
        """Whether there was anything new. Takes about `budget` seconds at most; call it again soon while `behind`."""
        news = restarted = False
        for item in self._follower.batches(budget):
            news = True
            match item:
                case Restarted():
                    self._clear()
                case Steps():
                    self._add_steps(item)
                case _:
                    restarted |= self._add_record(item)
        if self.behind:
            restarted |= self._read_tail()
        if restarted:
            with suppress(RunError):  # resuming may have extended the run or moved it to another machine
                self.config, self.engine = self.run.config(), self.run.engine()
        return news

    @property
    def behind(self) -> bool:
        """Whether the last `update` left something unread for lack of time."""
        return self._follower.behind

    # --- reading ------------------------------------------------------------------------------------------------------

    def _add_steps(self, batch: Steps) -> None:
        if batch.steps[0] <= self._at_reader.step:
            self._rewind(batch.steps[0] - 1)
        self.series.extend(batch.steps, batch.losses)
        self._note_time(batch.last)
        self._at_reader.add_step(batch.last)

    def _add_record(self, record: dict[str, Any]) -> bool:
        """Whether the record says that a process started or resumed the training."""
        step: int = record["step"]
        if (loss := _number(record.get("loss"))) is not None:
            if step <= self._at_reader.step:
                self._rewind(step - 1)
            self.series.append(step, loss)
            self._note_time(record)
            self._at_reader.add_step(record)
        elif (average := _number(record.get("average"))) is not None and isinstance(epoch := record.get("epoch"), int):
            while self.epochs and self.epochs[-1].epoch >= epoch:
                self.epochs.pop()
            self.epochs.append(EpochRow(epoch, step, average, _number(record.get("seconds")) or 0.0, bool(record.get("best"))))
            self.series.add_epoch(step, average)
        elif (validation := _number(record.get("validation"))) is not None:
            while self.validations and self.validations[-1].step >= step:
                self.validations.pop()
            self.validations.append(Validation(step, validation, record.get("copying") is True))
            self.series.add_validation(step, validation)
        elif "event" in record:
            self._at_reader.add_event(record)
            self._note_time(record)
            if record["event"] == "saved":
                self.series.add_save(step)
            if self._at_reader.event == "started":
                self._rewind(step)
                self._at_reader.loss = self.series.last[1] if self.series.last else None
                return True
        return False

    def _note_time(self, record: dict[str, Any]) -> None:
        if at := _number(record.get("time")):
            self.times.add(record["step"], at)

    def _rewind(self, step: int) -> None:
        """Drop everything after this step."""
        self.series.rewind(step)
        while self.epochs and self.epochs[-1].step > step:
            self.epochs.pop()
        while self.validations and self.validations[-1].step > step:
            self.validations.pop()

    def _read_tail(self) -> bool:
        """Read the newest facts from the end of the file. Searches for events only what was written since the last call.

        Returns whether a process started or resumed the training.
        """
        path = self.run.metrics_path
        with suppress(OSError):
            size = path.stat().st_size
            length, self._tail_end = min(TAIL_BYTES, size - self._tail_end), size
            events = [record for record in read_backwards(path, b'"event":', length) if "event" in record]
            for record in reversed(events):
                self._at_end.add_event(record)
            newest = find_last(path, lambda record: _number(record.get("loss")) is not None or record.get("event") == "started")
            if newest and "loss" in newest:
                self._at_end.add_step(newest)
            return any(record["event"] == "started" for record in events)
        return False

    # --- derived numbers ----------------------------------------------------------------------------------------------

    @property
    def now(self) -> Latest:
        """The newest facts, even while the history before them is still being read."""
        return self._at_end if self.behind else self._at_reader

    @property
    def epoch(self) -> int:
        """The current epoch, from 1."""
        return 1 + max(0, self.now.step - 1) // self.config.steps_per_epoch

    @property
    def epoch_average(self) -> float | None:
        """The mean loss of the current epoch's logged steps."""
        first = 1 + (self.epoch - 1) * self.config.steps_per_epoch
        bucket = self.series.between(first, self.now.step)
        return bucket.mean if bucket else None

    @property
    def best(self) -> float | None:
        """The lowest average of an epoch; None until the whole history is read."""
        return None if self.behind else min((row.average for row in self.epochs), default=None)

    @property
    def best_validation(self) -> Validation | None:
        """The one with the lowest loss, the first of equal ones; its weights are RUN:best-validation."""
        return min(self.validations, key=lambda validation: validation.loss, default=None)

    @property
    def copying(self) -> bool:
        """Whether the run copied its training images when that was last measured."""
        return bool(self.validations) and self.validations[-1].copying

    @property
    def epoch_fraction(self) -> float:
        per_epoch = self.config.steps_per_epoch
        return (self.now.step - (self.epoch - 1) * per_epoch) / per_epoch

    @property
    def fraction(self) -> float:
        return min(1.0, self.now.step / self.config.total_steps)

    @property
    def is_complete(self) -> bool:
        """Whether the run has ended after all its steps."""
        return self.now.event == "finished" and self.fraction >= 1

    @property
    def seconds_left(self) -> float | None:
        return (self.config.total_steps - self.now.step) / self.now.rate if self.now.rate > 0 else None

    def samples(self) -> list[tuple[int, Path]]:
        """(step, file) of the previews, the latest last."""
        return self.run.samples()


def _number(value: object) -> float | None:
    """The value as a float; None if it is not a number. Integers in JSON may be too large for a float."""
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return inf


def load_captions(path: Path) -> tuple[str, ...]:
    """The captions of a preview's images; empty where it has none."""
    return images.load_captions(path)


def load_sample(path: Path, data: DataSpec) -> Images | None:
    """A preview's images; None if the file is not a preview."""
    return images.load_strip(path, data)
