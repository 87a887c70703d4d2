"""The chart of a run's loss: the raw values dim, the smoothed curve bright, epoch averages and held-out losses marked. Sends only what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.render.crosshair import with_crosshair
from tui.render.loss_plot import Drawing, Line, View, draw
from tui.runs.loss_series import LossSeries
from tui.terminal.capabilities import Terminal


class LossChart(Widget):
    """Shows a LossSeries. Call `update` after appending to the series, but only a few times a second."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"loss-chart--{role}" for role in ("raw", "smooth", "epoch", "held-out", "axis", "blank", "cursor")}
    DEFAULT_CSS = """
    LossChart {
        min-height: 5;
        & > .loss-chart--raw { color: $foreground 35%; }
        & > .loss-chart--smooth { color: $accent; text-style: bold; }
        & > .loss-chart--epoch { color: $foreground; text-style: bold; }
        & > .loss-chart--held-out { color: $text-secondary; text-style: bold; }
        & > .loss-chart--axis { color: $text-muted; }
        & > .loss-chart--cursor { color: $foreground; text-style: bold; }
    }
    """

    series: reactive[LossSeries] = reactive(LossSeries, repaint=False, init=False)
    log_scale: reactive[bool] = reactive(False, repaint=False, init=False)
    window: reactive[int | None] = reactive(None, repaint=False, init=False)
    """The number of steps to show, up to the last; None shows the whole run."""
    cursor: reactive[int | None] = reactive(None, repaint=False, init=False)
    """The step under the crosshair; None for no crosshair."""
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
        self._drawing = Drawing([])
        self._lines: list[Line] = []
        self._shown_cursor: int | None = None
        self._pinned = False
        """The crosshair stays where it is when the mouse moves or leaves."""
        self.time_of: Callable[[int], str] = lambda step: ""
        """When a step was done, in words."""
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

    def watch_cursor(self) -> None:
        self.update()

    @property
    def is_current(self) -> bool:
        """Whether the lines show the current series."""
        return self._source == self._wanted

    @property
    def _wanted(self) -> tuple[View, LossSeries, int, str]:
        return self._view, self.series, self.series.version, self.empty

    @property
    def _view(self) -> View:
        return View(*self.size, self.log_scale, self.window, self._braille)

    def update(self) -> None:
        """Draw the current series and refresh the lines that changed."""
        before = self._lines
        if not self.size or (self.is_current and self._shown_cursor == self.cursor):
            return
        self._draw()
        if len(before) != len(self._lines):
            self.refresh()
        elif rows := [y for y, (old, new) in enumerate(zip(before, self._lines, strict=True)) if old != new]:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in rows))

    def _draw(self) -> None:
        if not self.is_current:
            self._source = self._wanted
            self._drawing = draw(self.series, self._view, self.empty)
        self._shown_cursor = self.cursor
        self._lines = self._drawing.lines
        if self.cursor is not None and self._drawing.width:
            self._lines = with_crosshair(self._drawing, self.cursor, self._facts(self.cursor), self._braille)

    # --- the crosshair ------------------------------------------------------------------------------------------------

    def _facts(self, cursor: int) -> list[str]:
        """step 1,612  loss 0.0241  smoothed 0.0252  22:41:07  epoch average 0.0252  held out 0.0255  saved"""
        drawing, found = self._drawing, self.series.nearest(cursor)
        if found is None:
            return []
        step, loss = found
        x = drawing.column_of(min(drawing.last, max(drawing.first, cursor)))
        facts = [f"step {step:,}", f"loss {loss:.4f}"]
        if (smoothed := drawing.smoothed_at(x)) is not None:
            facts.append(f"smoothed {smoothed:.4f}")
        if when := self.time_of(step):
            facts.append(when)
        if ended := [value for at, value in self.series.epochs if drawing.column_of(at) == x]:
            facts.append(f"epoch average {ended[-1]:.4f}")
        if held_out := [value for at, value in self.series.validations if drawing.column_of(at) <= x]:
            facts.append(f"held out {held_out[-1]:.4f}")
        if any(drawing.column_of(at) == x for at in self.series.saves):
            facts.append("saved")
        return facts

    def move_cursor(self, columns: int) -> None:
        """Move the crosshair by this number of columns and keep it there. A new crosshair appears at the last step."""
        drawing = self._drawing
        if not drawing.width:
            return
        if self.cursor is None:
            x = drawing.column_of(drawing.last)
        else:
            x = drawing.column_of(min(drawing.last, max(drawing.first, self.cursor))) + columns
        last = drawing.gutter + drawing.width - 1
        self._pinned, self.cursor = True, drawing.step_at(min(last, max(drawing.gutter, x)))

    def hide_cursor(self) -> None:
        self._pinned, self.cursor = False, None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if not self._pinned:
            self._point_at(event.x)

    def on_leave(self) -> None:
        if not self._pinned:
            self.cursor = None

    def on_click(self, event: events.Click) -> None:
        """Keep the crosshair here; a second click lets it follow the mouse again."""
        self._pinned = not self._pinned
        self._point_at(event.x)

    def _point_at(self, x: int) -> None:
        drawing = self._drawing
        if drawing.gutter <= x < drawing.gutter + drawing.width:
            self.cursor = drawing.step_at(x)

    # --- lines --------------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        if self.size and (self._source is None or self._source[0] != self._view or self._shown_cursor != self.cursor):
            self._draw()
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        segments = [Segment(text, self.get_component_rich_style(f"loss-chart--{role}")) for text, role in self._lines[y]]
        return Strip(segments, sum(cell_len(text) for text, _ in self._lines[y]))
