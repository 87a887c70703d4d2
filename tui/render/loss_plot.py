"""Draw a LossSeries as lines of characters, each with a role. Pure: knows neither colours nor Textual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import exp, inf, log
from textwrap import wrap

from tui.render.braille import DOTS_X, DOTS_Y, Canvas, Scale, axis, count_label, labels, nice_step
from tui.runs.loss_series import Bucket, LossSeries, smooth

SMOOTHED_OVER = 60
"""About how many losses the smoothed curve averages at each point, at any zoom."""
MESSAGE_WIDTH = 72
"""The most columns of a text in place of the chart."""
WILD = 100.0
"""A loss this many times higher than nineteen in twenty others is left out of a linear scale."""
EPOCH_SPACING = 4
"""The least number of columns between the marks of two epochs."""

HELD_OUT, HELD_OUT_ASCII = "●", "o"
"""Marks the loss on held-out images."""
LEGEND = "held out"
"""Beside the mark, at the right of the chart's first line."""
LOG = "log"
"""Beside the steps, where the scale is logarithmic."""

EPOCH_SAVE_BOTH, EPOCH_SAVE_BOTH_ASCII = ("╵", "▴", "▲"), ("'", "^", "^")
"""Marks on the line of the steps: an epoch ended there, a state was saved, both."""
MARK_SPACING = 2
"""The least number of columns for each mark, on average."""

Line = tuple[tuple[str, str], ...]
"""(text, role) from left to right. A role is raw, smooth, epoch, held-out, axis or blank."""
_BLANK = (" ", "blank")


@dataclass(frozen=True, slots=True)
class View:
    """Which part of the series is drawn, and how."""

    width: int
    height: int
    log_scale: bool = False
    window: int | None = None
    """The number of steps, up to the last; None for the whole run."""
    braille: bool = True


@dataclass(frozen=True, slots=True)
class Drawing:
    """The chart as lines of cells, and what lies under each column."""

    lines: list[Line]
    gutter: int = 0
    """Columns of the axis before the first loss."""
    width: int = 0
    """Columns with losses; 0 where there are none."""
    first: int = 0
    last: int = 0
    smoothed: Mapping[int, float] = field(default_factory=dict)
    """The smoothed curve by column, counted from the gutter."""

    def column_of(self, step: int) -> int:
        """The column of a step, counted from the left of the chart."""
        return self.gutter + (step - self.first) * self.width // (self.last - self.first + 1)

    def step_at(self, x: int) -> int:
        """A step in the middle of a column; the first or the last one beyond the ends."""
        span = self.last - self.first + 1
        return min(self.last, max(self.first, self.first + ((2 * (x - self.gutter) + 1) * span) // (2 * max(1, self.width))))

    def smoothed_at(self, x: int) -> float | None:
        """The smoothed curve at a column, or at the nearest one to its left that has a loss."""
        known = [column for column in self.smoothed if column <= x - self.gutter]
        return self.smoothed[max(known)] if known else None


def chart(series: LossSeries, view: View, empty: str = "no loss yet") -> list[Line]:
    """The lines of `draw`."""
    return draw(series, view, empty).lines


def draw(series: LossSeries, view: View, empty: str = "no loss yet") -> Drawing:
    """The chart, or the text `empty` where there is nothing to draw. It is still useful at 20x5."""
    span = series.span(view.window)
    if span and view.width >= 16 and view.height >= 2:
        full_width = series.columns(view.width * DOTS_X, *span, positive=view.log_scale)
        if full_width:
            return _Plot(series, span, full_width, view).drawing()
    return Drawing(_message(empty, view))


def _message(text: str, view: View) -> list[Line]:
    """The text in the middle, as much of it as fits."""
    words = wrap(text, max(1, min(view.width - 2, MESSAGE_WIDTH)))[: view.height]
    top = (view.height - len(words)) // 2
    indent = max(0, (view.width - max(map(len, words), default=0)) // 2)
    blank: Line = ((" " * view.width, "blank"),)
    lines = [blank] * view.height
    for y, line in enumerate(words, top):
        lines[y] = (((" " * indent + line).ljust(view.width)[: view.width], "axis"),)
    return lines


class _Plot:
    """One drawing of the chart: a grid of cells with a role each."""

    def __init__(self, series: LossSeries, span: tuple[int, int], full_width: Sequence[tuple[int, Bucket]], view: View) -> None:
        """`full_width` are the columns without room for the axis, whose width depends on them."""
        self.view = view
        self.first, self.last = span
        self.saves = [step for step in series.saves if self.first <= step <= self.last]
        self.epochs = [(step, value) for step, value in series.epochs if self.first <= step <= self.last]
        self.validations = [(step, value) for step, value in series.validations if self.first <= step <= self.last]
        self.rows = view.height - 1  # the last line shows the steps
        self.scale, self.ticks = self._axis(full_width)
        self.names = labels(self.ticks)
        self.gutter = max(len(LOG) if view.log_scale else 0, *map(len, self.names)) + 1
        self.width = view.width - self.gutter
        self.cells = [[_BLANK] * view.width for _ in range(view.height)]
        self.data = series.columns(self.width * DOTS_X, *span, positive=view.log_scale)

    def _axis(self, data: Sequence[tuple[int, Bucket]]) -> tuple[Scale, list[float]]:
        """The scale and its ticks. A linear scale leaves out wild losses, which would flatten the rest, but not the high ones of the first steps."""
        low = min(bucket.low for _, bucket in data)
        highs = sorted(bucket.high for _, bucket in data)
        wild = inf if self.view.log_scale else WILD * highs[-1 - len(data) // 20]
        high = max((value for value in highs if value <= wild), default=highs[-1])
        for _, value in [*(self.epochs[1:] or self.epochs), *self.validations]:
            if value > 0 or not self.view.log_scale:
                low, high = min(low, value), max(high, value)
        return axis(low, high, max(1, self.rows // 3), self.view.log_scale)

    def drawing(self) -> Drawing:
        smoothed = self._draw_losses()
        self._draw_axes()
        self._draw_epochs()
        self._draw_validations()
        self._draw_marks()
        return Drawing(self._lines(), self.gutter, self.width, self.first, self.last, smoothed)

    def _lines(self) -> list[Line]:
        return [tuple(("".join(c for c, _ in run), role) for role, run in groupby(row, key=lambda cell: cell[1])) for row in self.cells]

    def _y(self, value: float) -> int:
        """The dot row of a value, from the top."""
        dots = self.rows * DOTS_Y
        return dots - 1 - self.scale.position(value, dots)

    def _x(self, step: int) -> int:
        """The cell column of a step."""
        return Drawing([], self.gutter, self.width, self.first, self.last).column_of(step)

    def _draw_losses(self) -> dict[int, float]:
        """Returns the smoothed curve by column."""
        raw, smoothed = Canvas(self.width, self.rows), Canvas(self.width, self.rows)
        for x, bucket in self.data:
            raw.line(x, max(0, self._y(bucket.high)), x, self._y(bucket.low))
        raw.path([(x, self._y(bucket.mean)) for x, bucket in self.data])
        means = {x: mean for (x, _), mean in zip(self.data, self._smoothed_means(), strict=True)}
        smoothed.path([(x, self._y(mean)) for x, mean in means.items()])
        for row in range(self.rows):
            for column in range(self.width):
                if char := smoothed.char(column, row, self.view.braille):
                    self.cells[row][self.gutter + column] = (char, "smooth")
                elif char := raw.char(column, row, self.view.braille):
                    self.cells[row][self.gutter + column] = (char, "raw")
        return {x // DOTS_X: mean for x, mean in means.items()}

    def _draw_marks(self) -> None:
        """Mark where epochs ended and states were saved, on the line of the steps, or above where a label is in the way.

        If there are too many marks to tell apart, they are left out.
        """
        epoch, save, both = EPOCH_SAVE_BOTH if self.view.braille else EPOCH_SAVE_BOTH_ASCII
        marks: dict[int, str] = {}
        for steps, mark in (([step for step, _ in self.epochs], epoch), (self.saves, save)):
            if len(steps) * MARK_SPACING <= self.width:
                for x in map(self._x, steps):
                    marks[x] = both if marks.get(x, mark) != mark else mark
        for x, mark in marks.items():
            if row := next((row for row in (self.rows, self.rows - 1) if self.cells[row][x] == _BLANK), None):
                self._write(x, row, mark, "axis")

    def _smoothed_means(self) -> list[float]:
        """The running mean at each column. On a logarithmic scale it is that of the logarithms, so that the curve runs through the dots."""
        count = len(self.data)
        reach = SMOOTHED_OVER // 2 * count // sum(bucket.count for _, bucket in self.data)
        reach = max(min(2, count // 10), min(reach, count // 10))
        if not self.scale.log:
            return smooth([bucket.mean for _, bucket in self.data], reach)
        return [exp(mean) for mean in smooth([log(bucket.mean) for _, bucket in self.data], reach)]

    def _draw_axes(self) -> None:
        line, tick = ("│", "┤") if self.view.braille else ("|", "+")
        for row in range(self.rows):
            self._write(self.gutter - 1, row, line, "axis")
        for value, name in zip(self.ticks, self.names, strict=True):
            row = self._y(value) // DOTS_Y
            self._write(0, row, name.rjust(self.gutter - 1) + tick, "axis")
        if self.view.log_scale:
            self._write(0, self.rows, LOG.rjust(self.gutter - 1), "axis")
        interval = max(1, int(nice_step(max(1, self.last - self.first), max(1, self.width // 12))))
        free = self.gutter - 1  # the first column without a label
        for step in range(-(-self.first // interval) * interval, self.last + 1, interval):
            name = count_label(step)
            x = min(self._x(step) - len(name) // 2, self.view.width - len(name))
            if x >= free:
                self._write(x, self.rows, name, "axis")
                free = x + len(name) + 1

    def _draw_epochs(self) -> None:
        """Mark the end of each epoch, and write its average beside the mark where that hides no curve. The latest epoch comes first."""
        mark = "◆" if self.view.braille else "*"
        marks: list[tuple[int, int, float]] = []
        for step, value in reversed(self.epochs):
            x = self._x(step)
            if (not marks or marks[-1][0] - x >= EPOCH_SPACING) and 0 <= (row := self._y(value) // DOTS_Y) < self.rows:
                marks.append((x, row, value))
                self._write(x, row, mark, "epoch")
        for x, row, value in marks if self.view.width >= 40 else ():
            name = f"{value:.4f}"
            left = min(x - len(name) // 2, self.view.width - len(name))
            for y in (row - 1, row - 2, row + 1):
                if left >= self.gutter and 0 <= y < self.rows and self._is_free(left - 1, y, len(name) + 2):
                    self._write(left, y, name, "epoch")
                    break

    def _draw_validations(self) -> None:
        """Mark the losses on held-out images, the latest in each column, and say what the marks are where that hides nothing."""
        mark = HELD_OUT if self.view.braille else HELD_OUT_ASCII
        for step, value in self.validations:
            if 0 <= (row := self._y(value) // DOTS_Y) < self.rows:
                self._write(self._x(step), row, mark, "held-out")
        legend = f"{mark} {LEGEND}"
        left = self.view.width - len(legend) - 1
        if self.validations and left > self.gutter and self._is_free(left - 1, 0, len(legend) + 1):
            self._write(left, 0, legend, "held-out")

    def _is_free(self, x: int, y: int, length: int) -> bool:
        return all(role in ("blank", "raw", "axis") for _, role in self.cells[y][max(0, x) : x + length])

    def _write(self, x: int, y: int, text: str, role: str) -> None:
        for i, char in enumerate(text):
            self.cells[y][x + i] = (char, role)
