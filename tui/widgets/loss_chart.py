"""The loss of a run as a chart: raw dim, smoothed bright, epoch averages marked. Sends only the lines that changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui.render.loss_plot import Line, View, chart
from tui.runs.loss_series import LossSeries
from tui.terminal.capabilities import Terminal


class LossChart(Widget):
    """Shows a LossSeries. Whoever appends to the series calls `update`, a few times a second at most."""

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

    def __init__(
        self,
        terminal: Terminal,
        series: LossSeries | None = None,
        *,
        log_scale: bool = False,
        window: int | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """`window` shows the last so many steps, None the whole run."""
        super().__init__(id=id, classes=classes)
        self._braille = terminal.braille
        self._series = series or LossSeries()
        self._log_scale = log_scale
        self._window = window
        self._lines: list[Line] = []
        self._drawn: tuple[View, int] | None = None

    @property
    def series(self) -> LossSeries:
        return self._series

    @series.setter
    def series(self, series: LossSeries) -> None:
        self._series = series
        self._drawn = None
        self.update()

    def set_data(self, steps: Sequence[int], losses: Sequence[float], epochs: Sequence[tuple[int, float]] = ()) -> None:
        """Show these, whose steps rise, instead of what was shown. Raises ValueError where steps and losses differ in number."""
        series = LossSeries()
        for step, loss in zip(steps, losses, strict=True):
            series.append(step, loss)
        for step, average in epochs:
            series.add_epoch(step, average)
        self.series = series

    @property
    def log_scale(self) -> bool:
        return self._log_scale

    @log_scale.setter
    def log_scale(self, on: bool) -> None:
        self._log_scale = on
        self.update()

    @property
    def window(self) -> int | None:
        return self._window

    @window.setter
    def window(self, steps: int | None) -> None:
        self._window = steps
        self.update()

    def update(self) -> None:
        """Draw the series as it is now; lines that stay the same are not sent."""
        before, width = self._lines, self.size.width
        if not self._redraw():
            return
        if len(before) != len(self._lines):
            self.refresh()
        elif changed := [y for y, (was, now) in enumerate(zip(before, self._lines, strict=True)) if was != now]:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def _redraw(self) -> bool:
        """Bring the lines up to date; False if they are."""
        view = View(*self.size, self._log_scale, self._window, self._braille)
        if self._drawn == (view, self._series.version) or self.size == Size(0, 0):
            return False
        self._drawn = view, self._series.version
        self._lines = chart(self._series, view)
        return True

    def render_line(self, y: int) -> Strip:
        if self._drawn is None or self._drawn[0] != View(*self.size, self._log_scale, self._window, self._braille):
            self._redraw()
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        segments = [Segment(text, self.get_component_rich_style(f"loss-chart--{role}")) for text, role in self._lines[y]]
        return Strip(segments, sum(cell_len(text) for text, _ in self._lines[y]))
