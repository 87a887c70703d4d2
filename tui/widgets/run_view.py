"""The view of a run: numbers, two progress bars, losses, the chart, previews and the table of epochs. Shows a RunHistory; knows no worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from tui.runs.history import RunHistory, load_captions, load_sample
from tui.runs.loss_series import LossSeries
from tui.runs.step_times import clock_text
from tui.terminal.capabilities import Terminal
from tui.widgets.fact_line import Fact, FactLine
from tui.widgets.image_view import ImageView
from tui.widgets.invitation import WHAT_IS_SHOWN
from tui.widgets.job_bar import JobBar
from tui.widgets.loss_chart import LossChart
from tui.widgets.run_facts import Status, losses_of, numbers_of, readings_of, table_of

DRAW_EVERY = 0.5
"""Seconds between two drawings of the chart and the table while the history is being read."""
MTIME_RESOLUTION = 1_000_000_000
"""Nanoseconds after which a second change of a folder certainly changes its time."""


@dataclass(frozen=True, slots=True)
class PreviewSize:
    """The room for previews on a screen of at least this size, in cells."""

    screen_width: int
    screen_height: int
    width: int
    height: int


PREVIEW_SIZES = (
    PreviewSize(screen_width=175, screen_height=54, width=145, height=29),
    PreviewSize(screen_width=105, screen_height=32, width=75, height=15),
    PreviewSize(screen_width=0, screen_height=20, width=55, height=11),
    PreviewSize(screen_width=0, screen_height=0, width=55, height=0),
)
"""The largest tiles that leave the chart enough room: five across and two down of 28, 14 and 10 pixels."""
TABLE_WIDTH = 78
"""The least width of the screen, in columns, at which the table of epochs is shown beside the previews."""


class RunView(Vertical):
    """`show` sets the run; `update` shows what is new of it."""

    DEFAULT_CSS = """
    RunView {
        height: 1fr;
        & > #losses { color: $text-muted; }
        & > #bars { height: 1; }
        & > #bars JobBar { width: 1fr; padding: 0 1; }
        & > #chart { height: 1fr; }
        & > #below { height: 11; }
        & #previews, & #readings { width: 55; height: 1fr; padding-left: 1; }
        & #epochs { width: 1fr; height: 1fr; scrollbar-size-vertical: 1; padding-left: 1; }
    }
    """

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal
        self.history: RunHistory | None = None
        self.status = Status()
        self._drawn_at = 0.0
        self._samples: list[tuple[int, Path]] = []
        self._samples_key = (0, 0)
        """The time of the samples' folder when it was last listed, and the time of that listing, in nanoseconds."""
        self._selected: int | None = None
        """The index of the preview to show; None follows the latest."""
        self._preview: Path | None = None
        """The preview on view."""
        self._table_key: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield FactLine(id="numbers")
        with Horizontal(id="bars"):
            yield JobBar(label="epoch", id="epoch", ascii=not self._terminal.unicode)
            yield JobBar(label="run", id="run", ascii=not self._terminal.unicode)
        yield FactLine(id="losses")
        yield LossChart(self._terminal, log_scale=True, id="chart")
        with Horizontal(id="below"):
            yield ImageView(self._terminal, columns=5, id="previews")
            yield Static(id="readings")
            with VerticalScroll(id="epochs", can_focus=False):
                yield Static(id="table")

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        size = next(size for size in PREVIEW_SIZES if width >= size.screen_width and height >= size.screen_height)
        below, has_table = self.query_one("#below"), width >= TABLE_WIDTH
        below.styles.height = size.height
        below.display = size.height > 0
        for name in ("#previews", "#readings"):
            self.query_one(name).styles.width = size.width if has_table else "1fr"
        self.query_one("#epochs").display = has_table

    @property
    def chart(self) -> LossChart:
        return self.query_one("#chart", LossChart)

    def show(self, history: RunHistory | None) -> None:
        """Show another run, or none."""
        self.history, self._selected, self._samples_key, self._table_key = history, None, (0, 0), ()
        self._samples = []
        self.chart.hide_cursor()
        self.chart.time_of = self._time_of
        reads = history is not None and history.config.model.network == "text"
        self.query_one("#previews").display, self.query_one("#readings").display = not reads, reads
        self.query_one("#readings", Static).update("")
        if history is None:
            self.chart.series = LossSeries()
            for name in ("#epoch", "#run"):
                self.query_one(name, JobBar).fraction = None
        else:
            self.chart.series = history.series

    def _time_of(self, step: int) -> str:
        """When the run reached a step: 22:41:07; empty where that is unknown."""
        at = self.history.times.at(step) if self.history else None
        return "" if at is None else clock_text(at)

    def update(self, status: Status, numbers: Sequence[Fact] | None = None) -> None:
        """Show what is new. `numbers` replace the run's own where the first line is to say something else."""
        history, self.status = self.history, status
        if history is None:
            self._show_facts("#numbers", numbers or ())
            self._show_facts("#losses", ())
        else:
            self._show_facts("#numbers", numbers_of(history, status) if numbers is None else numbers)
            self._show_facts("#losses", losses_of(history, status))
            self.query_one("#epoch", JobBar).fraction = history.epoch_fraction
            self.query_one("#run", JobBar).fraction = history.fraction
        explanation = WHAT_IS_SHOWN[history.config.model.network if history else "unet"]
        self.chart.empty = explanation if history is None or status.running else "no loss yet"
        now = time.monotonic()
        if history is None or not history.behind or now - self._drawn_at >= DRAW_EVERY:
            self._drawn_at = now
            self.call_later(self._draw)  # so that keys are handled in between

    def _draw(self) -> None:
        """Draw the parts that take longest."""
        self.chart.update()
        self._show_preview()
        self._show_epochs()

    def _show_facts(self, name: str, facts: Sequence[Fact]) -> None:
        self.query_one(name, FactLine).facts = tuple(facts)

    # --- previews -----------------------------------------------------------------------------------------------------

    def scrub(self, by: int) -> None:
        """Go to earlier (negative) or later previews."""
        if self._samples:
            last = len(self._samples) - 1
            index = max(0, min(last, self._index + by))
            self._selected = None if index == last else index
            self._show_preview()
            self._show_epochs()

    @property
    def has_previews(self) -> bool:
        return len(self._samples) > 1

    @property
    def _index(self) -> int:
        last = len(self._samples) - 1
        return last if self._selected is None else min(self._selected, last)

    def _list_samples(self) -> None:
        """List the previews. A long run has thousands, so this lists them only after their folder has changed."""
        if self.history is None:
            return
        try:
            mtime = (self.history.run.path / "samples").stat().st_mtime_ns
        except OSError:
            mtime = 0
        listed_mtime, listed_at = self._samples_key
        if listed_mtime != mtime or listed_at - mtime < MTIME_RESOLUTION:
            self._samples_key = mtime, time.time_ns()
            self._samples = self.history.samples()

    def _show_preview(self) -> None:
        self._list_samples()
        view = self.query_one("#previews", ImageView)
        if not self._samples:
            if view.images is not None:
                view.clear()
            self._preview = None
            return
        _, path = self._samples[self._index]
        if self.history and self.history.config.model.network == "text":
            if self._preview != path and (texts := load_captions(path)):
                self._preview = path
                self.query_one("#readings", Static).update(readings_of(texts))
        elif self.history and self._preview != path and (images := load_sample(path, self.history.config.data)) is not None:
            self._preview = path
            view.show(images, load_captions(path))

    def preview_text(self) -> str:
        """step 400; or step 200 2/4 where an earlier preview is selected"""
        if self._preview is None or not self._samples:
            return ""
        place = "" if self._selected is None else f" {self._index + 1}/{len(self._samples)}"
        return f"step {self._samples[self._index][0]}" + place

    def _show_epochs(self) -> None:
        epochs = self.history.epochs if self.history else []
        preview = self.preview_text()
        key = (preview, len(epochs), epochs[-1] if epochs else None)
        if key != self._table_key:
            self._table_key = key
            self.query_one("#table", Static).update(table_of(epochs, preview))
