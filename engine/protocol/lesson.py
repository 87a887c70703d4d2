"""What the screen How shows: its request and events. Plain Python: no tensors, no torch, so that the slider's picture needs no job."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

from engine.config.data import MOST_CLASSES, DataSpec
from engine.errors import SettingError
from engine.protocol.events import Event
from engine.protocol.recipe import Images, WeightsInfo


@dataclass(frozen=True)
class GuessRequest:
    """Asks what the network guesses from the test image of one class, with its fixed noise at timestep t."""

    weights: str
    label: int
    t: int

    def __post_init__(self) -> None:
        if not 0 <= self.label < MOST_CLASSES or self.t < 0:
            raise SettingError(f"class {self.label} at t {self.t} is not an image of the lesson")


@dataclass(frozen=True, slots=True)
class Lesson(Event):
    """Real images, the noise that is added to each of them, and the noise schedule of the weights."""

    data: DataSpec
    weights: WeightsInfo
    images: Images
    """The first test image of each class; of many classes the first MOST_SHOWN."""
    noise: bytes
    """A standard normal number for each byte of a picture, in the same order, as float32."""
    alpha_bar: tuple[float, ...]
    """For t = 0 … T-1."""
    attends: bool
    """Whether the network has attention."""
    one_step: bool
    """Whether the weights are a one-step student's, which knows a few timesteps only."""

    def noisy(self, label: int, t: int) -> Images:
        """x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps (Ho et al. 2020, eq. 4), one picture."""
        alpha_bar = self.alpha_bar[t]
        signal, noise = math.sqrt(alpha_bar), 127.5 * math.sqrt(1 - alpha_bar)
        shift = 127.5 * (1 - signal)  # x_0 is pixel / 127.5 - 1, and x_t is shown in the same way
        numbers = array("f", self.noise)
        pixels = bytes(max(0, min(255, round(signal * pixel + shift + noise * eps))) for pixel, eps in zip(self.images[label], numbers, strict=True))
        return Images(pixels, 1, self.images.height, self.images.width, self.images.channels)

    def clean(self, label: int) -> Images:
        """x_0, one picture."""
        return Images(self.images[label], 1, self.images.height, self.images.width, self.images.channels)


@dataclass(frozen=True, slots=True)
class AttentionMap:
    """How much each position of a grid over the image takes from every other, averaged over the heads."""

    rows: int
    columns: int
    weights: tuple[float, ...]
    """Row i (of rows * columns) holds the weights of position i, which add up to 1. Positions count from the upper left, row by row."""

    def of(self, position: int) -> tuple[float, ...]:
        count = self.rows * self.columns
        return self.weights[position * count : (position + 1) * count]


@dataclass(frozen=True, slots=True)
class Guess(Event):
    """What the network guesses from x_t, beside the truth."""

    label: int
    t: int
    images: Images
    """Five: x_t, the guessed and the true noise (NOISE_SHOWN deviations to black and to white), the guessed and the true x_0."""
    noise_error: float
    """Mean square of the error in the noise: the loss. A guess of no noise at all has 1."""
    grey_error: float
    """Mean distance of the guessed x_0 from the true one, in grey levels of 255."""
    attention: AttentionMap | None


@dataclass(frozen=True, slots=True)
class LossByNoise(Event):
    """The mean squared error in the noise of held-out images, at those timesteps that are done, in ascending order."""

    weights: WeightsInfo
    timesteps: tuple[int, ...]
    losses: tuple[float, ...]
    total: int
    """Timesteps that there will be."""


MOST_SHOWN = 20
"""Classes of which a lesson has an image."""
NOISE_SHOWN = 2.0
"""Standard deviations from grey to black and to white, where noise is shown as a picture."""
