"""A run as the Train screen tells it, built from the run's files alone: the same whether its trainer is this process, another, or gone."""

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
from engine.runs.metrics_log import Follower, Restarted, Steps, backwards, last
from engine.runs.run import ENDS, Run
from engine.storage import images
from tui.runs.loss_series import LossSeries

BUDGET = 0.02
"""Seconds that `update` may read for: what is left waits for the next call, so that keys are heard meanwhile."""
REACH = 4 << 20
"""Bytes from the end of the metrics in which events are looked for at once; older ones show when the whole is read."""


@dataclass(frozen=True, slots=True)
class EpochRow:
    """A finished epoch."""

    epoch: int
    step: int
    average: float
    seconds: float
    best: bool


@dataclass(slots=True)
class Latest:
    """The newest facts, as the records up to some place tell them."""

    step: int = 0
    loss: float | None = None
    lr: float = 0.0
    rate: float = 0.0
    event: str = ""
    paused: bool = False
    saved_step: int | None = None
    unsaved: str = ""

    def take_step(self, record: dict[str, Any]) -> None:
        self.step, self.loss = record["step"], _number(record["loss"])
        self.lr, self.rate = _number(record.get("lr")) or 0.0, _number(record.get("rate")) or 0.0

    def take_event(self, record: dict[str, Any]) -> None:
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
    """`update` reads what was written since the last time, a slice at a time; while `behind`, the numbers are the newest, and the rest grows."""

    def __init__(self, run: Run) -> None:
        """Raises RunError where its config.json can't be read."""
        self.run = run
        self.config: TrainConfig = run.config()
        self.engine: ComputeInfo = run.engine()
        self._follower = Follower(run.metrics_path)
        self.series = LossSeries()
        self._forget()

    def _forget(self) -> None:
        self.series.rewind(-1)
        self.epochs: list[EpochRow] = []
        self._read, self._ahead = Latest(), Latest()
        self._glanced = 0

    def update(self, budget: float | None = BUDGET) -> bool:
        """True where there was news. Takes about `budget` seconds at most; call it again soon while `behind`."""
        news = renewed = False
        for item in self._follower.batches(budget):
            news = True
            match item:
                case Restarted():
                    self._forget()
                case Steps():
                    self._take_steps(item)
                case _:
                    renewed |= self._take(item)
        if self.behind:
            renewed |= self._glance()
        if renewed:
            with suppress(RunError):  # resuming may have extended it, or gone on elsewhere
                self.config, self.engine = self.run.config(), self.run.engine()
        return news

    @property
    def behind(self) -> bool:
        """Whether there is more to read than the last `update` had time for."""
        return self._follower.behind

    # --- reading ------------------------------------------------------------------------------------------------------

    def _take_steps(self, batch: Steps) -> None:
        if batch.steps[0] <= self._read.step:
            self._rewind(batch.steps[0] - 1)
        self.series.extend(batch.steps, batch.losses)
        self._read.take_step(batch.last)

    def _take(self, record: dict[str, Any]) -> bool:
        """True where a process began to train it, or to go on."""
        step: int = record["step"]
        if (loss := _number(record.get("loss"))) is not None:
            if step <= self._read.step:
                self._rewind(step - 1)
            self.series.append(step, loss)
            self._read.take_step(record)
        elif (average := _number(record.get("average"))) is not None and isinstance(epoch := record.get("epoch"), int):
            while self.epochs and self.epochs[-1].epoch >= epoch:
                self.epochs.pop()
            self.epochs.append(EpochRow(epoch, step, average, _number(record.get("seconds")) or 0.0, bool(record.get("best"))))
            self.series.add_epoch(step, average)
        elif "event" in record:
            self._read.take_event(record)
            if self._read.event == "started":
                self._rewind(step)
                self._read.loss = self.series.last[1] if self.series.last else None
                return True
        return False

    def _rewind(self, step: int) -> None:
        """What came after this step is void."""
        self.series.rewind(step)
        while self.epochs and self.epochs[-1].step > step:
            self.epochs.pop()

    def _glance(self) -> bool:
        """The newest facts from the end of the file; only what was written since the last glance is looked through for events."""
        path = self.run.metrics_path
        with suppress(OSError):
            size = path.stat().st_size
            reach, self._glanced = min(REACH, size - self._glanced), size
            events = [record for record in backwards(path, b'"event":', reach) if "event" in record]
            for record in reversed(events):
                self._ahead.take_event(record)
            newest = last(path, lambda record: _number(record.get("loss")) is not None or record.get("event") == "started")
            if newest and "loss" in newest:
                self._ahead.take_step(newest)
            return any(record["event"] == "started" for record in events)
        return False

    # --- what it comes to ---------------------------------------------------------------------------------------------

    @property
    def _now(self) -> Latest:
        return self._ahead if self.behind else self._read

    @property
    def step(self) -> int:
        """The last step done; after a resume, the one that it goes on from."""
        return self._now.step

    @property
    def loss(self) -> float | None:
        return self._now.loss

    @property
    def lr(self) -> float:
        return self._now.lr

    @property
    def rate(self) -> float:
        """Steps a second."""
        return self._now.rate

    @property
    def event(self) -> str:
        """The last one of started, paused, resumed, saved, unsaved, stopped, finished, diverged, failed."""
        return self._now.event

    @property
    def paused(self) -> bool:
        """Whether it was paused, and neither went on nor ended since; its process may be gone."""
        return self._now.paused

    @property
    def saved_step(self) -> int | None:
        return self._now.saved_step

    @property
    def unsaved(self) -> str:
        """Why the last save failed; empty where none did, or a later one succeeded."""
        return self._now.unsaved

    @property
    def epoch(self) -> int:
        """The epoch under way, from 1."""
        return 1 + max(0, self.step - 1) // self.config.steps_per_epoch

    @property
    def epoch_average(self) -> float | None:
        """Of the current epoch's steps that were logged."""
        first = 1 + (self.epoch - 1) * self.config.steps_per_epoch
        bucket = self.series.between(first, self.step)
        return bucket.mean if bucket else None

    @property
    def best(self) -> float | None:
        """The lowest average of an epoch, once all is read."""
        return None if self.behind else min((row.average for row in self.epochs), default=None)

    @property
    def epoch_fraction(self) -> float:
        per_epoch = self.config.steps_per_epoch
        return (self.step - (self.epoch - 1) * per_epoch) / per_epoch

    @property
    def fraction(self) -> float:
        return min(1.0, self.step / self.config.total_steps)

    @property
    def seconds_left(self) -> float | None:
        return (self.config.total_steps - self.step) / self.rate if self.rate > 0 else None

    def samples(self) -> list[tuple[int, Path]]:
        """(step, file) of the previews, the latest last."""
        return self.run.samples()


def _number(value: object) -> float | None:
    """None for what is none; JSON's whole numbers have no bound."""
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return inf


def load_sample(path: Path, data: DataSpec) -> Images | None:
    """A preview's pictures; None where the file is not one."""
    return images.load_strip(path, data)
