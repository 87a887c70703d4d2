"""A vertical line over the chart of losses, with the values under it. Pure: knows neither colours nor Textual."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from tui.render.loss_plot import Drawing, Line

BETWEEN = "  "


def with_crosshair(drawing: Drawing, step: int, facts: Sequence[str], braille: bool = True) -> list[Line]:
    """The drawing's lines with a line at `step` and as many of the facts as fit on the line of the steps."""
    if not drawing.width or not drawing.lines:
        return drawing.lines
    x = drawing.column_of(min(drawing.last, max(drawing.first, step)))
    lines = [_with_bar(line, x, "│" if braille else "|") for line in drawing.lines[:-1]]
    return [*lines, _with_text(drawing.lines[-1], x, facts)]


def _with_bar(line: Line, x: int, bar: str) -> Line:
    """The line with a bar at column x, or with the curve there highlighted."""
    cells = _cells(line)
    char, role = cells[x]
    cells[x] = (char if role in ("smooth", "epoch", "held-out") else bar, "cursor")
    return _line(cells)


def _with_text(line: Line, x: int, facts: Sequence[str]) -> Line:
    """The facts in the line's cells, as near to column x as the ends allow. Facts that don't fit are left out from the right."""
    cells = _cells(line)
    shown = list(facts)
    while len(shown) > 1 and len(BETWEEN.join(shown)) + 2 > len(cells):
        shown.pop()
    text = f" {BETWEEN.join(shown)} "[: len(cells)]
    left = min(max(0, x - len(text) // 2), len(cells) - len(text))
    cells[left : left + len(text)] = [(char, "cursor") for char in text]
    return _line(cells)


def _cells(line: Line) -> list[tuple[str, str]]:
    return [(char, role) for text, role in line for char in text]


def _line(cells: Sequence[tuple[str, str]]) -> Line:
    return tuple(("".join(char for char, _ in run), role) for role, run in groupby(cells, key=lambda cell: cell[1]))
