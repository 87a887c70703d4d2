"""A run's losses in bounded memory: the recent ones as they are, the whole run in buckets. Plain Python, no screen."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import inf, isfinite

RECENT = 4096
"""Points kept as they are; a window up to this long is exact."""
BUCKETS = 2048
"""At most this many buckets for the whole run: some eight for each dot across a wide chart."""


@dataclass(slots=True)
class Bucket:
    """What happened between two steps."""

    first: int
    last: int
    count: int
    total: float
    low: float
    high: float

    @property
    def mean(self) -> float:
        return self.total / self.count

    @classmethod
    def of(cls, step: int, loss: float) -> Bucket:
        return cls(step, step, 1, loss, loss, loss)

    def add(self, later: Bucket) -> None:
        """Take in a bucket that begins no earlier."""
        self.last = later.last
        self.count += later.count
        self.total += later.total
        self.low = min(self.low, later.low)
        self.high = max(self.high, later.high)


class LossSeries:
    """Losses by step, appended as they come.

    The whole run is a list of buckets of `width` steps each; when there are too many, neighbours merge and the width doubles, so any number of
    points costs the same memory and the extremes stay true. A loss that is not finite is left out.
    """

    def __init__(self, recent: int = RECENT, buckets: int = BUCKETS) -> None:
        self._recent: deque[tuple[int, float]] = deque(maxlen=recent)
        self._limit = buckets
        self._buckets: list[Bucket] = []
        self._width = 1
        self._epochs: list[tuple[int, float]] = []
        self.version = 0
        """Grows with every change, so that a view can tell whether it is up to date."""

    def append(self, step: int, loss: float) -> None:
        """One more point. A step that was already passed means that the run went back to a save: what came after it is forgotten."""
        if not isfinite(loss):
            return
        self.version += 1
        if self._recent and step <= self._recent[-1][0]:
            self._rewind(step)
        self._recent.append((step, loss))
        point = Bucket.of(step, loss)
        if self._buckets and self._buckets[-1].first // self._width == step // self._width:
            self._buckets[-1].add(point)
        else:
            self._buckets.append(point)
            while len(self._buckets) > self._limit:
                self._widen()

    def extend(self, points: Iterable[tuple[int, float]]) -> None:
        for step, loss in points:
            self.append(step, loss)

    def add_epoch(self, step: int, average: float) -> None:
        """An epoch's average, at the step it ended with."""
        if isfinite(average):
            self._epochs = [epoch for epoch in self._epochs if epoch[0] < step] + [(step, average)]
            self.version += 1

    def clear(self) -> None:
        self._recent.clear()
        self._buckets.clear()
        self._epochs.clear()
        self._width = 1
        self.version += 1

    @property
    def epochs(self) -> Sequence[tuple[int, float]]:
        """(step, average) of each epoch, in order."""
        return self._epochs

    @property
    def buckets(self) -> Sequence[Bucket]:
        """The whole run."""
        return self._buckets

    @property
    def size(self) -> int:
        """How many points and buckets are held: bounded."""
        return len(self._recent) + len(self._buckets)

    def points(self, window: int | None = None) -> Sequence[Bucket]:
        """The last `window` steps, else the whole run, in order: as exactly as they are held."""
        if not self._buckets:
            return []
        start = self._buckets[-1].last - window if window else -inf
        if self._width == 1 or self._recent[0][0] > max(start + 1, self._buckets[0].first):
            return [bucket for bucket in self._buckets if bucket.last > start]
        return [Bucket.of(step, loss) for step, loss in self._recent if step > start]

    def _rewind(self, step: int) -> None:
        """Forget `step` and what came after, as far as whole buckets allow."""
        while self._recent and self._recent[-1][0] >= step:
            self._recent.pop()
        while self._buckets and self._buckets[-1].first >= step:
            self._buckets.pop()
        if self._buckets:
            self._buckets[-1].last = min(self._buckets[-1].last, step - 1)
        self._epochs = [epoch for epoch in self._epochs if epoch[0] < step]

    def _widen(self) -> None:
        self._width *= 2
        merged: list[Bucket] = []
        for bucket in self._buckets:
            if merged and merged[-1].first // self._width == bucket.first // self._width:
                merged[-1].add(bucket)
            else:
                merged.append(bucket)
        self._buckets = merged


def smooth(values: Sequence[float], reach: int) -> list[float]:
    """Running mean of up to `reach` values on either side.

    It does not lag behind as an exponential average does: at the start it reaches no further ahead than back, so that a steep descent stays
    where it is; at the end it looks back alone.
    """
    sums = [0.0, *accumulate(values)]
    last = len(values) - 1
    spans = ((max(0, i - reach), min(i + min(reach, i), last) + 1) for i in range(len(values)))
    return [(sums[stop] - sums[start]) / (stop - start) for start, stop in spans]


def columns(points: Sequence[Bucket], count: int, first: int, last: int) -> list[tuple[int, Bucket]]:
    """The points merged into at most `count` columns from step `first` to step `last`, as (column, bucket); empty columns are left out."""
    out: list[tuple[int, Bucket]] = []
    for point in points:
        column = min(count - 1, ((point.first + point.last) // 2 - first) * count // (last - first + 1))
        if out and out[-1][0] == column:
            out[-1][1].add(point)
        else:
            out.append((column, replace(point)))
    return out
