"""Train: start, watch, pause, stop. What it shows is read from the run's files; the worker's events only wake it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual import events as textual_events
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from engine import events as e
from engine import runs
from engine.cli import duration
from engine.errors import RunError
from engine.events import Event
from engine.jobs import TrainRequest
from tui.run_story import RunStory, load_sample
from tui.screens.base import AppScreen
from tui.widgets.digit_view import DigitView
from tui.widgets.job_bar import JobBar
from tui.widgets.loss_chart import LossChart

LOOK_EVERY = 0.5
"""Seconds between looks at a run's files while it is shown."""
RECENT = 300
"""Steps that the chart's recent window shows."""


class TrainScreen(AppScreen):
    """Numbers, two bars, the loss chart, previews and the table of epochs."""

    NAME = "train"
    HELP_TEXT = """
[b]Train[/]   live from the run's files, whoever trains it
  n                start a run, or continue one     v  show another run
  space            pause, go on                     x  stop (saves; it can go on later)
  l                loss on a log scale              t  recent steps / whole run
  ← →              earlier and later previews"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "new"),
        Binding("v", "choose", "view"),
        Binding("space", "pause", "pause"),
        Binding("x", "stop", "stop"),
        Binding("l", "log", "log"),
        Binding("t", "window", "recent"),
        Binding("left", "scrub(-1)", "previews", key_display="← →"),
        Binding("right", "scrub(1)", show=False),
        Binding("question_mark", "app.help", "help", key_display="?"),
        Binding("q", "app.leave", "quit"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.story: RunStory | None = None
        self.job: int | None = None
        self._run: str | None = None
        """The run that `job` trains, once it has begun."""
        self._paused = False
        self._waiting = ""
        self._memory = 0
        self._sample_at: int | None = None  # None follows the latest
        self._sample_shown: object = None
        self._sample_step = ""
        self._elsewhere, self._asked = False, 0.0

    def body(self) -> Iterable[Widget]:
        yield Static(id="numbers")
        with Horizontal(id="bars"):
            yield JobBar(label="epoch", id="epoch", ascii=not self.digitty.terminal.unicode)
            yield JobBar(label="run", id="run", ascii=not self.digitty.terminal.unicode)
        yield Static(id="losses")
        yield LossChart(self.digitty.terminal, log_scale=True, id="chart")
        with Horizontal(id="below"):
            yield DigitView(self.digitty.terminal, columns=5, id="previews")
            with VerticalScroll(id="epochs", can_focus=False):
                yield Static(id="table")

    def on_mount(self) -> None:
        found = runs.all_runs()
        running = [run for run in found if run.running()]
        if found:
            self._show((running or found)[0])
        self.set_interval(LOOK_EVERY, self._look)
        self._tell()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._look()

    def on_resize(self, event: textual_events.Resize) -> None:
        """The previews take the largest tiles that leave the chart its room."""
        super().on_resize(event)
        width, height = event.size
        below = 29 if height >= 56 and width >= 175 else 15 if height >= 34 and width >= 105 else 11 if height >= 22 else 0
        self.query_one("#below").styles.height = below
        self.query_one("#below").display = below > 0
        self.query_one("#previews").styles.width = {29: 145, 15: 75}.get(below, 55) if width >= 78 else "1fr"
        self.query_one("#epochs").display = width >= 78

    # --- the run that is shown ----------------------------------------------------------------------------------------

    def own_runs(self) -> list[str]:
        """The runs that this process trains."""
        return [self._run] if self.job is not None and self._run else []

    def _show(self, run: runs.Run) -> None:
        try:
            self.story = RunStory(run)
        except RunError as error:
            self.digitty.notify_error(error)
            return
        self.story.update()
        self._sample_at, self._asked = None, 0.0
        self.query_one("#chart", LossChart).series = self.story.series
        self._tell()

    def _look(self) -> None:
        if self.story and self.app.screen is self and self.story.update():
            self._tell()
        elif self.app.screen is self:
            self._tell_state()
            self._tell_preview()

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def action_new(self) -> None:
        from tui.screens.new_run import NewRunDialog

        if self.job is not None:
            self.notify("a run trains here already; x stops it first", severity="warning")
            return
        self.app.push_screen(NewRunDialog(), self._start)

    def _start(self, request: TrainRequest | None) -> None:
        if request is None:
            return
        self._run, self._paused, self._waiting = None, False, "starting…"
        self.job = self.digitty.submit("train", lambda: self.digitty.jobs.train(request), self._hear, "training")
        self._tell_state()

    def _hear(self, event: Event) -> None:
        match event:
            case e.Preparing(what):
                self._waiting = what + "…"
                self._tell_state()
            case e.TrainStarted(run):
                self._run, self._waiting = run, ""
                self._show(runs.find(run))
            case e.TrainStep():
                self._memory = event.memory
                self._look()
            case e.Ended(outcome):
                self.job, self._paused, self._waiting, self._asked = None, False, "", 0.0
                if outcome == "finished" and self._run:
                    self.notify(f"{self._run} is trained; w chooses it to draw with", timeout=8)
                self._look()
                self._tell()
            case _:
                self._look()

    def stop_work(self) -> None:
        """Escape does not stop a training: x does."""

    def action_stop(self) -> None:
        if self.job is not None:
            self._waiting = "stopping…"
            self.digitty.worker.stop(self.job)
            self._tell_state()
        else:
            self.notify("no run trains in this process", severity="warning")

    def action_pause(self) -> None:
        if self.job is None:
            self.notify("no run trains in this process", severity="warning")
            return
        self._paused = not self._paused
        (self.digitty.worker.pause if self._paused else self.digitty.worker.resume)(self.job)
        self._tell_state()

    def action_choose(self) -> None:
        from tui.screens.runs import RunsDialog

        def chosen(name: str | None) -> None:
            if name:
                self._show(runs.find(name))

        self.app.push_screen(RunsDialog(), chosen)

    # --- views --------------------------------------------------------------------------------------------------------

    def action_log(self) -> None:
        chart = self.query_one("#chart", LossChart)
        chart.log_scale = not chart.log_scale

    def action_window(self) -> None:
        chart = self.query_one("#chart", LossChart)
        chart.window = RECENT if chart.window is None else None

    def action_scrub(self, by: int) -> None:
        samples = self.story.samples() if self.story else []
        if samples:
            at = len(samples) - 1 if self._sample_at is None else min(self._sample_at, len(samples) - 1)
            at = max(0, at + by)
            self._sample_at = None if at >= len(samples) - 1 else at
            self._tell_preview()

    def _tell(self) -> None:
        self.query_one("#chart", LossChart).update()
        self._tell_state()
        self._tell_losses()
        self._tell_preview()
        self._tell_epochs()

    def _state(self) -> str:
        story = self.story
        if self._waiting:
            return self._waiting
        if self.job is not None and story and story.run.name == self._run:
            return "paused" if self._paused else "training"
        if story is None:
            return ""
        now = time.monotonic()
        if now - self._asked > 2:  # asking takes the lock for a moment
            self._elsewhere, self._asked = story.run.running(), now
        if self._elsewhere:
            return "training in another process"
        return story.event if story.event in ("stopped", "finished", "diverged") else "interrupted"

    def _tell_state(self) -> None:
        story, state = self.story, self._state()
        numbers = self.query_one("#numbers", Static)
        if story is None:
            numbers.update(Text.assemble(" ", state or "No run yet: n starts one."))
            return
        config = story.config
        parts = [f"epoch {story.epoch}/{config.epochs}", f"step {story.step}/{config.total_steps}"]
        if "training" in state or state == "paused":
            rate = story.rate
            parts += [
                f"{rate:.2f} it/s" if rate < 10 else f"{rate:.0f} it/s",
                f"{rate * config.images / config.steps_per_epoch:.0f} img/s",
                f"lr {story.lr:.1e}",
            ]
            if story.seconds_left is not None:
                parts.append(f"left {duration(story.seconds_left)}")
            if self._memory and state in ("training", "paused"):
                parts.append(f"{self._memory / 2**20:.0f} MB")
        numbers.update(
            Text.assemble(" ", (story.run.name, "bold"), "  ", (state, "italic"), "  ", "  ".join(parts), no_wrap=True, overflow="ellipsis")
        )
        for name, fraction in (("#epoch", story.epoch_fraction), ("#run", story.fraction)):
            self.query_one(name, JobBar).fraction = fraction

    def _tell_losses(self) -> None:
        story = self.story
        if story is None:
            return
        parts = [
            f"{name} {value:.4f}" for name, value in (("loss", story.loss), ("epoch", story.epoch_average), ("best", story.best)) if value is not None
        ]
        engine = story.engine
        parts.append(f"{config_words(story)} · {engine.device} {engine.precision} {engine.layout}")
        self.query_one("#losses", Static).update(Text(" " + "  ".join(parts), no_wrap=True, overflow="ellipsis"))

    def _tell_preview(self) -> None:
        samples = self.story.samples() if self.story else []
        view = self.query_one("#previews", DigitView)
        if not samples:
            if view.images is not None:
                view.clear()
            self._sample_shown, self._sample_step = None, ""
            return
        step, path = samples[-1 if self._sample_at is None else min(self._sample_at, len(samples) - 1)]
        if self._sample_shown == path:
            return
        images = load_sample(path)
        if images is not None:
            self._sample_shown = path
            view.show(images)
            self._sample_step = f"step {step}" + ("" if self._sample_at is None else f" {self._sample_at + 1}/{len(samples)}")
            self._tell_epochs()

    def _tell_epochs(self) -> None:
        table = Text(f"previews: {self._sample_step}\n" if self._sample_step else "", "dim")
        table.append("epoch  average   time\n", "bold")
        for row in reversed(self.story.epochs if self.story else []):
            table.append(f"{row.epoch:5}   {row.average:.4f} {duration(row.seconds):>7}{' *' if row.best else ''}\n")
        self.query_one("#table", Static).update(table)


def config_words(story: RunStory) -> str:
    """seed · batch 128 · adam 1e-03 cosine"""
    config = story.config
    return f"{config.preset} · batch {config.batch_size} · adam {config.lr:g} {config.lr_schedule}"
