"""The chart of a run's loss: the raw values dim, the smoothed curve bright, epoch averages marked. Sends only the lines that changed."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.render.loss_plot import Line, View, chart
from tui.runs.loss_series import LossSeries
from tui.terminal.capabilities import Terminal


class LossChart(Widget):
    """Shows a LossSeries. Call `update` after appending to the series, but only a few times a second."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"loss-chart--{role}" for role in ("raw", "smooth", "epoch", "axis", "blank")}
    DEFAULT_CSS = """
    LossChart {
        min-height: 5;
        & > .loss-chart--raw { color: $foreground 35%; }
        & > .loss-chart--smooth { color: $accent; text-style: bold; }
        & > .loss-chart--epoch { color: $foreground; text-style: bold; }
        & > .loss-chart--axis { color: $text-muted; }
    }
    """

    series: reactive[LossSeries] = reactive(LossSeries, repaint=False, init=False)
    log_scale: reactive[bool] = reactive(False, repaint=False, init=False)
    window: reactive[int | None] = reactive(None, repaint=False, init=False)
    """The number of steps to show, up to the last; None shows the whole run."""
    empty: reactive[str] = reactive("no loss yet", repaint=False, init=False)
    """The text to show while there are no losses."""

    def __init__(
        self, terminal: Terminal, series: LossSeries | None = None, *, log_scale: bool = False, window: int | None = None, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._braille = terminal.braille
        self.set_reactive(LossChart.series, series or LossSeries())
        self.set_reactive(LossChart.log_scale, log_scale)
        self.set_reactive(LossChart.window, window)
        self._lines: list[Line] = []
        self._source: tuple[View, LossSeries, int, str] | None = None
        """What the lines were drawn from: the view, the series, its version, and the text for an empty series."""

    def watch_series(self) -> None:
        self.update()

    def watch_log_scale(self) -> None:
        self.update()

    def watch_window(self) -> None:
        self.update()

    def watch_empty(self) -> None:
        self.update()

    @property
    def is_current(self) -> bool:
        """Whether the lines show the current series."""
        return self._source == (self._view, self.series, self.series.version, self.empty)

    @property
    def _view(self) -> View:
        return View(*self.size, self.log_scale, self.window, self._braille)

    def update(self) -> None:
        """Draw the current series and refresh the lines that changed."""
        before = self._lines
        if self.is_current or not self.size:
            return
        self._draw()
        if len(before) != len(self._lines):
            self.refresh()
        elif rows := [y for y, (old, new) in enumerate(zip(before, self._lines, strict=True)) if old != new]:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in rows))

    def _draw(self) -> None:
        self._source = self._view, self.series, self.series.version, self.empty
        self._lines = chart(self.series, self._view, self.empty)

    def render_line(self, y: int) -> Strip:
        if self.size and (self._source is None or self._source[0] != self._view):
            self._draw()
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        segments = [Segment(text, self.get_component_rich_style(f"loss-chart--{role}")) for text, role in self._lines[y]]
        return Strip(segments, sum(cell_len(text) for text, _ in self._lines[y]))
