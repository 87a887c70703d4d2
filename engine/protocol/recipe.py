"""Finished images, and everything that determines them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.config.compute import ComputeInfo
from engine.config.condition import Condition
from engine.config.condition_check import check_conditions
from engine.config.data import MNIST, DataSpec
from engine.config.sampling import SampleConfig

LONGEST_LINE = 16
"""Pictures in one hand that are set on one line; more become a sheet of several rows."""


@dataclass(frozen=True, slots=True)
class Images:
    """`count` pictures in one immutable buffer, rows from the top: a byte a pixel, black 0 and white 255, or its red, green and blue in turn."""

    data: bytes
    count: int
    height: int = MNIST.height
    width: int = MNIST.width
    channels: int = MNIST.channels

    def __post_init__(self) -> None:
        if len(self.data) != self.count * self.picture_bytes:
            raise ValueError(f"{len(self.data)} bytes are not {self.count} images of {self.height}x{self.width}x{self.channels}")

    @classmethod
    def black(cls, data: DataSpec, count: int) -> Images:
        """As many black pictures of a data set's size."""
        return cls(bytes(count * data.picture_bytes), count, data.height, data.width, data.channels)

    @property
    def picture_bytes(self) -> int:
        """Bytes of one picture."""
        return self.height * self.width * self.channels

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> bytes:
        """Image i: height * width * channels values."""
        if not 0 <= i < self.count:
            raise IndexError(i)
        size = self.picture_bytes
        return self.data[i * size : (i + 1) * size]

    def only(self, i: int) -> Images:
        """Image i alone."""
        return replace(self, data=self[i], count=1)

    def side_by_side(self) -> Images:
        """All images as a single one, in a row without gaps."""
        row = self.width * self.channels
        rows = (self[i][y * row : (y + 1) * row] for y in range(self.height) for i in range(self.count))
        return replace(self, data=b"".join(rows), count=1, width=self.width * self.count)

    def __iter__(self) -> Iterator[bytes]:
        return (self[i] for i in range(self.count))


@dataclass(frozen=True, slots=True)
class WeightsInfo:
    """Which weights draw."""

    name: str
    """shipped, a run's name, or a file's name"""
    step: int | None
    kind: str
    """average, live, or best"""
    digest: str = ""
    """What identifies the weights, whatever they are called: see `ModelWeights.digest`. Empty in pictures of older versions."""

    def __str__(self) -> str:
        return f"{self.name} · step {self.step} · {self.kind}" if self.step is not None else f"{self.name} · {self.kind}"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that determines a drawing: the same recipe draws the same pictures."""

    labels: tuple[int | None, ...]
    """None draws without a label."""
    indices: tuple[int, ...]
    """Image i takes its noise from (sample.seed, indices[i])."""
    sample: SampleConfig
    weights: WeightsInfo
    engine: ComputeInfo
    data: DataSpec = MNIST
    """The data set that the weights draw: it names the labels."""
    version: str = ""
    """Of digitty. This and the next two are empty in pictures of older versions."""
    torch: str = ""
    """The version of torch."""
    processor: str = ""
    """The GPU's name, or the CPU's vector instructions: other ones round differently."""
    conditions: tuple[Condition, ...] | None = None
    """What each picture was to show besides its class; None where nothing more was asked for."""

    @property
    def is_one_line(self) -> bool:
        """Whether its pictures are set on one line, as a person writes: a few that were all asked for in the same hand."""
        hands = {condition.hand for condition in self.conditions or ()}
        return 2 <= len(self.labels) <= LONGEST_LINE and len(hands) == 1 and None not in hands

    def only(self, i: int) -> Recipe:
        """The recipe of image i alone."""
        conditions = self.conditions and check_conditions((self.conditions[i],), (self.labels[i],))
        return replace(self, labels=(self.labels[i],), indices=(self.indices[i],), conditions=conditions)
