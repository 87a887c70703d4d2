"""Start a run or continue one: preset, epochs, name, and whether it trains in the background."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar, cast, get_args

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Input, Select, Static

from engine.config import training as config
from engine.config.data import MNIST
from engine.config.data_choice import DataChoice
from engine.config.fields import settings_of
from engine.config.preset_hints import PRESET_HINTS
from engine.config.serialize import with_changes
from engine.config.training import PRESETS, TrainConfig
from engine.errors import DigittyError, RunError, SettingError
from engine.formatting import format_roughly, printable
from engine.protocol.requests import DETACH, TrainRequest
from engine.runs.manage import name_taken
from engine.runs.run import Run, all_runs
from engine.storage import paths
from tui.dialogs.form import FormDialog
from tui.runs.text import trained_here, with_data
from tui.studio.base_app import studio_app
from tui.studio.source_check import SourceCheck, complete_source
from tui.studio.speed_trial import SpeedTrial
from tui.terminal.literal import literal
from tui.widgets.form_row import FormRow
from tui.widgets.line_input import LineInput
from tui.widgets.source_input import SourceInput

N = TypeVar("N", int, float)
DATA_HINT = "a folder, a file or a known name; right completes"
NEW = "a new run"
SETTLED = 0.4
"""Seconds without a key after which the source is looked at."""
LOOK_EVERY = 0.5
"""Seconds between two looks at whether the speed is known."""
HINTS = {name: setting.hint for described in (TrainConfig, TrainRequest, DataChoice) for name, setting in settings_of(described).items()}


@dataclass(frozen=True, slots=True)
class NewRun:
    """What to train, and whether in a background process."""

    request: TrainRequest
    detached: bool


class NewRunDialog(FormDialog[NewRun]):
    """Dismissed with what to train, or None."""

    CHECKED = ("resume", "data", "size", "epochs", "steps", "minutes", "keep_every", "name")

    def __init__(self, preset: config.Preset = "quick", run: str | None = None) -> None:
        """`preset` is selected at first, and so is the existing run named `run`."""
        super().__init__()
        self._preset: config.Preset = preset
        self._run = run
        self._estimated = ""
        self._beside = trained_here() is not None
        self._typed: Timer | None = None
        self._sources = SourceCheck(self, self._show_source)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("[b]Train[/]   tab moves, enter opens a list, ctrl+s starts, esc cancels")
            yield Static()
            names = (NEW, *self._resumable())
            selected = self._run if self._run in names else NEW
            resume = Select([(Text(n), n) for n in names], value=selected, allow_blank=False, compact=True, id="resume")
            yield FormRow("run", resume, HINTS["resume"])
            yield FormRow("data", SourceInput(complete_source, placeholder=MNIST.source, id="data"), DATA_HINT, "found")
            yield FormRow("size", LineInput(placeholder="as they are", compact=True, id="size"), HINTS["size"])
            presets = [(Text(n), n) for n in get_args(config.Preset)]
            yield FormRow(
                "preset", Select(presets, value=self._preset, allow_blank=False, compact=True, id="preset"), PRESET_HINTS[self._preset], "about"
            )
            yield FormRow("epochs", LineInput(str(PRESETS[self._preset].epochs), compact=True, id="epochs"), HINTS["epochs"], "passes")
            yield FormRow("steps", LineInput(placeholder="all", compact=True, id="steps"), HINTS["steps"])
            yield FormRow("minutes", LineInput(placeholder="any", compact=True, id="minutes"), HINTS["minutes"])
            yield FormRow("snapshots", LineInput(placeholder="none", compact=True, id="keep_every"), HINTS["keep_every"])
            yield FormRow("name", LineInput(placeholder="next free name", compact=True, id="name"), HINTS["run"])
            answers = [(Text(n), n) for n in ("no", "yes")]
            detach = Select(answers, value="no", allow_blank=False, compact=True, id="detach")
            yield FormRow("detach", detach, DETACH.hint)
            yield Static(id="estimate")
            yield from self.buttons("Start")

    def on_mount(self) -> None:
        self._show_chosen()
        self.set_interval(LOOK_EVERY, self._show_estimate)
        self.query_one("#epochs" if self._selected_run() else "#resume").focus()

    def _resumable(self) -> list[str]:
        """The runs that can be continued, the newest first. One that never saved starts from the beginning."""
        return [run.name for run in all_runs() if not run.running()]

    def on_select_changed(self, event: Select.Changed) -> None:
        if event.select.id == "preset":
            preset = cast(config.Preset, event.value)
            self.query_one("#about", Static).update(PRESET_HINTS[preset])
            if self._selected_run() is None:
                self._show_preset(preset)
        elif event.select.id == "resume":
            self._show_chosen()

    def _show_chosen(self) -> None:
        """Show the settings of the run that is selected; an existing one has its preset and name already."""
        run = self._selected_run()
        self.row("resume").show_hint(HINTS["resume"])
        for name in ("data", "size", "preset", "name", "minutes", "keep_every"):
            self.query_one(f"#{name}").disabled = run is not None
            self.row(name).display = run is None
        if run is None:
            self._show_preset(cast(config.Preset, self.query_one("#preset", Select).value))
        else:
            self._show_run(run)
        self._checks.recheck()

    def _show_preset(self, preset: config.Preset) -> None:
        self._fill(PRESETS[preset], HINTS["epochs"])

    def _show_run(self, run: Run) -> None:
        try:
            run_config = run.config()
        except RunError as error:
            self._checks.mark("resume", str(error))
            return
        self.row("resume").show_hint(f"trained on {run_config.data.short_name or MNIST.name}")
        self._fill(run_config, f"in all; {_done(run)} of {run_config.total_steps} steps are done")

    def _fill(self, run_config: TrainConfig, epochs_hint: str) -> None:
        self.query_one("#epochs", Input).value = str(run_config.epochs)
        self.query_one("#steps", Input).value = str(run_config.steps or "")
        self.query_one("#passes", Static).update(literal(epochs_hint))

    def _selected_run(self) -> Run | None:
        name = str(self.query_one("#resume", Select).value)
        return None if name == NEW else Run(paths.runs_dir() / name)

    def result(self, values: dict[str, object]) -> NewRun:
        return NewRun(self._request(values), self.query_one("#detach", Select).value == "yes")

    def _request(self, values: dict[str, object]) -> TrainRequest:
        """What the values of the fields ask for."""
        epochs, steps, name = (cast("int | None", values["epochs"]), cast("int | None", values["steps"]), cast("str | None", values["name"]))
        run, base = self._selected_run(), self._base()
        if run is not None:
            return TrainRequest(replace(base, epochs=base.epochs if epochs is None else epochs, steps=steps), resume=run.name)
        data, fit_epochs = cast("DataChoice | None", values["data"]), epochs in (None, base.epochs)
        base = with_changes(base, keep_every=values["keep_every"])
        if values["minutes"] is not None:
            return TrainRequest(base, run=name, minutes=cast(float, values["minutes"]), data=data)
        return TrainRequest(with_changes(base, epochs=epochs, steps=steps), run=name, data=data, fit_epochs=data is not None and fit_epochs)

    def _base(self) -> TrainConfig:
        """The settings of the run that is selected, or those of the preset for a new one. Raises RunError if the run has none that can be read."""
        run = self._selected_run()
        return run.config() if run else PRESETS[cast(config.Preset, self.query_one("#preset", Select).value)]

    # --- what is wrong ------------------------------------------------------------------------------------------------

    @on(Input.Changed, "#data")
    def look_later(self) -> None:
        """Look at the source once it is typed."""
        self.row("data").show_hint(DATA_HINT)
        if self._typed:
            self._typed.stop()
        self._typed = self.set_timer(SETTLED, self._look_at_source)

    def on_input_changed(self) -> None:
        self._show_estimate()  # Textual calls the handler of the base class, too

    def check(self, name: str) -> object:
        """The value of a field. Raises DigittyError if it is wrong."""
        if name == "resume":
            return self._base()
        if name in ("data", "size"):
            return None if self._selected_run() else self._check_data() if name == "data" else self._check_size()
        if name == "name":
            return None if self._selected_run() else self._check_name(self.query_one("#name", Input).value.strip())
        if name == "minutes":
            return None if self._selected_run() else self._check_minutes(self._number("minutes", float))
        number = None if name == "keep_every" and self._selected_run() else self._number(name)
        try:
            base = self._base()
        except RunError:
            return number  # the run is marked
        with_changes(base, **{name: number})
        if name == "epochs":
            self._check_longer(base, number)
        return number

    def _check_data(self) -> DataChoice | None:
        """What to train on; None for MNIST as it is. A source that is not looked at yet passes: the run says what is wrong with it."""
        source = self.query_one("#data", Input).value.strip()
        if source:
            self._sources.words(source)
        try:
            size = self._check_size()
        except SettingError:
            size = None  # which is marked
        choice = DataChoice(source or MNIST.source, size=size)
        return None if choice == DataChoice() else choice

    def _check_size(self) -> str | None:
        return DataChoice(size=self.query_one("#size", Input).value.strip() or None).size

    def _look_at_source(self) -> None:
        """Look at what the field names, and say what is there."""
        if source := self.query_one("#data", Input).value.strip():
            self._sources.look(source)
        self._show_source()

    def _show_source(self) -> None:
        """Say beside the field what is known of the source, or below it what is wrong."""
        source, words, problem = self.query_one("#data", Input).value.strip(), DATA_HINT, ""
        try:
            words = self._sources.words(source) if source else DATA_HINT
        except DigittyError as error:
            problem = str(error)
        self.row("data").show_hint(words)
        self._checks.mark("data", problem)

    def _check_name(self, name: str) -> str | None:
        if name and name_taken(name):
            raise RunError(f"run {name} already exists; choose it above to continue it")
        return name or None

    def _check_minutes(self, minutes: float | None) -> float | None:
        if minutes is not None:
            if self.query_one("#steps", Input).value.strip():
                raise SettingError("enter minutes or steps, not both")
            TrainRequest(self._base(), minutes=minutes)
        return minutes

    def _check_longer(self, base: TrainConfig, epochs: int | None) -> None:
        """Raises SettingError if a finished run would have nothing left to do."""
        run = self._selected_run()
        if run is None or run.state() != "finished":
            return
        try:
            longer = replace(base, epochs=base.epochs if epochs is None else epochs, steps=self._number("steps"))
        except SettingError:
            return  # the steps are marked
        if longer.total_steps <= (done := _done(run)):
            more = "more steps, or none," if longer.steps and longer.steps <= done else f"more than {longer.epochs} epochs"
            raise SettingError(f"{run.name} has done its {done} steps; enter {more} to train it for longer")

    def _number(self, name: str, kind: type[N] = int) -> N | None:
        """The number in a field; None where it is empty. Raises SettingError."""
        text = self.query_one(f"#{name}", Input).value.strip()
        if not text:
            return None
        try:
            return kind(text)
        except ValueError:
            raise SettingError(f"{name} {text!r} is not a {'whole ' if kind is int else ''}number") from None

    # --- what it would take -------------------------------------------------------------------------------------------

    def _show_estimate(self) -> None:
        """Say how long what Start starts would take on this machine; nothing while a value is wrong."""
        studio = studio_app(self).studio
        studio.speed.request(studio.ready)
        try:
            text = self._estimate(studio.speed, self._request({name: self.check(name) for name in self.CHECKED}))
        except DigittyError:
            text = ""
        if text != self._estimated:
            self._estimated = text
            self.query_one("#estimate", Static).update(literal(text))

    def _estimate(self, speed: SpeedTrial, request: TrainRequest) -> str:
        if request.data is not None:
            return f"Start prepares the pictures of {printable(request.data.source, 60)}, then trains {request.config.preset} on them."
        if request.minutes is not None:
            return f"Start trains {request.config.preset} for about {format_roughly(60 * request.minutes)}: as many steps as fit on this machine."
        steps = request.config.total_steps - (_done(Run(paths.runs_dir() / request.resume)) if request.resume else 0)
        seconds = speed.seconds(request.config)
        if seconds is None:
            how_long = "measuring how long that takes here" if speed.pending else "the time left appears once it trains"
        else:
            how_long = f"about {format_roughly(seconds * steps / request.config.total_steps)} on this machine"
            how_long += ", and longer while another run trains" if self._beside else ""
        return f"Start trains {with_data(request.resume) if request.resume else request.config.preset} for {steps:,} steps: {how_long}."


def _done(run: Run) -> int:
    """The step from which the run would continue."""
    states = run.states()
    return states[-1][0] if states else 0
