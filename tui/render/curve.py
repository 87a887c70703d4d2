"""Draw a curve with one marked place as lines of characters, each with a role. Pure: knows neither what it shows nor Textual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from tui.render.braille import DOTS_X, DOTS_Y, Canvas, Scale, axis, count_label, labels, nice_step

Line = tuple[tuple[str, str], ...]
"""(text, role) from left to right. A role is line, mark, axis or blank."""
SMALLEST = (12, 3)
"""Columns and rows below which nothing is drawn."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in ascending order of x, on an axis that is known before they are."""

    points: tuple[tuple[float, float], ...]
    last: int
    """x goes from 0 to this."""
    mark: float | None = None
    """The x at which a vertical line stands."""
    log: bool = False
    """y is spaced by its logarithm."""


def gutter_of(curve: Curve, height: int) -> int:
    """The columns of the axis of y."""
    _, ticks = _axis(curve, height)
    return max(map(len, labels(ticks))) + 1


def x_at(curve: Curve, column: int, width: int, height: int) -> int:
    """The x that is drawn in a column."""
    gutter = gutter_of(curve, height)
    cells = max(1, width - gutter - 1)
    return round(max(0.0, min(1.0, (column - gutter) / cells)) * curve.last)


def draw_curve(curve: Curve, width: int, height: int, braille: bool = True) -> list[Line]:
    """The curve over its axes: width x height cells; blank where that is too small or there is no point yet."""
    if width < SMALLEST[0] or height < SMALLEST[1] or not curve.points:
        return [((" " * width, "blank"),)] * height
    scale, ticks = _axis(curve, height)
    gutter, rows = gutter_of(curve, height), height - 1  # the last line shows x
    across, cells = width - gutter, [[(" ", "blank")] * width for _ in range(height)]
    x_scale, dots = Scale(0, max(1, curve.last)), rows * DOTS_Y

    def y_dot(value: float) -> int:
        return dots - 1 - scale.position(value, dots)

    if curve.mark is not None:
        column = gutter + x_scale.position(curve.mark, across * DOTS_X) // DOTS_X
        for row in range(rows):
            cells[row][column] = ("┊" if braille else ":", "mark")
    canvas = Canvas(across, rows)
    canvas.path([(x_scale.position(x, across * DOTS_X), y_dot(y)) for x, y in curve.points])
    for row in range(rows):
        for column in range(across):
            if char := canvas.char(column, row, braille):
                on_mark = cells[row][gutter + column][1] == "mark"
                cells[row][gutter + column] = (char, "mark" if on_mark else "line")
    _write_axes(cells, ticks, [y_dot(tick) // DOTS_Y for tick in ticks], gutter, curve.last, braille)
    return [tuple(("".join(c for c, _ in run), role) for role, run in groupby(row, key=lambda cell: cell[1])) for row in cells]


def _axis(curve: Curve, height: int) -> tuple[Scale, list[float]]:
    values = [y for _, y in curve.points] or [0.0, 1.0]
    return axis(min(values), max(values), max(1, (height - 1) // 3), curve.log and min(values) > 0)


def _write_axes(cells: list[list[tuple[str, str]]], ticks: Sequence[float], at_rows: Sequence[int], gutter: int, last: int, braille: bool) -> None:
    """The axis of y on the left with its ticks, the labels of x below."""
    line, tick = ("│", "┤") if braille else ("|", "+")
    rows, width = len(cells) - 1, len(cells[0])

    def write(x: int, y: int, text: str) -> None:
        for i, char in enumerate(text):
            cells[y][x + i] = (char, "axis")

    for row in range(rows):
        write(gutter - 1, row, line)
    for name, row in zip(labels(ticks), at_rows, strict=True):
        if 0 <= row < rows:
            write(0, row, name.rjust(gutter - 1) + tick)
    interval = max(1, int(nice_step(max(1, last), max(1, (width - gutter) // 7))))

    def column_of(x: int) -> int:
        return min(gutter + x * (width - gutter - 1) // max(1, last) - len(count_label(x)) // 2, width - len(count_label(x)))

    end = column_of(last)
    write(end, rows, count_label(last))
    free = gutter - 1
    for x in range(0, last, interval):
        name = count_label(x)
        if free <= column_of(x) < end - len(name):
            write(column_of(x), rows, name)
            free = column_of(x) + len(name) + 1
