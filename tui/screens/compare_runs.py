"""The pane of the Compare screen for runs: their losses in one chart, the settings that differ, and the same noise drawn by each."""

from __future__ import annotations

import time
from collections.abc import Mapping

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, ScrollableContainer, Vertical, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from engine.config.sweep import MOST_IMAGES, plan_sweep
from engine.errors import DigittyError, RunError
from engine.prompt.vocabulary import vocabulary_for
from engine.protocol import events as e
from engine.protocol.sweep_events import CellProgress
from engine.runs.run import Run, all_runs
from engine.runs.weights_names import is_student
from tui.runs.comparison import ALIGNMENTS, ComparedRun, differing, flat_settings, results_of
from tui.runs.history import BUDGET
from tui.screens.compare_pane import ComparePane
from tui.studio.base_app import studio_app
from tui.widgets.comparison_table import ComparisonTable, heading
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar
from tui.widgets.overlay_chart import OverlayChart
from tui.widgets.run_picker import RunPicker
from tui.widgets.run_pictures import RunPictures

LOOK_EVERY = 0.5
"""Seconds between reads of the runs' files while the pane is shown."""
LIST_EVERY = 2.0
"""Seconds between two looks for new and deleted runs."""
SOON = 0.002
"""Seconds until the next read while there is more to read. Keys are handled in between."""
SETTLED = 0.5
"""Seconds without another choice after which the chosen runs draw."""
WIDE, TALL = 110, 34
"""The least columns and rows of the pane at which it shows everything at once."""
VIEWS = ("losses", "settings", "pictures")
NO_RUNS = """There is no run to compare yet.

Press n to start one here, then another with different settings. Or train two with

    digitty train --preset quick --name first
    digitty train --preset quick --name second --lr 0.002

Their losses, settings and drawings appear here while they train. c compares settings of one model instead."""

NO_RUN = "There is no run to compare yet. n starts one; c compares settings of one model instead."


class RunsPane(ComparePane):
    """On a small screen it shows one of VIEWS at a time."""

    IDLE = "space or a click chooses runs · enter draws"

    def __init__(self, *args: object, **keywords: object) -> None:
        super().__init__(*args, **keywords)  # type: ignore[arg-type]
        self.runs: dict[str, ComparedRun] = {}
        """The chosen ones."""
        self.view = "losses"
        self.asked = ""
        """The prompt that was drawn last."""
        self._listed = 0.0
        self._chosen_first = False
        self._reading = False
        self._legend: tuple[object, ...] = ()
        self._waiting: Timer | None = None

    def compose(self) -> ComposeResult:
        terminal = self.studio.terminal
        yield Static(NO_RUNS, id="none")
        with Horizontal(id="upper"):
            yield RunPicker(terminal, id="picker")
            with Vertical(id="curves"):
                yield Static(id="legend")
                yield OverlayChart(terminal, id="chart")
            with ScrollableContainer(id="settings", can_focus=False):
                yield ComparisonTable(terminal, id="table")
        yield VerticalScroll(id="pictures", can_focus=False)
        yield JobBar(id="progress", ascii=not terminal.unicode)

    def on_mount(self) -> None:
        self.bar.words = self.IDLE
        self.refresh_runs()
        self.set_interval(LOOK_EVERY, self.refresh_runs)

    @property
    def needs_runs(self) -> bool:
        """Whether there are fewer than two, and so nothing to compare."""
        return len(self._names) < 2

    @property
    def chart(self) -> OverlayChart:
        return self.query_one(OverlayChart)

    @property
    def picker(self) -> RunPicker:
        return self.query_one(RunPicker)

    # --- layout -------------------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self.picker.styles.width = max(12, min(30, event.size.width // 3))
        self._arrange()

    def _arrange(self) -> None:
        """Show everything where there is room, else the present view."""
        everything = self.size.width >= WIDE and self.size.height >= TALL
        any_runs = bool(self._names)
        self.set_class(everything, "-all")
        shown = set(VIEWS) if everything else {self.view}
        self.query_one("#none").display = not any_runs
        self.query_one("#upper").display = any_runs and bool(shown & {"losses", "settings"})
        self.query_one("#picker").display = self.query_one("#curves").display = "losses" in shown
        self.query_one("#settings").display = "settings" in shown
        pictures = self.query_one("#pictures")
        pictures.display = any_runs and "pictures" in shown
        pictures.styles.max_height = self.size.height * 11 // 20 if everything else None
        self.bar.display = any_runs
        self.call_after_refresh(self._fit_pictures)

    def next_view(self) -> None:
        """Show the next of VIEWS, on a small screen."""
        self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
        self._arrange()
        self._draw_later()
        self.on_state_changed()

    @property
    def shows_all(self) -> bool:
        return self.has_class("-all")

    def _fit_pictures(self) -> None:
        rows = list(self.query(RunPictures))
        room = self.size.height * 11 // 20 if self.shows_all else self.query_one("#pictures").size.height
        for row in rows:
            row.rows = max(6, room // len(rows) - 1)

    def turn_page(self, by: int) -> None:
        for holder in (self.query_one("#settings"), self.query_one("#pictures")):
            if holder.display:
                holder.scroll_relative(y=by * max(1, holder.size.height - 1), animate=False)

    # --- runs ---------------------------------------------------------------------------------------------------------

    _names: tuple[str, ...] = ()

    def refresh_runs(self) -> None:
        """Read what is new of the chosen runs, for about twenty milliseconds, and schedule the rest. Does nothing while the pane is hidden."""
        if not self.is_mounted or not self.display or self.app.screen is not self.screen:
            return
        if time.monotonic() - self._listed >= LIST_EVERY:
            self._listed = time.monotonic()
            self._list_runs(all_runs())
        for run in self.runs.values():
            run.update(budget=BUDGET / len(self.runs))
        if any(run.behind for run in self.runs.values()) and not self._reading:
            self._reading = True
            self.set_timer(SOON, self._read_on)
        self._show_runs()

    def _read_on(self) -> None:
        self._reading = False
        self.refresh_runs()

    def _list_runs(self, runs: list[Run]) -> None:
        names = tuple(run.name for run in runs)
        if set(names) != set(self._names):  # else the list would move under the cursor while runs train
            self._names = names
            self.picker.show(names)
            self._arrange()
        if names and not self._chosen_first:
            self._chosen_first = True
            self.picker.choose(names[:2])

    def on_run_picker_changed(self) -> None:
        chosen = self.picker.chosen
        self.runs = {name: run for name, run in self.runs.items() if name in chosen}
        for name in chosen:
            if name not in self.runs:
                self._add(name)
        self.runs = {name: self.runs[name] for name in sorted(self.runs, key=lambda name: chosen[name])}
        self._show_rows(chosen)
        self.refresh_runs()
        self._draw_later()
        self.on_state_changed()

    def _add(self, name: str) -> None:
        run = next((run for run in all_runs() if run.name == name), None)
        try:
            if run:
                self.runs[name] = ComparedRun(run)
        except RunError as error:
            self.app.notify(str(error), severity="error")

    def on_run_picker_full(self) -> None:
        self.app.notify("At most eight runs can be compared. Press space on one of them to leave it out.", severity="warning")

    def cycle_alignment(self) -> None:
        """The next of steps, time and epochs on the horizontal axis."""
        self.chart.alignment = ALIGNMENTS[(ALIGNMENTS.index(self.chart.alignment) + 1) % len(ALIGNMENTS)]
        self._show_runs()

    def toggle_scale(self) -> None:
        self.chart.log_scale = not self.chart.log_scale
        self._show_runs()

    def _show_runs(self) -> None:
        """The chart, the line above it and the table, where anything changed."""
        numbers = self.picker.chosen
        runs = {name: run for name, run in self.runs.items() if name in numbers}
        alignment = self.chart.alignment
        self.chart.show([run.curve(numbers[name], alignment) for name, run in runs.items()])
        scale = "logarithmic" if self.chart.log_scale else "linear"
        losses = tuple((numbers[name], "-" if run.now.loss is None else f"{run.now.loss:.4f}") for name, run in runs.items())
        facts = (alignment, scale, losses)
        if facts != self._legend:
            self._legend = facts
            self.query_one("#legend", Static).update(Content.assemble(heading(f"loss by {alignment}, {scale}", losses, self.studio.terminal.unicode)))
        rows = [*differing([results_of(run) for run in runs.values()]), *differing([flat_settings(run.config) for run in runs.values()])]
        self.query_one(ComparisonTable).show([(numbers[name], name) for name in runs], rows)

    # --- drawings -----------------------------------------------------------------------------------------------------

    def _show_rows(self, chosen: Mapping[str, int]) -> None:
        """A row of pictures for each run, in their order."""
        holder = self.query_one("#pictures")
        present = {row.run_name: row for row in self.query(RunPictures)}
        for name, row in present.items():
            if name not in self.runs:
                row.remove()
        for name in self.runs:
            if name not in present:
                holder.mount(RunPictures(self.studio.terminal, name, chosen[name]))
        self.call_after_refresh(self._fit_pictures)

    def _draw_later(self) -> None:
        """Draw once nothing else was chosen for a while, if the pictures are shown and are not those of the chosen runs."""
        if self._waiting:
            self._waiting.stop()
        self._waiting = self.set_timer(SETTLED, self._draw_if_shown)

    def _draw_if_shown(self) -> None:
        drawn = [cell.weights for cell in self.plan.cells] if self.plan else []
        if self.display and self.query_one("#pictures").display and self.runs and drawn != list(self.runs):
            try:
                self.draw(self.asked or self.default_prompt())
            except DigittyError as error:  # the prompt was for runs with other classes
                studio_app(self).notify_error(error)

    def weights(self) -> str:
        return next(iter(self.runs), self.studio.settings.weights)

    def default_prompt(self) -> str:
        data = self.data()
        if vocabulary_for(data.class_names).is_digits:
            return "0-9"
        return "grid" if data.classes <= MOST_IMAGES else super().default_prompt()

    def draw(self, prompt: str) -> None:
        if not self.runs:
            advice = "No run is chosen. Choose one with space or a click." if self._names else NO_RUN
            studio_app(self).explain(advice, lambda: not self.runs)
            return
        self.asked = prompt
        names = list(self.runs)
        plan = plan_sweep({"weights": names}, self.studio.settings.sample, names[0], {name for name in names if is_student(name)})
        self.start(prompt, plan)
        if not self.shows_all and self.view != "pictures":
            self.view = "pictures"
            self._arrange()

    def _row(self, cell: int) -> RunPictures | None:
        name = self.plan.cells[cell].weights if self.plan else ""
        return next((row for row in self.query(RunPictures) if row.run_name == name), None)

    def drawing_at(self, view: ImageView, index: int) -> tuple[e.DrawDone, int] | None:
        for cell, done in enumerate(self.cells):
            row = self._row(cell)
            if done and row and view in row.children:
                return done, index
        return None

    def show_progress(self, cell: int, event: CellProgress) -> None:
        if row := self._row(cell):
            row.show(event.frame.images)

    def show_done(self, cell: int, done: e.DrawDone) -> None:
        if row := self._row(cell):
            row.show_done(done)

    def show_failure(self, cell: int, message: str) -> None:
        if row := self._row(cell):
            row.show_words(message)
