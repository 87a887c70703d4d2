"""Shows one run, whichever process trains it: reads the run's files now and then, and updates the view."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from engine.config.data import MNIST
from engine.errors import DigittyError, RunError
from engine.process.machine import MachineLoad, MachineMeter
from engine.protocol.recipe import Images
from engine.runs.run import Run, all_runs, find_run
from engine.storage.examples import load_example
from tui.dialogs.enlarged import EnlargedDialog, Subject
from tui.render import captions
from tui.runs import text as run_text
from tui.runs.history import RunHistory
from tui.runs.trainer_status import TrainerStatus
from tui.screens.base import AppScreen
from tui.studio.background import run_in_background
from tui.widgets.fact_line import Fact
from tui.widgets.image_view import ImageView
from tui.widgets.invitation import OFFERS, Invitation, time_of
from tui.widgets.run_facts import Status
from tui.widgets.run_view import RunView

LOOK_EVERY = 0.5
"""Seconds between reads of a run's files while it is shown."""
NO_RUN = "No run yet. Press enter to start the one that is selected, or n for more settings."
METER_EVERY = 2.0
"""Seconds between two readings of the machine's load."""
SOON = 0.002
"""Seconds until the next read while there is more to read. Keys are handled in between."""


class RunScreen(AppScreen):
    """The Train screen without the keys that command a run."""

    ESCAPE = "hide the line on the chart"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown", "page(1)", show=False, tooltip="turn the page if not all previews fit"),
        Binding("pageup", "page(-1)", show=False, tooltip="turn the page if not all previews fit"),
        Binding("z", "enlarge", show=False, tooltip="enlarge a preview (or click on one)", id="enlarge"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.history: RunHistory | None = None
        self._trainer: TrainerStatus | None = None
        self._reading = False
        self._load: MachineLoad | None = None
        self._meter: tuple[str, MachineMeter] | None = None
        """The device of the run that is shown, and what reads this machine's load."""
        self._metering, self._metered = False, 0.0

    def body(self) -> Iterable[Widget]:
        yield Invitation(self.studio.terminal)
        yield RunView(self.studio.terminal)

    def on_mount(self) -> None:
        self.query_one(Invitation).display = False
        self._show_first()
        self.set_interval(LOOK_EVERY, self.refresh_run)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.refresh_run()
        if self.query_one(Invitation).display:
            self.query_one(Invitation).take_focus()

    @property
    def view(self) -> RunView:
        return self.query_one(RunView)

    def action_page(self, by: int) -> None:
        previews = self.view.query_one("#previews", ImageView)
        previews.page_next() if by > 0 else previews.page_prev()

    def action_enlarge(self) -> None:
        if self.history is None and not self.studio.training.busy:
            self._enlarge(self.query_one(Invitation).query_one(ImageView), 0)
        elif self.view.has_previews:
            self._enlarge(self.view.query_one("#previews", ImageView), 0)
        else:
            self.explain("No previews yet: they are drawn while a run trains.", lambda: not self.view.has_previews)

    def on_image_view_chosen(self, event: ImageView.Chosen) -> None:
        self._enlarge(event.view, event.index)

    def _enlarge(self, view: ImageView, index: int) -> None:
        """Enlarge a preview, or an example."""
        images, history = view.images, self.history
        if images and history is None:
            names, offer = [captions.name_of(label, MNIST) for label in range(len(images))], self.query_one(Invitation).selected
            self.app.push_screen(EnlargedDialog(self.studio.terminal, Subject(images, names=names, notes=[offer.about]), index))
        elif images and history:
            names = [captions.name_of(label, history.config.data) for label in range(len(images))]
            subject = Subject(images, names=names, notes=[f"{history.run.name}, {self.view.preview_text()}"])
            self.app.push_screen(EnlargedDialog(self.studio.terminal, subject, index))

    def on_invitation_selected(self, event: Invitation.Selected) -> None:
        def show(images: Images | DigittyError | None) -> None:
            for invitation in self.query(Invitation):  # the screen may be closing
                invitation.show_example(event.offer, None if isinstance(images, DigittyError) else images)

        run_in_background(self.app, lambda: load_example(event.offer.example), show)

    def refresh_footer(self) -> None:
        """Called whenever other keys may be useful than before."""

    # --- the run that is shown ----------------------------------------------------------------------------------------

    def _show_first(self) -> None:
        """Show a run that is being trained, else the newest."""
        runs = all_runs()
        self._show(next((run for run in runs if run.running()), runs[0]) if runs else None)

    def show_coming(self) -> None:
        """Show nothing of another run while a new one starts: `show_named` shows it once it has begun."""
        self._show(None)

    def show_named(self, name: str) -> None:
        try:
            self._show(find_run(name))
        except RunError as error:
            self.studio_app.notify_error(error)

    def _show(self, run: Run | None) -> None:
        try:
            self.history = RunHistory(run) if run else None
        except RunError as error:
            self.studio_app.notify_error(error)
            return
        self._trainer = TrainerStatus(self.history) if self.history else None
        self.view.show(self.history)
        self.refresh_run(hidden=True)

    def on_run_moved(self, old: str, new: str | None) -> None:
        """A run was renamed, or deleted where `new` is None."""
        if self.history and self.history.run.name == old:
            if new:
                self.show_named(new)
            else:
                self._show_first()

    def refresh_run(self, hidden: bool = False) -> None:
        """Read new records for about twenty milliseconds, and schedule the rest. Does nothing while another screen is shown, unless `hidden`."""
        if not self.is_mounted or not (hidden or self.is_current):
            return
        history = self.history
        if history is None and not self.studio.training.busy and all_runs():
            self._show_first()  # the run that was to begin did not, or another process has started one
            return
        if history and not run_text.exists(history.run):
            self.notify(f"{history.run.name} was renamed or deleted elsewhere.", severity="warning")
            self._show_first()
            return
        if history:
            history.update()
        if history and history.behind and not self._reading:
            self._reading = True
            self.set_timer(SOON, self._read_on)
        self._update_view()

    def _read_on(self) -> None:
        self._reading = False
        self.refresh_run()

    # --- what is shown of it ------------------------------------------------------------------------------------------

    def _update_view(self) -> None:
        training, history = self.studio.training, self.history
        status = self._status()
        numbers: list[Fact] | None = None
        if history is None and training.busy:
            numbers = [Fact(training.name or "a new run", 0, "name"), Fact(training.activity, 0, "state")]
        self._show_invitation(history is None and not training.busy)
        self.view.update(status, numbers)
        self.refresh_footer()
        self.studio_app.end_outdated_notices()

    def _show_invitation(self, invites: bool) -> None:
        """Show what can be trained instead of a run, where there is none."""
        invitation, speed = self.query_one(Invitation), self.studio.speed
        if invites != invitation.display:
            invitation.display, self.view.display = invites, not invites
            if invites and self.app.screen is self:
                invitation.take_focus()
        if not invites:
            return
        if self.app.screen is self:
            speed.request(self.studio.ready)
        invitation.show_times([time_of(offer, speed.seconds(offer.config), speed.pending) for offer in OFFERS])

    def _status(self) -> Status:
        """What the files show, and what only this process knows yet."""
        history, trainer, training = self.history, self._trainer, self.studio.training
        if history is None or trainer is None:
            return Status()
        if not trainer.refresh():
            self.notify(f"{trainer.by} is training {history.run.name} but does not respond. Try again later.", severity="warning", timeout=10)
        own = training.trains(history.run.name)
        state = trainer.describe(own)
        if own and training.full:
            state = "waiting"
        if training.activity and training.name == history.run.name:
            state = training.activity
        self._measure_load(history, own or trainer.is_here)
        return Status(state, trainer.alive, own, training.memory if own else 0, self._warning(history, own), self._load)

    def _measure_load(self, history: RunHistory, here: bool) -> None:
        """Read the machine's load now and then, in the background, while the run that is shown trains on this machine and is not paused."""
        works = here and self._trainer is not None and self._trainer.alive and not history.now.paused
        if not works:
            self._load = self._meter = None
        now, device = time.monotonic(), history.engine.device
        if not works or self._metering or self.app.screen is not self or now - self._metered < METER_EVERY:
            return
        if self._meter is None or self._meter[0] != device:
            self._meter = device, MachineMeter(device)
        self._metering, self._metered = True, now
        run_in_background(self.app, self._meter[1].read, self._on_load)

    def _on_load(self, load: MachineLoad | DigittyError) -> None:
        """Shown at the next look at the run."""
        self._metering = False
        if self._meter and isinstance(load, MachineLoad):
            self._load = load

    def _warning(self, history: RunHistory, own: bool) -> str:
        """Why the run can't be saved. Paths start at the run's folder, since the line is short."""
        training = self.studio.training
        full, unsaved = (training.full, training.unsaved) if own else (None, None)
        since = f"not saved since step {history.now.saved_step}" if history.now.saved_step else "not saved yet"
        if full:
            text = f"press space to decide: {full.message}"
        elif unsaved:
            text = f"{since}, now at {training.step}: {unsaved.message}"
        elif history.now.unsaved and self._trainer and self._trainer.alive:
            text = f"{since}: {history.now.unsaved}"
        else:
            return ""
        return text.replace(f"{history.run.path}/", "")
