"""A run on the screen, whoever trains it: which one, looked at now and then, and told. What is told is read from the run's files."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from engine.errors import RunError
from engine.runs.run import Run, all_runs, find_run
from tui.runs import text as run_words
from tui.runs.history import RunHistory
from tui.runs.trainer_status import TrainerStatus
from tui.screens.base import AppScreen
from tui.widgets.fact_line import Fact
from tui.widgets.run_view import RunView, Status

LOOK_EVERY = 0.5
"""Seconds between looks at a run's files while it is shown."""
SOON = 0.002
"""Seconds until the next look while there is more to read: keys are heard meanwhile."""


class RunScreen(AppScreen):
    """Shows a run; what can be asked of it is the Train screen's."""

    def __init__(self) -> None:
        super().__init__()
        self.story: RunHistory | None = None
        self._trained: TrainerStatus | None = None
        self._reading = False

    def body(self) -> Iterable[Widget]:
        yield RunView(self.studio.terminal)

    def on_mount(self) -> None:
        self._show_first()
        self.set_interval(LOOK_EVERY, self.refresh_run)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.refresh_run()

    @property
    def view(self) -> RunView:
        return self.query_one(RunView)

    def refresh_footer(self) -> None:
        """What can be done with the run may have changed."""

    # --- the run that is shown ----------------------------------------------------------------------------------------

    def _show_first(self) -> None:
        """One that is being trained, else the newest."""
        found = all_runs()
        if found:
            self._show(next((run for run in found if run.running()), found[0]))
        else:
            self._show(None)

    def show_named(self, name: str) -> None:
        try:
            self._show(find_run(name))
        except RunError as error:
            self.studio_app.notify_error(error)

    def _show(self, run: Run | None) -> None:
        try:
            self.story = RunHistory(run) if run else None
        except RunError as error:
            self.studio_app.notify_error(error)
            return
        self._trained = TrainerStatus(self.story) if self.story else None
        self.view.show(self.story)
        self.refresh_run(shown=True)

    def on_run_moved(self, old: str, new: str | None) -> None:
        """A run was renamed, or deleted."""
        if self.story and self.story.run.name == old:
            if new:
                self.show_named(new)
            else:
                self._show_first()

    def refresh_run(self, shown: bool = False) -> None:
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
        self._update_view()

    def _read_on(self) -> None:
        self._reading = False
        self.refresh_run()

    # --- what is told of it -------------------------------------------------------------------------------------------

    def _update_view(self) -> None:
        training, story = self.studio.training, self.story
        status = self._status()
        numbers: list[Fact] | None = None
        if training.activity and (story is None or training.name != story.run.name):
            numbers = [Fact(training.name or "a new run", 0, "name"), Fact(training.activity, 0, "state")]
        elif story is None:
            numbers = [Fact("No run yet: n starts one.")]
        self.view.update(status, numbers)
        self.refresh_footer()

    def _status(self) -> Status:
        """What the files tell, and what no file can tell yet."""
        story, trained, training = self.story, self._trained, self.studio.training
        if story is None or trained is None:
            return Status()
        if not trained.refresh():
            self.notify(f"{story.run.name} does not answer; it is trained by {trained.by}", severity="warning", timeout=10)
        own = training.trains(story.run.name)
        state = trained.describe(own)
        if own and training.full:
            state = "waiting"
        if training.activity and training.name == story.run.name:
            state = training.activity
        return Status(state, trained.alive, own, training.memory if own else 0, self._warning(story, own))

    def _warning(self, story: RunHistory, own: bool) -> str:
        """What keeps it from being saved; a file is named as the run's folder knows it, since room is short."""
        training = self.studio.training
        full, unsaved = (training.full, training.unsaved) if own else (None, None)
        since = f"not saved since step {story.now.saved_step}" if story.now.saved_step else "not saved yet"
        if full:
            words = f"waits, space asks what to do: {full.message}"
        elif unsaved:
            words = f"{since}, now at {training.step}: {unsaved.message}"
        elif story.now.unsaved and self._trained and self._trained.alive:
            words = f"{since}: {story.now.unsaved}"
        else:
            return ""
        return words.replace(f"{story.run.path}/", "")
