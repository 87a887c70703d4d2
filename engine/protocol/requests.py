"""What is asked of the engine: frozen requests that check themselves. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.config.data import MOST_CLASSES
from engine.config.fields import MAX_COUNT, MAX_SEED
from engine.config.sampling import SampleConfig
from engine.config.training import TrainConfig
from engine.errors import SettingError

WhenFull = Literal["stop", "go-on", "ask"]


@dataclass(frozen=True)
class DrawRequest:
    """Which pictures to draw, how, and with which weights."""

    labels: tuple[int | None, ...]
    """Numbers of classes of the weights' data set; None draws without a label."""
    sample: SampleConfig = field(default_factory=SampleConfig)
    indices: tuple[int, ...] | None = None
    """Image i takes its noise from (seed, indices[i]); by default its own place. Equal indices share their noise."""
    weights: str = "shipped"
    """shipped, RUN, RUN:best, RUN:live, or a file"""
    fps: float = 10.0
    """Frames a second at most; 0 for the finished pictures alone."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.labels) <= MAX_COUNT:
            raise SettingError(f"{len(self.labels)} images is outside 1 to {MAX_COUNT:,}")
        if any(label is not None and (type(label) is not int or not 0 <= label < MOST_CLASSES) for label in self.labels):
            raise SettingError("labels are numbers of classes, from 0, or None for no label")
        if self.indices is not None and any(type(i) is not int or not 0 <= i <= MAX_SEED for i in self.indices):
            raise SettingError(f"noise indices are whole numbers from 0 to {MAX_SEED}")
        if self.indices is not None and len(self.indices) != len(self.labels):
            raise SettingError(f"{len(self.indices)} noise indices do not fit {len(self.labels)} images")


@dataclass(frozen=True)
class TrainRequest:
    """A new run, or one to go on with."""

    config: TrainConfig = field(default_factory=TrainConfig)
    run: str | None = None
    """The new run's name; by default the next free one of its preset."""
    resume: str | None = None
    """An existing run to go on with; `config` is then its own, but for epochs and steps."""
    when_full: WhenFull = "stop"
    """What to do where the disk refuses to save; ask: wait until the Control says run (try again), unsaved or stop."""


@dataclass(frozen=True)
class EvaluateRequest:
    """How many images to draw and judge, and how they are drawn."""

    count: int = 1000
    sample: SampleConfig = field(default_factory=SampleConfig)
    weights: str = "shipped"

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_COUNT:
            raise SettingError(f"count {self.count} is outside 1 to {MAX_COUNT:,}")
