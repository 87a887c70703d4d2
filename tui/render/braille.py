"""Draw with braille dots, and choose axes and labels. Pure: knows neither losses nor widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10

DOTS_X, DOTS_Y = 2, 4
"""Dots in a cell, across and down."""
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of the characters from U+2800, by row and column
_UPPER = 0x01 | 0x08 | 0x02 | 0x10


class Canvas:
    """width x height cells of dots. Dot (0, 0) is at the upper left. Dots outside are ignored."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._cells = bytearray(width * height)

    def dot(self, x: int, y: int) -> None:
        """Set a dot."""
        column, row = x // DOTS_X, y // DOTS_Y
        if 0 <= column < self.width and 0 <= row < self.height:
            self._cells[row * self.width + column] |= _BITS[y % DOTS_Y][x % DOTS_X]

    def line(self, x0: int, y0: int, x1: int, y1: int) -> None:
        """Draw a straight line, including both ends."""
        if x0 == x1:  # most lines of a chart are vertical
            for y in range(min(y0, y1), max(y0, y1) + 1):
                self.dot(x0, y)
            return
        n = max(abs(x1 - x0), abs(y1 - y0))
        for i in range(n + 1):
            self.dot(round(x0 + (x1 - x0) * i / n), round(y0 + (y1 - y0) * i / n))

    def path(self, points: Sequence[tuple[int, int]]) -> None:
        """Draw a line through all points. A single point becomes a dot."""
        for start, end in pairwise(points) if len(points) > 1 else zip(points, points, strict=True):
            self.line(*start, *end)

    def char(self, column: int, row: int, braille: bool = True) -> str:
        """The character of a cell, "" if it is empty. Without braille it only shows which halves have dots."""
        bits = self._cells[row * self.width + column]
        if not bits:
            return ""
        if braille:
            return chr(0x2800 + bits)
        return ":" if bits & _UPPER and bits & ~_UPPER else "'" if bits & _UPPER else "."


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high`, spaced evenly or by their logarithm, for which `low` must be positive."""

    low: float
    high: float
    log: bool = False

    def position(self, value: float, count: int) -> int:
        """Which of `count` dots shows the value, from 0 for `low`. Values outside the scale are at most one length of the scale away."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = log10(low), log10(high), log10(max(value, low / high * low))
        fraction = (value - low) / (high - low)
        return round(min(2.0, max(-1.0, fraction)) * (count - 1))


def nice_step(span: float, count: int) -> float:
    """The smallest step of 1, 2 or 5 times a power of ten that divides `span` into at most `count` parts."""
    raw = span / max(1, count)
    power = 10.0 ** floor(log10(raw))
    factor = next(f for f in (1, 2, 5, 10) if f * power >= raw * (1 - 1e-9))
    return factor * power


def axis(low: float, high: float, count: int, log: bool = False) -> tuple[Scale, list[float]]:
    """A scale from at most `low` to at least `high`, and about `count` round values on it (up to twice as many on a logarithmic scale)."""
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        low, high = low - abs(low) / 10, high + abs(high) / 10 or 1.0
    if log and low > 0:
        return _log_axis(low, high, count)
    step = nice_step(high - low, count)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    ticks = [float(f"{i * step:.10g}") for i in range(first, last + 1)]
    return Scale(ticks[0], ticks[-1]), ticks


def _log_axis(low: float, high: float, count: int) -> tuple[Scale, list[float]]:
    """Ticks at 1, 2 and 5 of each decade; only at decades if those are too many; evenly spaced if the scale is narrower than a decade."""
    low, high = 10 ** (floor(log10(low) * 10 + 1e-9) / 10), 10 ** (ceil(log10(high) * 10 - 1e-9) / 10)  # coarse, so that the scale rarely changes
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks = [tick for power in powers for f in (1, 2, 5) if low <= (tick := float(f"{f}e{power}")) * (1 + 1e-9) and tick <= high * (1 + 1e-9)]
    if len(ticks) > 2 * count:
        ticks = [tick for tick in ticks if f"{tick:e}".startswith("1")]
        ticks = ticks[:: ceil(len(ticks) / (count + 1))]
    elif len(ticks) < 3:
        even = ([tick for tick in axis(low, high, parts)[1] if low <= tick <= high] for parts in (count, 4, 8))
        ticks = next(filter(None, even))
    return Scale(low, high, True), ticks


def labels(ticks: Sequence[float]) -> list[str]:
    """The text of each tick, at most eight characters. Evenly spaced ticks get the same number of decimals, others as few as possible."""
    steps = {round(b - a, 12) for a, b in pairwise(ticks)}
    if len(steps) == 1 and (step := steps.pop()) >= 1e-4 and ticks[-1] < 1e5:
        return [f"{tick:.{max(0, -floor(log10(step) + 1e-9))}f}" for tick in ticks]
    return [f"{tick:.3g}" for tick in ticks]


def count_label(count: int) -> str:
    """950, 4500, 20k, 1.5M: a round number takes at most five characters."""
    if count < 10_000:
        return str(count)
    return f"{count / 1_000:g}k" if count < 1_000_000 else f"{count / 1_000_000:g}M"
