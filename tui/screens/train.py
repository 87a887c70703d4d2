"""Train: start, watch, pause, stop, hand over. The worker's events only wake it; what it shows is read from the run's files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.errors import DigittyError
from engine.protocol.requests import TrainRequest
from engine.runs.control import Command, send_command
from engine.runs.liveness import Life
from tui.dialogs.disk_full import ask_about_full_disk
from tui.runs import text as run_words
from tui.screens.run_screen import RunScreen

RECENT = 300
"""Steps that the chart's recent window shows."""


class TrainScreen(RunScreen):
    """A run, whoever trains it: this process, another, or nobody any more."""

    NAME = "train"
    ABOUT = "live from the run's files, whoever trains it"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "pause", tooltip="pause, go on", id="pause"),
        Binding("x", "stop", "stop", tooltip="stop: it saves, and can go on later", id="stop"),
        Binding("d", "detach", "detach", tooltip="detach: it trains on after you leave", id="detach"),
        Binding("c", "continue", "continue", tooltip="go on with this run", id="continue"),
        Binding("n", "new", "new", tooltip="start a run", id="new"),
        Binding("v", "choose", "runs", tooltip="the runs: show, rename, delete", id="runs"),
        Binding("l", "log", "log", tooltip="loss on a log scale, or not", id="log"),
        Binding("t", "window", "recent", tooltip="recent steps, or the whole run", id="recent"),
        Binding("left", "scrub(-1)", "previews", key_display="←→", tooltip="earlier and later previews"),
        Binding("right", "scrub(1)", show=False, tooltip="earlier and later previews"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._keys: tuple[object, ...] = ()

    # --- what can be done with it -------------------------------------------------------------------------------------

    @property
    def _own(self) -> bool:
        """Whether what is shown, or is about to be, trains in this process."""
        training = self.studio.training
        return training.job is not None and (training.run is None or self.story is None or self.story.run.name == training.run)

    def _is_trained(self) -> bool:
        """Says so where it is not."""
        if self.story is None:
            self.notify("no run yet; n starts one", severity="warning")
        elif self.story.run.sight().life is Life.GONE:
            self.notify(f"{self.story.run.name} is not being trained; c goes on with it", severity="warning")
        else:
            return True
        return False

    def _ask(self, command: Command) -> None:
        """Of the run that is shown, whoever trains it."""
        if self._own:
            self.studio.training.command(command)
        elif self.story and self._is_trained():
            try:
                send_command(self.story.run.control_path, command)
            except DigittyError as error:
                self.studio_app.notify_error(error)
                return
            what = "go on" if command is Command.RUN else command.value
            self.notify(f"asked {self.story.run.name}, which {run_words.trainer_name(self.story.run)} trains, to {what}")
        else:
            return
        if self._trained:
            self._trained.ask(command)
        self._update_view()

    def action_pause(self) -> None:
        training = self.studio.training
        if self._own and training.full:
            ask_about_full_disk(self.studio_app)
        elif self._own and training.run is None:
            self.notify("it has not begun yet; x stops it", severity="warning")
        elif self._trained:
            self._ask(Command.RUN if self._trained.will_wait else Command.PAUSE)
        else:
            self._is_trained()

    def action_stop(self) -> None:
        if self._own:
            self.studio.training.stop()
            self._update_view()
        elif self.studio.training.handing_over and self.studio.training.name in (None, self.story and self.story.run.name):
            self.notify("it is being handed over; x stops it once it trains again", severity="warning")
        else:
            self._ask(Command.STOP)

    def stop_work(self) -> None:
        """Escape does not stop a training: x does."""

    def action_detach(self) -> None:
        training = self.studio.training
        if training.handing_over:
            self.notify("it is being handed over already")
        elif not self._own:
            if self._is_trained():
                self.notify("it trains in a process of its own already: it goes on when you leave")
        elif training.full:
            self.notify("it can't be saved now; space asks again what to do", severity="warning")
        else:
            training.hand_over()
            self._update_view()

    def action_continue(self) -> None:
        story = self.story
        if story is None:
            self.notify("no run yet; n starts one", severity="warning")
        elif story.run.running():
            self.notify(f"{story.run.name} is being trained" + ("; space goes on" if story.now.paused else ""), severity="warning")
        elif story.now.event == "finished" and story.fraction >= 1:
            self.notify(f"{story.run.name} has done all its steps; n continues it with more epochs", severity="warning")
        elif self._may_start():
            self.studio.training.start(TrainRequest(story.config, resume=story.run.name))
            self._update_view()

    def _may_start(self) -> bool:
        training = self.studio.training
        if not training.busy:
            return True
        name = training.name or "another run"
        self.notify(f"{name} trains here already; x stops it, d hands it to a process of its own", severity="warning")
        return False

    def action_new(self) -> None:
        from tui.dialogs.new_run import NewRun, NewRunDialog

        def chosen(new: NewRun | None) -> None:
            if new and self._may_start():
                training = self.studio.training
                (training.start_detached if new.detached else training.start)(new.request)
                self._update_view()

        if self._may_start():
            self.app.push_screen(NewRunDialog(self.studio.config.values.get("preset", "seed")), chosen)

    def action_choose(self) -> None:
        from tui.dialogs.runs import RunsDialog

        def chosen(name: str | None) -> None:
            if name:
                self.show_named(name)

        self.app.push_screen(RunsDialog(self.story.run.name if self.story else None), chosen)

    # --- views --------------------------------------------------------------------------------------------------------

    def action_log(self) -> None:
        self.view.chart.log_scale = not self.view.chart.log_scale

    def action_window(self) -> None:
        self.view.chart.window = RECENT if self.view.chart.window is None else None
        self.refresh_footer()

    def action_scrub(self, by: int) -> None:
        self.view.scrub(by)

    # --- the footer ---------------------------------------------------------------------------------------------------

    def refresh_footer(self) -> None:
        keys = tuple(self.key_words(binding) for binding in self._own_bindings())
        if keys != self._keys:
            self._keys = keys
            self.refresh_bindings()

    def _own_bindings(self) -> Iterable[Binding]:
        return (binding for binding in self.BINDINGS if isinstance(binding, Binding))

    def key_words(self, binding: Binding) -> str:
        training, story = self.studio.training, self.story
        alive = self._own or (self._trained is not None and self._trained.alive)
        offered = {
            "pause": alive and not (self._own and training.run is None),
            "stop": alive,
            "detach": self._own and not training.handing_over and not training.full,
            "continue": story is not None and not alive and not training.busy and story.now.event != "finished",
            "new": not training.busy,
            "log": story is not None,
            "window": story is not None,
            "scrub(-1)": self.view.has_previews,
        }
        if not offered.get(binding.action, True):
            return ""
        if binding.action == "pause" and self._own and training.full:
            return "decide"
        if binding.action == "pause" and story and story.now.paused:
            return "go on"
        if binding.action == "window" and self.view.chart.window is not None:
            return "whole"
        return binding.description
