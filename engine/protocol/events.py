"""What a job can say: frozen facts for any thread or process. No tensors, no torch."""

from __future__ import annotations

from dataclasses import dataclass

from engine.config.compute import ComputeInfo
from engine.config.training import TrainConfig
from engine.protocol.recipe import Images, Recipe, WeightsInfo


class Event:
    """The root of what a job can say."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Preparing(Event):
    """Something that takes a while before the work itself."""

    what: str


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something the person should know; the work goes on."""

    message: str


@dataclass(frozen=True, slots=True)
class Ready(Event):
    """The first drawing need not wait for anything now."""

    engine: ComputeInfo
    weights: WeightsInfo


@dataclass(frozen=True, slots=True)
class Tick(Event):
    """A bounded piece of work is done and there is nothing to tell: a chance to stop or to let another job go first."""


# --- drawing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DrawStarted(Event):
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Frame(Event):
    """A denoising under way: the guess at x0 after `step` of `steps` (0: pure noise). Latest wins."""

    images: Images
    step: int
    steps: int
    steps_per_s: float
    again: int = 0
    """How many of them are drawn again, since the reader doubted them; the others are finished."""


@dataclass(frozen=True, slots=True)
class DrawDone(Event):
    """The finished pictures, and up to 64 evenly spaced frames of how they came about (the last is `images`)."""

    recipe: Recipe
    images: Images
    frames: tuple[Images, ...]
    frame_steps: tuple[int, ...]
    """After how many steps each frame was taken."""
    seconds: float
    steps_per_s: float
    again: int = 0
    """How many images were drawn more than once; their frames are those of the last time."""


# --- training ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TrainStarted(Event):
    run: str
    config: TrainConfig
    engine: ComputeInfo
    step: int
    """Steps already done: 0, or where the run is resumed."""
    parameters: int


@dataclass(frozen=True, slots=True)
class TrainStep(Event):
    """Where the run is, told whenever the loss was read from the device."""

    step: int
    epoch: int
    """From 1."""
    loss: float
    lr: float
    steps_per_s: float
    images_per_s: float
    memory: int
    """Bytes: of the device for CUDA, else of the process."""


@dataclass(frozen=True, slots=True)
class EpochDone(Event):
    epoch: int
    step: int
    average: float
    seconds: float
    """Spent on this epoch's steps."""
    best: bool


@dataclass(frozen=True, slots=True)
class Preview(Event):
    """An image of each class (of many, the first) from fixed noise, drawn by the average weights."""

    step: int
    images: Images


@dataclass(frozen=True, slots=True)
class Saved(Event):
    step: int
    path: str


@dataclass(frozen=True, slots=True)
class CannotSave(Event):
    """The disk refused; with `waiting` the job does nothing until it is told to run (and try again), to go on unsaved, or to stop."""

    step: int
    saved_step: int | None
    message: str
    waiting: bool


@dataclass(frozen=True, slots=True)
class Paused(Event):
    step: int


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    step: int


@dataclass(frozen=True, slots=True)
class TrainDone(Event):
    run: str
    step: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainStopped(Event):
    """Left before its end, as was wished; what was trained is saved."""

    run: str
    step: int


@dataclass(frozen=True, slots=True)
class Detached(Event):
    """The run trains in a process of its own, which outlives this one."""

    run: str


# --- judging ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EvaluateProgress(Event):
    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class EvaluateDone(Event):
    """The figures of `engine.evaluation.job.Report`, as JSON values, and `engine.evaluation.job.best_and_worst`: ten pictures a class."""

    report: dict[str, object]
    gallery: Images


# --- said by the worker, not by a job ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ended(Event):
    """A job is over: finished, stopped, or failed with a message (`unexpected`: a fault of digitty's own, traceback in the log)."""

    outcome: str
    """finished, stopped, failed"""
    message: str = ""
    unexpected: bool = False
