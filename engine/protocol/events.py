"""The events of jobs: frozen facts that may cross threads and processes. No tensors, no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.config.compute import ComputeInfo
from engine.config.training import Preset, TrainConfig
from engine.protocol.measured import Measured
from engine.protocol.recipe import Images, Recipe, WeightsInfo


class Event:
    """The root of all events."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Preparing(Event):
    """The job prepares something, which takes a while, before its work starts."""

    what: str
    fraction: float | None = None
    """How much of it is done, if that is known."""


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something that the user should know. The work continues."""

    message: str


@dataclass(frozen=True, slots=True)
class Ready(Event):
    """Everything is loaded: the first drawing starts without delay."""

    engine: ComputeInfo
    weights: WeightsInfo


@dataclass(frozen=True, slots=True)
class Tick(Event):
    """A bounded piece of work is done, without news: a chance to stop, or to let another job run first."""


# --- drawing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DrawStarted(Event):
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Frame(Event):
    """A denoising in progress: x_t after `step` of `steps` (0: pure noise). Only the latest one matters."""

    images: Images
    step: int
    steps: int
    steps_per_s: float
    again: int = 0
    """How many of the images are being redrawn, because the classifier doubted them; the others are finished."""
    before: Images | None = None
    """x_t before the last step, and ..."""
    guess: Images | None = None
    """... the guess at x0 that the network made from it. Both only if the request asks for guesses, and not before the first step."""
    evaluations: float = 0.0
    """Network evaluations per image until now: a guided one counts twice."""


@dataclass(frozen=True, slots=True)
class DrawDone(Event):
    """The finished pictures, and up to 64 evenly spaced frames of their denoising, the last of which is `images`."""

    recipe: Recipe
    images: Images
    frames: tuple[Images, ...]
    frame_steps: tuple[int, ...]
    """The number of steps before each frame."""
    seconds: float
    steps_per_s: float
    again: int = 0
    """How many images were redrawn; their frames are those of the last attempt."""
    guesses: tuple[Images, ...] = ()
    """The guess at x0 that the network made from each frame, and in the end the images. Only if the request asks for them."""
    evaluations: float = 0.0
    """Network evaluations per image: guided ones count twice, and those of redrawn images are included."""
    measured: tuple[Measured | None, ...] = ()
    """What was measured of each image; empty if no condition asks for anything that is measured."""

    def only(self, i: int) -> DrawDone:
        """The drawing of image i alone, or the whole one if another drawing would not come to the same image.

        Images that share their noise are redrawn together, so whether one of them is redrawn depends on the others.
        """
        if self.again and self.recipe.indices.count(self.recipe.indices[i]) > 1:
            return self
        measured = self.measured and (self.measured[i],)
        frames, guesses = (tuple(images.only(i) for images in each) for each in (self.frames, self.guesses))
        return replace(self, recipe=self.recipe.only(i), images=self.images.only(i), frames=frames, guesses=guesses, measured=measured)


@dataclass(frozen=True, slots=True)
class StrokesMeasured(Event):
    """What the strokes of pictures measure."""

    pictures: tuple[tuple[tuple[str, float], ...], ...]
    """All ATTRIBUTES of each picture, in their units; empty for a picture of one flat grey, which has no strokes."""


# --- training ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TrainStarted(Event):
    run: str
    config: TrainConfig
    engine: ComputeInfo
    step: int
    """Steps already done: 0 for a new run."""
    parameters: int


@dataclass(frozen=True, slots=True)
class TrainStep(Event):
    """The progress of a run, whenever its losses are read from the device."""

    step: int
    epoch: int
    """From 1."""
    loss: float
    lr: float
    steps_per_s: float
    images_per_s: float
    memory: int
    """Bytes in use: of the device for CUDA, otherwise of the process."""


@dataclass(frozen=True, slots=True)
class EpochDone(Event):
    epoch: int
    step: int
    average: float
    seconds: float
    """Time spent on the steps of this epoch; where epochs are so short that several are reported together, their mean."""
    best: bool


@dataclass(frozen=True, slots=True)
class Preview(Event):
    """An image of each class (the first ones, if there are many) from fixed noise, drawn by the average weights; or what an encoder compares."""

    step: int
    images: Images
    captions: tuple[str, ...] = ()
    """One for each image, or none."""


@dataclass(frozen=True, slots=True)
class Saved(Event):
    step: int
    path: str


@dataclass(frozen=True, slots=True)
class CannotSave(Event):
    """The disk refused a save. With `waiting` the job pauses until it is told to run (and try again), to continue unsaved, or to stop."""

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
    """The training was stopped before its end, and is saved."""

    run: str
    step: int


@dataclass(frozen=True, slots=True)
class SpeedMeasured(Event):
    """How long a step of a preset takes on this machine."""

    preset: Preset
    seconds_per_step: float


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
class ClassGallery:
    """The best and the worst drawn pictures of one class, as a classifier sees them. No picture is in both."""

    name: str
    drawn: int
    """How many pictures of the class were drawn; with fewer than ten all of them are here."""
    best: Images
    """Those in which the classifier is most sure of the class, the surest first."""
    worst: Images
    """Those in which it is least sure, the least sure last."""
    best_read_as: tuple[str, ...]
    """The class that it reads in each of `best`."""
    worst_read_as: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvaluateDone(Event):
    report: dict[str, object]
    """The figures of `evaluation.report.Report`, as JSON values."""
    gallery: tuple[ClassGallery, ...]
    """One for each class of the data set, also for a class that was not drawn."""


# --- by the worker, not by a job --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ended(Event):
    """A job is over. `unexpected`: it failed with an internal error, whose traceback is in the log."""

    outcome: str
    """finished, stopped or failed"""
    message: str = ""
    unexpected: bool = False
