"""Train: start, watch, pause, stop, continue and detach runs. What it shows is read from the run's files."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.errors import DigittyError
from engine.protocol.requests import TrainRequest
from engine.runs.control import Command, send_command
from engine.runs.liveness import Life
from tui.dialogs.choice import Choice, ChoiceDialog
from tui.dialogs.disk_full import ask_about_full_disk
from tui.runs.history import RunHistory
from tui.runs.text import trained_here, trainer_name
from tui.screens.run_screen import NO_RUN, RunScreen
from tui.studio.phase import Phase
from tui.widgets.invitation import Invitation

RECENT = 300
"""Steps that the chart shows in its recent window."""


class TrainScreen(RunScreen):
    """A run and the keys that command it, whichever process trains it."""

    NAME = "train"
    ABOUT = "follow a run live, whichever process trains it"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "pause", tooltip="pause or resume", id="pause"),
        Binding("x", "stop", "stop", tooltip="save and stop; c continues the run later", id="stop"),
        Binding("d", "detach", "detach", tooltip="detach: keep training after you quit", id="detach"),
        Binding("c", "continue", "continue", tooltip="continue this run, a finished one for longer", id="continue"),
        Binding("n", "new", "new", tooltip="start a run, or continue one for longer", id="new"),
        Binding("v", "choose", "runs", tooltip="list the runs to show, rename or delete one", id="runs"),
        Binding("l", "log", "log", tooltip="show the loss on a logarithmic or a linear scale", id="log"),
        Binding("t", "window", "recent", tooltip="show the recent steps or the whole run", id="recent"),
        Binding("left", "scrub(-1)", "previews", key_display="←→", tooltip="show earlier and later previews"),
        Binding("right", "scrub(1)", show=False, tooltip="show earlier and later previews"),
        Binding("comma", "point(-1)", "values", key_display=", .", show=False, tooltip="show the values under a line, and move the line"),
        Binding("full_stop", "point(1)", show=False, tooltip="show the values under a line, and move the line"),
        Binding("less_than_sign", "point(-10)", show=False, key_display="< >", tooltip="move the line on the chart faster; esc hides it"),
        Binding("greater_than_sign", "point(10)", show=False, tooltip="move the line on the chart faster; esc hides it"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._labels: tuple[str, ...] = ()

    # --- commands -----------------------------------------------------------------------------------------------------

    @property
    def _shows_local(self) -> bool:
        """Whether the run of this process is shown, or is about to be shown."""
        training = self.studio.training
        return training.busy and (self.history is None or self.history.run.name == training.name)

    @property
    def _own(self) -> bool:
        """Whether the run that is shown, or is about to be shown, trains in this process."""
        return self._shows_local and self.studio.training.job is not None

    @property
    def _alive(self) -> bool:
        """Whether any process is known to train the run that is shown."""
        return self._trainer is not None and self._trainer.alive

    @property
    def _stopping(self) -> bool:
        """Whether the run that is shown trains in this process and has been told to stop."""
        return self._own and self.studio.training.phase is Phase.STOPPING

    @property
    def _handing_over(self) -> bool:
        """Whether the run that is shown, or is about to be shown, is being handed over to a background process."""
        return self._shows_local and self.studio.training.handing_over

    def _check_trained(self) -> bool:
        """Whether any process trains the run that is shown; if none does, a notice says what to do instead."""
        if self.history is None:
            self._explain_no_run()
        elif self.history.run.sight().life is Life.GONE:
            history, advice = self.history, self._advice_without_trainer(self.history)
            self.explain(advice, lambda: self.history is history and not self._alive and self._advice_without_trainer(history) == advice)
        else:
            return True
        return False

    def _advice_without_trainer(self, history: RunHistory) -> str:
        name, training = history.run.name, self.studio.training
        if training.busy:
            return f"{name} is not being trained. {training.name or 'A new run'} trains here: press v to show it."
        if history.is_complete:
            return f"{name} has finished. Press c to train it for longer."
        return f"{name} is not being trained. Press c to continue it."

    def _command(self, command: Command) -> None:
        """Send a command to whichever process trains the run that is shown."""
        if self._own:
            self.studio.training.command(command)
        elif self._check_trained() and self.history:
            run = self.history.run
            try:
                send_command(run.control_path, command)
            except DigittyError as error:
                self.studio_app.notify_error(error)
                return
            self.notify(f"Asked {trainer_name(run)} to {'resume' if command is Command.RUN else command} {run.name}.")
        else:
            return
        if self._trainer:
            self._trainer.ask(command)
        self._update_view()

    def action_pause(self) -> None:
        training = self.studio.training
        if self._own and training.full:
            ask_about_full_disk(self.studio_app)
        elif self._own and training.run is None:
            self.explain("The run has not started yet. Press x to cancel it.", lambda: training.busy and training.run is None)
        elif self._trainer:
            self._command(Command.RUN if self._trainer.will_wait else Command.PAUSE)
        else:
            self._check_trained()

    def action_stop(self) -> None:
        if self._own:
            self.studio.training.stop()
        elif self._handing_over:
            self.explain("The run is being detached. Press x when it is training again.", lambda: self._handing_over)
        else:
            self._command(Command.STOP)

    def stop_work(self) -> None:
        """Escape hides the line on the chart. It does not stop a run: x does."""
        self.view.chart.hide_cursor()

    def action_detach(self) -> None:
        training = self.studio.training
        if training.handing_over:
            self.explain("The run is already being detached.", lambda: training.handing_over)
        elif not self._own:
            if self._check_trained():
                self.notify("The run is already training in another process and continues after you quit.")
        elif training.full:
            self.explain("The run can't be saved now. Press space to decide what to do.", lambda: training.full is not None)
        else:
            training.hand_over()

    def action_continue(self) -> None:
        history = self.history
        if history is None:
            self._explain_no_run()
        elif self._stopping:
            self._explain_busy()
        elif history.run.running():
            state = "is paused. Press space to resume it." if history.now.paused else "is already being trained."
            self.explain(f"{history.run.name} {state}", lambda: self.history is history and self._alive)
        elif not self._check_idle():
            return
        elif history.is_complete:
            self._open_dialog(history.run.name)
        else:
            request = TrainRequest(history.config, resume=history.run.name)
            self._ask_beside(lambda: self._start(request))

    def _check_idle(self) -> bool:
        """Whether a run can start here; if not, a notice says why, and what to do."""
        training = self.studio.training
        if training.busy:
            self._explain_busy()
        return not training.busy

    def _explain_busy(self) -> None:
        training, advice = self.studio.training, self._advice_while_busy()
        self.explain(advice, lambda: training.busy and self._advice_while_busy() == advice)

    def _explain_no_run(self) -> None:
        self.explain(NO_RUN, lambda: self.history is None)

    def _advice_while_busy(self) -> str:
        training = self.studio.training
        name = training.name or "A new run"
        if training.full:
            return f"{name} can't be saved now. Press space to decide what to do."
        if training.phase is Phase.STOPPING:
            return f"{name} is saving and stopping. Try again when it has stopped."
        if training.handing_over:
            return f"{name} is being detached. Try again when that is done."
        keys = "Press x to stop it, or d to detach it." if self._own else "Press v to show it, then x to stop it or d to detach it."
        return f"{name} is already training here. {keys}"

    def _ask_beside(self, start: Callable[[], None]) -> None:
        """Call `start`; first ask whether to, if another process of this machine trains a run."""
        other = trained_here()
        if other is None:
            start()
            return
        question = f"{other.name} is training on this machine; two runs share its processors and both take about twice as long. Start another?"
        dialog = ChoiceDialog(question, [Choice("start", "start another run", ("s", "y"))], escape="don't start", safe=-1)
        self.app.push_screen(dialog, lambda answer: start() if answer == "start" and self._check_idle() else None)

    def _start(self, request: TrainRequest, detached: bool = False) -> None:
        training = self.studio.training
        (training.start_detached if detached else training.start)(request)
        if request.resume is None:
            self.show_coming()
        elif self.history is None or self.history.run.name != request.resume:
            self.show_named(request.resume)

    def on_invitation_chosen(self, event: Invitation.Chosen) -> None:
        request = TrainRequest(event.offer.config, minutes=event.offer.minutes)
        if self._check_idle():
            self._ask_beside(lambda: self._start(request))

    def action_new(self) -> None:
        if self._check_idle():
            self._ask_beside(self._open_dialog)

    def _open_dialog(self, run: str | None = None) -> None:
        """Ask what to train; `run` is chosen at first."""
        from tui.dialogs.new_run import NewRun, NewRunDialog

        def on_answer(new: NewRun | None) -> None:
            if new and self._check_idle():
                self._start(new.request, new.detached)

        preset = self.history.config.preset if self.history else self.query_one(Invitation).selected.config.preset
        self.app.push_screen(NewRunDialog(self.studio.config.values.get("preset", preset), run), on_answer)

    def action_choose(self) -> None:
        from tui.dialogs.runs import RunsDialog

        def on_answer(name: str | None) -> None:
            if name:
                self.show_named(name)

        self.app.push_screen(RunsDialog(self.history.run.name if self.history else None), on_answer)

    # --- views --------------------------------------------------------------------------------------------------------

    def action_log(self) -> None:
        if self.history is None:
            self._explain_no_run()
        self.view.chart.log_scale = not self.view.chart.log_scale
        self.refresh_footer()

    def action_window(self) -> None:
        if self.history is None:
            self._explain_no_run()
        self.view.chart.window = RECENT if self.view.chart.window is None else None
        self.refresh_footer()

    def action_point(self, columns: int) -> None:
        self.view.chart.move_cursor(columns)

    def action_scrub(self, by: int) -> None:
        if not self.view.has_previews:
            self.explain("No previews yet: they are drawn while a run trains.", lambda: not self.view.has_previews)
        self.view.scrub(by)

    # --- the footer ---------------------------------------------------------------------------------------------------

    def refresh_footer(self) -> None:
        labels = tuple(self.footer_label(binding) for binding in self.BINDINGS if isinstance(binding, Binding))
        if labels != self._labels:
            self._labels = labels
            self.refresh_bindings()

    def footer_label(self, binding: Binding) -> str:
        training, history = self.studio.training, self.history
        alive = (self._own or self._alive) and not self._stopping
        useful = {
            "out": False,  # no input on this screen takes the letters
            "pause": alive and not (self._own and training.run is None),
            "stop": alive,
            "detach": self._own and alive and not training.handing_over and not training.full,
            "continue": history is not None and not alive and not training.busy,
            "new": not training.busy,
            "log": history is not None,
            "window": history is not None,
            "scrub(-1)": self.view.has_previews,
        }
        if not useful.get(binding.action, True):
            return ""
        if binding.action == "pause" and self._own and training.full:
            return "decide"
        if binding.action == "pause" and self._trainer and self._trainer.will_wait:
            return "resume"
        if binding.action == "continue" and history and history.is_complete:
            return "longer"
        if binding.action == "log" and self.view.chart.log_scale:
            return "linear"
        if binding.action == "window" and self.view.chart.window is not None:
            return "all"
        return binding.description
