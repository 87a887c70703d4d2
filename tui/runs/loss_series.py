"""All losses of a run, 16 bytes each, with the exact sum, minimum and maximum between any two steps. Plain Python, no screen."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, compress
from math import ceil, isfinite

BLOCK = 64
"""Losses that are summed once for all. A column of the chart adds whole blocks, and single losses only at its two ends."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a chart needs to know about some consecutive losses."""

    count: int
    total: float
    low: float
    high: float

    @property
    def mean(self) -> float:
        return self.total / self.count

    @classmethod
    def of(cls, losses: Sequence[float]) -> Bucket:
        return cls(len(losses), sum(losses), min(losses), max(losses))


class LossSeries:
    """Losses by step, appended as they come, the averages of epochs, and the losses on held-out images. Values that are not finite are left out."""

    def __init__(self) -> None:
        self._steps = array("q")
        self._losses = array("d")
        self._totals, self._lows, self._highs = array("d"), array("d"), array("d")  # one value for each full block
        self._epochs: list[tuple[int, float]] = []
        self._validations: list[tuple[int, float]] = []
        self._saves: list[int] = []
        self.version = 0
        """Grows with every change, so that a view can check whether it is up to date."""

    def __len__(self) -> int:
        return len(self._steps)

    def append(self, step: int, loss: float) -> None:
        """Add one loss. A step that is not after the last one means that the run was rewound: losses from that step on are dropped."""
        self.extend((step,), (loss,))

    def extend(self, steps: Sequence[int], losses: Sequence[float]) -> None:
        """Add many losses, in ascending order of their steps."""
        if not isfinite(sum(losses)):
            finite = list(map(isfinite, losses))
            steps, losses = list(compress(steps, finite)), list(compress(losses, finite))
        if self._steps and steps and steps[0] <= self._steps[-1]:
            self.rewind(steps[0] - 1)
        self._steps.extend(steps)
        self._losses.extend(losses)
        for start in range(len(self._lows) * BLOCK, len(self._losses) - BLOCK + 1, BLOCK):
            block = Bucket.of(self._losses[start : start + BLOCK])
            self._totals.append(block.total)
            self._lows.append(block.low)
            self._highs.append(block.high)
        self.version += 1

    def add_epoch(self, step: int, average: float) -> None:
        """Add an epoch's average at the step where the epoch ended."""
        if isfinite(average):
            self._drop_epochs_after(step - 1)
            self._epochs.append((step, average))
            self.version += 1

    def add_validation(self, step: int, loss: float) -> None:
        """Add the loss on held-out images after a step."""
        if isfinite(loss):
            while self._validations and self._validations[-1][0] >= step:
                self._validations.pop()
            self._validations.append((step, loss))
            self.version += 1

    def add_save(self, step: int) -> None:
        """Note that the state after this step was saved."""
        if not self._saves or step > self._saves[-1]:
            self._saves.append(step)
            self.version += 1

    def rewind(self, step: int) -> None:
        """Drop everything after `step`, where the run was resumed."""
        count = bisect_right(self._steps, step)
        for points in (self._steps, self._losses):
            del points[count:]
        for blocks in (self._totals, self._lows, self._highs):
            del blocks[count // BLOCK :]
        self._drop_epochs_after(step)
        while self._validations and self._validations[-1][0] > step:
            self._validations.pop()
        del self._saves[bisect_right(self._saves, step) :]
        self.version += 1

    def _drop_epochs_after(self, step: int) -> None:
        while self._epochs and self._epochs[-1][0] > step:
            self._epochs.pop()

    @property
    def epochs(self) -> Sequence[tuple[int, float]]:
        """(step, average) of each epoch, in order."""
        return self._epochs

    @property
    def validations(self) -> Sequence[tuple[int, float]]:
        """(step, loss) on held-out images, in order."""
        return self._validations

    @property
    def saves(self) -> Sequence[int]:
        """The steps after which a state was saved, in order."""
        return self._saves

    def nearest(self, step: int) -> tuple[int, float] | None:
        """The step next to this one that has a loss, and that loss; None where there are none."""
        if not self._steps:
            return None
        right = min(bisect_left(self._steps, step), len(self._steps) - 1)
        left = max(0, right - 1)
        index = left if step - self._steps[left] < self._steps[right] - step else right
        return self._steps[index], self._losses[index]

    @property
    def last(self) -> tuple[int, float] | None:
        """The latest step and its loss."""
        return (self._steps[-1], self._losses[-1]) if self._steps else None

    def span(self, window: int | None = None) -> tuple[int, int] | None:
        """The first and the last step of the run, or of its last `window` steps. None if there are none."""
        if not self._steps:
            return None
        last = self._steps[-1]
        return self._steps[bisect_right(self._steps, last - window) if window else 0], last

    def between(self, first: int, last: int) -> Bucket | None:
        """The losses from step `first` to step `last`, both included; None if there are none."""
        return self._bucket(bisect_left(self._steps, first), bisect_right(self._steps, last))

    def columns(self, count: int, first: int, last: int, positive: bool = False) -> list[tuple[int, Bucket]]:
        """The losses from step `first` to step `last`, divided among `count` columns of equal width in steps, as (column, bucket).

        Empty columns are left out. `positive` also leaves out losses that have no logarithm.
        """
        steps = last - first + 1
        buckets = []
        start = bisect_left(self._steps, first)
        for column in range(count):
            end = first + ceil((column + 1) * steps / count)  # the first step of the next column
            stop = bisect_left(self._steps, end, start)
            if bucket := self._bucket(start, stop, positive):
                buckets.append((column, bucket))
            start = stop
        return buckets

    def _bucket(self, start: int, stop: int, positive: bool = False) -> Bucket | None:
        """The losses with indices from `start` to `stop`, which is not included; None if there are none."""
        if start >= stop:
            return None
        first_block, end_block = ceil(start / BLOCK), stop // BLOCK
        if first_block >= end_block:
            bucket = Bucket.of(self._losses[start:stop])
        else:
            blocks = slice(first_block, end_block)
            ends = self._losses[start : first_block * BLOCK] + self._losses[end_block * BLOCK : stop]
            bucket = Bucket(
                stop - start,
                sum(self._totals[blocks]) + sum(ends),
                min([*self._lows[blocks], *ends]),
                max([*self._highs[blocks], *ends]),
            )
        if positive and bucket.low <= 0:
            losses = [loss for loss in self._losses[start:stop] if loss > 0]
            return Bucket.of(losses) if losses else None
        return bucket


def smooth(values: Sequence[float], reach: int) -> list[float]:
    """The running mean of up to `reach` values on either side.

    Unlike an exponential average it does not lag behind. At the start it reaches no further ahead than back, so that a steep descent stays
    where it is. At the end it only reaches back.
    """
    sums = [0.0, *accumulate(values)]
    last = len(values) - 1
    spans = ((max(0, i - reach), min(i + min(reach, i), last) + 1) for i in range(len(values)))
    return [(sums[stop] - sums[start]) / (stop - start) for start, stop in spans]
