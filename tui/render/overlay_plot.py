"""Draw the losses of several runs over one axis as lines of characters, each with a role. Pure: knows neither colours nor Textual."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, exp, log

from engine.formatting import format_duration
from tui.render.braille import DOTS_X, DOTS_Y, Canvas, axis, count_label, labels, nice_step
from tui.runs.comparison import Alignment, Curve
from tui.runs.loss_series import smooth

MARKS, ASCII_MARKS = "●▲■◆○△□◇", "ox+*#%@&"
"""By a curve's number."""
MARK_EVERY = 16
"""Columns between two marks of a curve."""
SMOOTHED_OVER = 60
"""About how many losses the curve averages at each point, at any zoom."""
DURATIONS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds between ticks of the time axis; beyond a day, whole days."""

Line = tuple[tuple[str, str], ...]
"""(text, role) from left to right. A role is curve0 to curve7, axis or blank."""
Dots = list[tuple[int, float]]
"""(dot column, loss) from left to right."""


@dataclass(frozen=True, slots=True)
class OverlayView:
    """How the curves are drawn."""

    width: int
    height: int
    alignment: Alignment = "step"
    log_scale: bool = True
    braille: bool = True


def mark_of(number: int, braille: bool = True) -> str:
    """The mark of a curve, on the chart and in lists."""
    return (MARKS if braille else ASCII_MARKS)[number % len(MARKS)]


def overlay(curves: Sequence[Curve], view: OverlayView) -> list[Line]:
    """The chart as lines of cells. It is still useful at 20x5."""
    if view.width >= 16 and view.height >= 3:
        end = max((curve.position(curve.series.last[0]) for curve in curves if curve.series.last), default=0.0)
        if end > 0:
            return _Overlay(curves, end, view).lines()
    return _message("no loss yet", view)


def _message(text: str, view: OverlayView) -> list[Line]:
    words: Line = ((text.center(view.width)[: view.width], "axis"),)
    return [words if y == view.height // 2 else ((" " * view.width, "blank"),) for y in range(view.height)]


def smoothed(curve: Curve, end: float, dots: int, log_scale: bool) -> Dots:
    """The curve from 0 to `end` as running means, in at most `dots` columns of equal width. On a logarithmic scale they are those of logarithms."""
    means: Dots = []
    count, first = 0, curve.step_at(0.0)
    for x in range(dots):
        last = curve.step_at(end * (x + 1) / dots)
        bucket = curve.series.between(ceil(first), ceil(last) - 1 if x < dots - 1 else ceil(last))
        first = max(first, last)
        if bucket and (bucket.mean > 0 or not log_scale):
            means.append((x, bucket.mean))
            count += bucket.count
    if not means:
        return []
    reach = max(min(2, len(means) // 10), min(SMOOTHED_OVER // 2 * len(means) // count, len(means) // 10))
    values = [log(mean) if log_scale else mean for _, mean in means]
    values = smooth(values, reach)
    return [(x, exp(value) if log_scale else value) for (x, _), value in zip(means, values, strict=True)]


class _Overlay:
    """One drawing of the chart: a grid of cells with a role each."""

    def __init__(self, curves: Sequence[Curve], end: float, view: OverlayView) -> None:
        self.view, self.end = view, end
        self.rows = view.height - 1  # the last line names the horizontal axis
        coarse = [smoothed(curve, end, view.width * DOTS_X, view.log_scale) for curve in curves]
        losses = sorted(loss for dots in coarse for _, loss in dots) or [1.0]
        high = losses[-1 if view.log_scale else -1 - len(losses) // 20]  # the first steps would flatten the rest of a linear scale
        self.scale, self.ticks = axis(losses[0], high, max(1, self.rows // 3), view.log_scale)
        self.names = labels(self.ticks)
        self.gutter = max(map(len, self.names)) + 1
        self.width = view.width - self.gutter
        self.curves = [(curve.number, smoothed(curve, end, self.width * DOTS_X, view.log_scale)) for curve in curves]
        self.cells = [[(" ", "blank")] * view.width for _ in range(view.height)]

    def lines(self) -> list[Line]:
        self._draw_axes()
        for number, dots in reversed(self.curves):  # the first one on top
            self._draw_curve(number, dots)
        for number, dots in self.curves:
            self._draw_marks(number, dots)
        return [tuple(("".join(char for char, _ in run), role) for role, run in groupby(row, key=lambda cell: cell[1])) for row in self.cells]

    def _y(self, loss: float) -> int:
        """The dot row of a loss, from the top."""
        dots = self.rows * DOTS_Y
        return dots - 1 - self.scale.position(loss, dots)

    def _draw_curve(self, number: int, dots: Dots) -> None:
        canvas = Canvas(self.width, self.rows)
        canvas.path([(x, self._y(loss)) for x, loss in dots])
        for row in range(self.rows):
            for column in range(self.width):
                if char := canvas.char(column, row, self.view.braille):
                    self.cells[row][self.gutter + column] = (char, f"curve{number}")

    def _draw_marks(self, number: int, dots: Dots) -> None:
        """A mark now and then, at other places than those of the other curves, and one at the end."""
        if not dots:
            return
        start, end = dots[0][0] // DOTS_X, dots[-1][0] // DOTS_X
        shift = 1 + number * max(1, MARK_EVERY // len(MARKS))
        for column in {*range(start + (shift - start) % MARK_EVERY, end, MARK_EVERY), end}:
            row = self._y(_loss_at(dots, column * DOTS_X)) // DOTS_Y
            if 0 <= row < self.rows:
                self._write(self.gutter + column, row, mark_of(number, self.view.braille), f"curve{number}")

    def _draw_axes(self) -> None:
        line, tick = ("│", "┤") if self.view.braille else ("|", "+")
        for row in range(self.rows):
            self._write(self.gutter - 1, row, line, "axis")
        for value, name in zip(self.ticks, self.names, strict=True):
            row = self._y(value) // DOTS_Y
            self._write(0, row, name.rjust(self.gutter - 1) + tick, "axis")
        free = self.gutter - 1  # the first column without a label
        for value, name in horizontal_ticks(self.end, max(1, self.width // 12), self.view.alignment):
            x = min(self.gutter + round(value / self.end * (self.width - 1)) - len(name) // 2, self.view.width - len(name))
            x = max(x, free) if value == 0 else x
            if x >= free:
                self._write(x, self.rows, name, "axis")
                free = x + len(name) + 1

    def _write(self, x: int, y: int, text: str, role: str) -> None:
        for i, char in enumerate(text):
            self.cells[y][x + i] = (char, role)


def _loss_at(dots: Dots, x: int) -> float:
    """The loss on the line through all dots; at the ends that of the nearest dot."""
    right = bisect_left(dots, x, key=lambda dot: dot[0])
    if right == len(dots) or dots[right][0] == x or right == 0:
        return dots[min(right, len(dots) - 1)][1]
    (x0, y0), (x1, y1) = dots[right - 1], dots[right]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def horizontal_ticks(end: float, count: int, alignment: Alignment) -> list[tuple[float, str]]:
    """(place, text) of at most about `count` round places from 0 to `end`: steps, seconds or epochs."""
    if alignment == "time":
        raw = end / count
        interval = float(next((seconds for seconds in DURATIONS if seconds >= raw), ceil(raw / 86400) * 86400))
        return [(k * interval, format_duration(k * interval)) for k in range(int(end / interval) + 1)]
    interval = nice_step(end, count)
    if alignment == "step":
        interval = max(1.0, interval)
    places = [k * interval for k in range(int(end / interval + 1e-9) + 1)]
    if alignment == "step":
        return [(place, count_label(round(place))) for place in places]
    return [(place, f"{place:.6g}") for place in places]
