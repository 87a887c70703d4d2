"""All losses of a run, 16 bytes each, and what they come to between any two steps, exactly. Plain Python, no screen."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, compress, islice, pairwise
from math import inf, isfinite

BLOCK = 64
"""Losses that are summed up together: a column of the chart adds up whole blocks and at most two broken ones."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Some losses that follow each other."""

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
    """Losses by step, appended as they come, and the averages of epochs. What is not finite is left out."""

    def __init__(self) -> None:
        self._steps = array("q")
        self._losses = array("d")
        self._totals, self._lows, self._highs = array("d"), array("d"), array("d")  # of each whole block
        self._epochs: list[tuple[int, float]] = []
        self.version = 0
        """Grows with every change, so that a view can tell whether it is up to date."""

    def __len__(self) -> int:
        return len(self._steps)

    def append(self, step: int, loss: float) -> None:
        """One more point. A step that was already passed means that the run went back: what came from it on is forgotten."""
        self.extend((step,), (loss,))

    def extend(self, steps: Sequence[int], losses: Sequence[float]) -> None:
        """Many points at once; their steps rise."""
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
        """An epoch's average, at the step it ended with."""
        if isfinite(average):
            self._forget_epochs(step - 1)
            self._epochs.append((step, average))
            self.version += 1

    def rewind(self, step: int) -> None:
        """The run goes on after `step`: what came later is forgotten."""
        count = bisect_right(self._steps, step)
        for points in (self._steps, self._losses):
            del points[count:]
        for blocks in (self._totals, self._lows, self._highs):
            del blocks[count // BLOCK :]
        self._forget_epochs(step)
        self.version += 1

    def _forget_epochs(self, step: int) -> None:
        while self._epochs and self._epochs[-1][0] > step:
            self._epochs.pop()

    @property
    def epochs(self) -> Sequence[tuple[int, float]]:
        """(step, average) of each epoch, in order."""
        return self._epochs

    @property
    def last(self) -> tuple[int, float] | None:
        """The latest step and its loss."""
        return (self._steps[-1], self._losses[-1]) if self._steps else None

    def span(self, window: int | None = None) -> tuple[int, int] | None:
        """The first step and the last among the last `window` ones, else of the whole run."""
        if not self._steps:
            return None
        last = self._steps[-1]
        return self._steps[bisect_right(self._steps, last - window) if window else 0], last

    def between(self, first: int, last: int) -> Bucket | None:
        """The losses from one step to another, both included; None where there is none."""
        return self._bucket(bisect_left(self._steps, first), bisect_right(self._steps, last))

    def columns(self, count: int, first: int, last: int, positive: bool = False) -> list[tuple[int, Bucket]]:
        """The losses from step `first` to step `last` in `count` columns of equally many steps, as (column, bucket); empty columns are left out.

        `positive` leaves out losses that have no logarithm.
        """
        width = last - first + 1
        edges = accumulate(
            (first - -column * width // count for column in range(count + 1)), lambda at, step: bisect_left(self._steps, step, at), initial=0
        )
        found = ((column, self._bucket(*edge, positive)) for column, edge in enumerate(pairwise(islice(edges, 1, None))))
        return [(column, bucket) for column, bucket in found if bucket]

    def _bucket(self, start: int, stop: int, positive: bool = False) -> Bucket | None:
        """Of the points at these places."""
        if start >= stop:
            return None
        begin, end = -(-start // BLOCK), stop // BLOCK
        if begin >= end:
            bucket = Bucket.of(self._losses[start:stop])
        else:
            edges = self._losses[start : begin * BLOCK] + self._losses[end * BLOCK : stop]
            bucket = Bucket(
                stop - start,
                sum(self._totals[begin:end]) + sum(edges),
                min(min(self._lows[begin:end]), min(edges, default=inf)),
                max(max(self._highs[begin:end]), max(edges, default=-inf)),
            )
        if positive and bucket.low <= 0:
            above = [loss for loss in self._losses[start:stop] if loss > 0]
            return Bucket.of(above) if above else None
        return bucket


def smooth(values: Sequence[float], reach: int) -> list[float]:
    """Running mean of up to `reach` values on either side.

    It does not lag behind as an exponential average does: at the start it reaches no further ahead than back, so that a steep descent stays
    where it is; at the end it looks back alone.
    """
    sums = [0.0, *accumulate(values)]
    last = len(values) - 1
    spans = ((max(0, i - reach), min(i + min(reach, i), last) + 1) for i in range(len(values)))
    return [(sums[stop] - sums[start]) / (stop - start) for start, stop in spans]
