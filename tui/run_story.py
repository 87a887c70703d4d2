"""A run as the Train screen tells it, built from the run's files alone: the same whether its trainer is this process, another, or gone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import images
from engine.config import TrainConfig
from engine.events import Engine, Images
from engine.runs import Metrics, Run
from tui.widgets.loss_series import LossSeries


@dataclass(frozen=True, slots=True)
class EpochRow:
    """A finished epoch."""

    epoch: int
    step: int
    average: float
    seconds: float
    best: bool


class RunStory:
    """`update` reads what was written since the last time."""

    def __init__(self, run: Run) -> None:
        """Raises RunError where its config.json can't be read."""
        self.run = run
        self.config: TrainConfig = run.config()
        self.engine: Engine = run.engine()
        self.series = LossSeries()
        self.epochs: list[EpochRow] = []
        self.step = 0
        self.loss: float | None = None
        self.lr = 0.0
        self.rate = 0.0
        self.saved_step: int | None = None
        self.event = ""
        """The last one of started, saved, stopped, finished, diverged."""
        self._metrics = Metrics(run.metrics_path)
        self._epoch_sum = 0.0
        self._epoch_steps = 0

    def update(self) -> bool:
        """True where there was news."""
        news = False
        for record in self._metrics.new():
            news = True
            self._take(record)
        return news

    def _take(self, record: dict[str, Any]) -> None:
        step = int(record["step"])
        if "loss" in record:
            self._take_loss(step, float(record["loss"]))
            self.lr, self.rate = float(record.get("lr", 0)), float(record.get("rate", 0))
        elif "average" in record:
            row = EpochRow(int(record["epoch"]), step, float(record["average"]), float(record.get("seconds", 0)), bool(record.get("best")))
            self.epochs = [old for old in self.epochs if old.epoch < row.epoch] + [row]
            self.series.add_epoch(step, row.average)
        elif "event" in record:
            self.event = str(record["event"])
            if self.event == "saved":
                self.saved_step = step
            elif self.event == "started":
                self.config = self.run.config()  # resuming may have extended it

    def _take_loss(self, step: int, loss: float) -> None:
        if step <= self.step or self._at_epoch_start(step):
            self._epoch_sum, self._epoch_steps = 0.0, 0
        self.step, self.loss = step, loss
        self._epoch_sum += loss
        self._epoch_steps += 1
        self.series.append(step, loss)

    def _at_epoch_start(self, step: int) -> bool:
        return (step - 1) % self.config.steps_per_epoch == 0

    @property
    def epoch(self) -> int:
        """The epoch under way, from 1."""
        return 1 + max(0, self.step - 1) // self.config.steps_per_epoch

    @property
    def epoch_average(self) -> float | None:
        """Of the steps of the current epoch that were seen."""
        return self._epoch_sum / self._epoch_steps if self._epoch_steps else None

    @property
    def best(self) -> float | None:
        return min((row.average for row in self.epochs), default=None)

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


def load_sample(path: Path) -> Images | None:
    """A preview's pictures; None where the file is not one."""
    return images.load_strip(path)
