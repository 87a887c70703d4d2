"""Train: start, watch, pause, stop, hand over. What it shows is read from the run's files; the worker's events only wake it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from engine import control, runs
from engine.control import Wish
from engine.errors import DigittyError, RunError
from engine.jobs import TrainRequest
from tui import run_words
from tui.run_story import RunStory
from tui.screens.base import AppScreen
from tui.trained import Trained
from tui.widgets.fact_line import Fact
from tui.widgets.run_view import RunView, Status

LOOK_EVERY = 0.5
"""Seconds between looks at a run's files while it is shown."""
SOON = 0.002
"""Seconds until the next look while there is more to read: keys are heard meanwhile."""
RECENT = 300
"""Steps that the chart's recent window shows."""


class TrainScreen(AppScreen):
    """A run, whoever trains it: this process, another, or nobody any more."""

    NAME = "train"
    HELP_TEXT = """
[b]Train[/]   live from the run's files, whoever trains it
  n  c             start a run · go on with this one
  space  x         pause, go on · stop: it saves, and can go on later
  d                detach: keep training after you leave
  v                the runs: show, rename, delete
  l  t             loss on a log scale · recent steps or the whole run
  ← →              earlier and later previews"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "pause"),
        Binding("x", "stop", "stop"),
        Binding("d", "detach", "detach"),
        Binding("c", "continue", "continue"),
        Binding("n", "new", "new"),
        Binding("v", "choose", "runs"),
        Binding("l", "log", "log"),
        Binding("t", "window", "recent"),
        Binding("left", "scrub(-1)", "previews", key_display="←→"),
        Binding("right", "scrub(1)", show=False),
        Binding("question_mark", "app.help", "help", key_display="?"),
        Binding("q", "app.leave", "quit"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.story: RunStory | None = None
        self._trained: Trained | None = None
        self._reading = False
        self._keys: tuple[object, ...] = ()

    def body(self) -> Iterable[Widget]:
        yield RunView(self.digitty.terminal)

    def on_mount(self) -> None:
        self._show_first()
        self.set_interval(LOOK_EVERY, self.look)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.look()

    @property
    def view(self) -> RunView:
        return self.query_one(RunView)

    # --- the run that is shown ----------------------------------------------------------------------------------------

    def _show_first(self) -> None:
        """One that is being trained, else the newest."""
        found = runs.all_runs()
        if found:
            self._show(next((run for run in found if run.running()), found[0]))
        else:
            self._show(None)

    def show_named(self, name: str) -> None:
        try:
            self._show(runs.find(name))
        except RunError as error:
            self.digitty.notify_error(error)

    def _show(self, run: runs.Run | None) -> None:
        try:
            self.story = RunStory(run) if run else None
        except RunError as error:
            self.digitty.notify_error(error)
            return
        self._trained = Trained(self.story) if self.story else None
        self.view.show(self.story)
        self.look(shown=True)

    def moved(self, old: str, new: str | None) -> None:
        """A run was renamed, or deleted."""
        if self.story and self.story.run.name == old:
            if new:
                self.show_named(new)
            else:
                self._show_first()

    def look(self, shown: bool = False) -> None:
        """Reads what is new, if it can be seen, for some twenty milliseconds; more of it soon."""
        if not self.is_mounted or not (shown or self.app.screen is self):
            return
        story = self.story
        if story and not run_words.exists(story.run):
            self.notify(f"{story.run.name} is gone: somebody renamed or deleted it", severity="warning")
            self._show_first()
            return
        if story:
            story.update()
        if story and story.behind and not self._reading:
            self._reading = True
            self.set_timer(SOON, self._read_on)
        self._tell()

    def _read_on(self) -> None:
        self._reading = False
        self.look()

    # --- what can be done with it -------------------------------------------------------------------------------------

    @property
    def _own(self) -> bool:
        """Whether what is shown, or is about to be, trains in this process."""
        training = self.digitty.training
        return training.job is not None and (training.run is None or self.story is None or self.story.run.name == training.run)

    def _is_trained(self) -> bool:
        """Says so where it is not."""
        if self.story is None:
            self.notify("no run yet; n starts one", severity="warning")
        elif not self.story.run.running():
            self.notify(f"{self.story.run.name} is not being trained; c goes on with it", severity="warning")
        else:
            return True
        return False

    def _ask(self, wish: Wish) -> None:
        """Of the run that is shown, whoever trains it."""
        if self._own:
            self.digitty.training.ask(wish)
        elif self.story and self._is_trained():
            try:
                control.ask(self.story.run.control_path, wish)
            except DigittyError as error:
                self.digitty.notify_error(error)
                return
            self.notify(f"asked {self.story.run.name}, which {run_words.trainer(self.story.run)} trains, to {wish.replace('run', 'go on')}")
        else:
            return
        if self._trained:
            self._trained.ask(wish)
        self._tell()

    def action_pause(self) -> None:
        training = self.digitty.training
        if self._own and training.full:
            training.ask_about_disk()
        elif self._own and training.run is None:
            self.notify("it has not begun yet; x stops it", severity="warning")
        elif self._trained:
            self._ask("run" if self._trained.will_wait else "pause")
        else:
            self._is_trained()

    def action_stop(self) -> None:
        if self._own:
            self.digitty.training.stop()
            self._tell()
        elif self.digitty.training.leaving_alone and self.digitty.training.name in (None, self.story and self.story.run.name):
            self.notify("it is being handed over; x stops it once it trains again", severity="warning")
        else:
            self._ask("stop")

    def stop_work(self) -> None:
        """Escape does not stop a training: x does."""

    def action_detach(self) -> None:
        training = self.digitty.training
        if training.leaving_alone:
            self.notify("it is being handed over already")
        elif not self._own:
            if self._is_trained():
                self.notify("it trains in a process of its own already: it goes on when you leave")
        elif training.full:
            self.notify("it can't be saved now; space asks again what to do", severity="warning")
        else:
            training.hand_over()
            self._tell()

    def action_continue(self) -> None:
        story = self.story
        if story is None:
            self.notify("no run yet; n starts one", severity="warning")
        elif story.run.running():
            self.notify(f"{story.run.name} is being trained" + ("; space goes on" if story.paused else ""), severity="warning")
        elif story.event == "finished" and story.fraction >= 1:
            self.notify(f"{story.run.name} has done all its steps; n continues it with more epochs", severity="warning")
        elif self._may_start():
            self.digitty.training.start(TrainRequest(story.config, resume=story.run.name))
            self._tell()

    def _may_start(self) -> bool:
        training = self.digitty.training
        if not training.busy:
            return True
        name = training.name or "another run"
        self.notify(f"{name} trains here already; x stops it, d hands it to a process of its own", severity="warning")
        return False

    def action_new(self) -> None:
        from tui.screens.new_run import NewRun, NewRunDialog

        def chosen(new: NewRun | None) -> None:
            if new and self._may_start():
                training = self.digitty.training
                (training.start_detached if new.detached else training.start)(new.request)
                self._tell()

        if self._may_start():
            self.app.push_screen(NewRunDialog(), chosen)

    def action_choose(self) -> None:
        from tui.screens.runs import RunsDialog

        def chosen(name: str | None) -> None:
            if name:
                self.show_named(name)

        self.app.push_screen(RunsDialog(self.story.run.name if self.story else None), chosen)

    # --- views --------------------------------------------------------------------------------------------------------

    def action_log(self) -> None:
        self.view.chart.log_scale = not self.view.chart.log_scale

    def action_window(self) -> None:
        self.view.chart.window = RECENT if self.view.chart.window is None else None
        self._tell_keys()

    def action_scrub(self, by: int) -> None:
        self.view.scrub(by)

    def _tell(self) -> None:
        training, story = self.digitty.training, self.story
        status = self._status()
        numbers: list[Fact] | None = None
        if training.doing and (story is None or training.name != story.run.name):
            numbers = [Fact(training.name or "a new run", 0, "name"), Fact(training.doing, 0, "state")]
        elif story is None:
            numbers = [Fact("No run yet: n starts one.")]
        self.view.tell(status, numbers)
        self._tell_keys()

    def _status(self) -> Status:
        """What the files tell, and what no file can tell yet."""
        story, trained, training = self.story, self._trained, self.digitty.training
        if story is None or trained is None:
            return Status()
        if not trained.look():
            self.notify(f"{story.run.name} does not answer; it is trained by {trained.by}", severity="warning", timeout=10)
        own = training.trains(story.run.name)
        state = trained.state(own)
        if own and training.full:
            state = "waiting"
        if training.doing and training.name == story.run.name:
            state = training.doing
        return Status(state, trained.alive, own, training.memory if own else 0, self._warning(story, own))

    def _warning(self, story: RunStory, own: bool) -> str:
        """What keeps it from being saved; a file is named as the run's folder knows it, since room is short."""
        training = self.digitty.training
        full, unsaved = (training.full, training.unsaved) if own else (None, None)
        since = f"not saved since step {story.saved_step}" if story.saved_step else "not saved yet"
        if full:
            words = f"waits, space asks what to do: {full.message}"
        elif unsaved:
            words = f"{since}, now at {training.step}: {unsaved.message}"
        elif story.unsaved and self._trained and self._trained.alive:
            words = f"{since}: {story.unsaved}"
        else:
            return ""
        return words.replace(f"{story.run.path}/", "")

    # --- the footer ---------------------------------------------------------------------------------------------------

    def _tell_keys(self) -> None:
        keys = tuple(self.key_words(binding) for binding in self._own_bindings())
        if keys != self._keys:
            self._keys = keys
            self.refresh_bindings()

    def _own_bindings(self) -> Iterable[Binding]:
        return (binding for binding in self.BINDINGS if isinstance(binding, Binding))

    def key_words(self, binding: Binding) -> str:
        training, story = self.digitty.training, self.story
        alive = self._own or (self._trained is not None and self._trained.alive)
        offered = {
            "pause": alive and not (self._own and training.run is None),
            "stop": alive,
            "detach": self._own and not training.leaving_alone and not training.full,
            "continue": story is not None and not alive and not training.busy and story.event != "finished",
            "new": not training.busy,
            "log": story is not None,
            "window": story is not None,
            "scrub(-1)": self.view.has_previews,
        }
        if not offered.get(binding.action, True):
            return ""
        if binding.action == "pause" and self._own and training.full:
            return "decide"
        if binding.action == "pause" and story and story.paused:
            return "go on"
        if binding.action == "window" and self.view.chart.window is not None:
            return "whole"
        return binding.description
