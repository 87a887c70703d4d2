"""The settings and results in which runs differ, side by side. Drawn again only when they change."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from tui.render.overlay_plot import mark_of
from tui.terminal.capabilities import Terminal
from tui.terminal.literal import literal
from tui.widgets.overlay_chart import COLOURS

Runs = Sequence[tuple[int, str]]
"""The number of each run's colour and mark, and its name."""
Rows = Sequence[tuple[str, tuple[str, ...]]]
"""(name, a value for each run)"""
LONGEST = 20
"""Characters of a column."""


class ComparisonTable(Static):
    """As wide as its columns need, for a container that scrolls."""

    DEFAULT_CSS = "ComparisonTable { width: auto; height: auto; }"

    def __init__(self, terminal: Terminal, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._unicode = terminal.unicode
        self._source: tuple[object, ...] = ()

    def show(self, runs: Runs, rows: Rows) -> None:
        """Show these values."""
        source = tuple(runs), tuple(rows)
        if source != self._source:
            self._source = source
            self.update(Content.assemble(*table_parts(runs, rows, self._unicode)))


def table_parts(runs: Runs, rows: Rows, unicode: bool) -> list[Content | str | tuple[str, str]]:
    """The table as pieces of text: a line with the runs, then a line for each row."""
    if not runs:
        return ["Choose two runs or more to see where they differ."]
    if not rows:
        same = "Only one run is chosen." if len(runs) == 1 else "These runs have the same settings and results."
        return [same]
    columns = [[name, *(values[i] for _, values in rows)] for i, (_, name) in enumerate(runs)]
    widths = [min(LONGEST, max(map(len, column)) + 2) for column in columns]
    first = max(len(name) for name, _ in rows)
    parts: list[Content | str | tuple[str, str]] = [" " * first]
    for (number, name), width in zip(runs, widths, strict=True):
        parts += ["  ", (mark_of(number, unicode), f"b {COLOURS[number]}"), " ", (_cell(name, width - 2), "b")]
    for name, values in rows:
        parts += ["\n", (name.ljust(first), "$text-muted")]
        parts += [literal(f"  {_cell(value, width)}") for value, width in zip(values, widths, strict=True)]
    return parts


def _cell(text: str, width: int) -> str:
    plain = literal(text).plain
    return (plain if len(plain) <= width else plain[: width - 1] + "…").ljust(width)


def heading(title: str, losses: Sequence[tuple[int, str]], unicode: bool) -> Content:
    """loss by step, logarithmic   ● 0.0241  ▲ 0.0310"""
    parts: list[str | tuple[str, str]] = [title]
    for number, loss in losses:
        parts += ["  ", (mark_of(number, unicode), f"b {COLOURS[number]}"), f" {loss}"]
    return Content.assemble(*parts)
