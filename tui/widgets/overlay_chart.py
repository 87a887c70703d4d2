"""The losses of several runs in one chart, each with a colour and a mark of its own. Sends only the lines that changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.render.overlay_plot import Line, OverlayView, overlay
from tui.runs.comparison import Alignment, Curve
from tui.terminal.capabilities import Terminal

COLOURS = ("$accent", "$error", "$primary", "$foreground", "$success", "$warning", "$secondary", "$text-muted")
"""The colours of the curves, by number. Marks tell them apart where the terminal has fewer colours."""


class OverlayChart(Widget):
    """Shows Curves. Call `show` with the present ones a few times a second; it draws only what is new."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"overlay-chart--{role}" for role in (*(f"curve{n}" for n in range(len(COLOURS))), "axis", "blank")}
    DEFAULT_CSS = (
        "OverlayChart { min-height: 3; & > .overlay-chart--axis { color: $text-muted; } "
        + " ".join(f"& > .overlay-chart--curve{n} {{ color: {colour}; }}" for n, colour in enumerate(COLOURS))
        + " }"
    )

    log_scale: reactive[bool] = reactive(True, repaint=False, init=False)
    alignment: reactive[Alignment] = reactive("step", repaint=False, init=False)

    def __init__(self, terminal: Terminal, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._braille = terminal.braille
        self._curves: tuple[Curve, ...] = ()
        self._lines: list[Line] = []
        self._source: tuple[object, ...] | None = None
        """What the lines were drawn from: the view, and of each curve its number, its series and its version."""

    def watch_log_scale(self) -> None:
        self._update()

    def show(self, curves: Sequence[Curve]) -> None:
        """Draw these curves and refresh the lines that changed."""
        self._curves = tuple(curves)
        self._update()

    @property
    def _view(self) -> OverlayView:
        return OverlayView(*self.size, self.alignment, self.log_scale, self._braille)

    def _facts(self) -> tuple[object, ...]:
        return self._view, *((curve.number, id(curve.series), curve.series.version) for curve in self._curves)

    def _update(self) -> None:
        before = self._lines
        if not self.size or self._source == self._facts():
            return
        self._draw()
        if len(before) != len(self._lines):
            self.refresh()
        elif rows := [y for y, (old, new) in enumerate(zip(before, self._lines, strict=True)) if old != new]:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in rows))

    def _draw(self) -> None:
        self._source = self._facts()
        self._lines = overlay(self._curves, self._view)

    def render_line(self, y: int) -> Strip:
        if self.size and (self._source is None or self._source[0] != self._view):
            self._draw()
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        segments = [Segment(text, self.get_component_rich_style(f"overlay-chart--{role}")) for text, role in self._lines[y]]
        return Strip(segments, sum(cell_len(text) for text, _ in self._lines[y]))
