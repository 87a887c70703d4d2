"""The application: owns the worker, hands its events to whoever asked, and leaves in good order."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.theme import Theme

from engine.config.compute import ComputeInfo
from engine.config.sampling import SampleConfig, fit_sampler
from engine.errors import DigittyError
from engine.formatting import printable
from engine.jobs.jobs import Jobs
from engine.protocol import events as e
from engine.protocol.events import Event
from engine.protocol.requests import DrawRequest
from engine.runs.weights_names import is_student
from tui.dialogs import quit as leave
from tui.dialogs.choice import ChoiceDialog
from tui.runs.text import host, startup_notice
from tui.screens.base import AppScreen
from tui.screens.generate import GenerateScreen
from tui.screens.grid import GridScreen
from tui.screens.prompt import PromptScreen
from tui.screens.train import TrainScreen
from tui.settings import ansi_themes as few_colors
from tui.settings import keymap as keys
from tui.settings import remembered as settings_module
from tui.settings import themes
from tui.settings.config_file import Config
from tui.settings.remembered import Settings
from tui.studio.background import run_in_background
from tui.studio.job_router import JobRouter, Listener
from tui.studio.local_training import LocalTraining
from tui.studio.messages import FromEngine
from tui.terminal.capabilities import Terminal, frame_rate
from tui.terminal.literal import LONGEST, Harmless
from tui.terminal.paced_app import PacedApp


class DigittyApp(PacedApp):
    """Four screens over one worker."""

    TITLE = "digitty"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    MODES = {"prompt": PromptScreen, "generate": GenerateScreen, "grid": GridScreen, "train": TrainScreen}  # noqa: RUF012
    DEFAULT_MODE = "prompt"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.GLOBAL_BINDINGS]

    def __init__(self, jobs: Jobs | None = None, terminal: Terminal | None = None, config: Config | None = None) -> None:
        """All three are handed in by the command, and by tests."""
        self.terminal = terminal or Terminal()
        super().__init__(remote=self.terminal.remote)
        self.jobs = jobs or Jobs()
        self.config = config or Config()
        remembered, problems = settings_module.load()
        self.settings: Settings = remembered.with_file(self.config)
        self.keymap, wrong = keys.in_force(self.config)
        self._problems = [*problems, *wrong]
        self.rng = random.Random()
        self.status = ""
        self.switchboard = JobRouter(self, self._tell_status)
        self.worker, self.last_words = self.switchboard.worker, self.switchboard.last_words
        self.submit, self.beside = self.switchboard.submit, self.switchboard.beside
        self._engine_text = ""
        self.ready = False
        """The engine is loaded, and a drawing begins at once."""
        self._leave_question: ChoiceDialog | None = None
        self.training = LocalTraining(self)
        if self.terminal.remote:
            self.animation_level = "none"

    # --- life ---------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.set_keymap(self.keymap)
        if self.is_web:
            self._filters.append(Harmless())
        if not few_colors.install_ansi_themes(self, self.terminal):
            themes.install(self, self.settings.theme)
        for problem in self._problems:
            self.notify(problem, severity="warning", timeout=20)
        self.theme_changed_signal.subscribe(self, self._remember_theme)
        self._warming = self.submit("draw", self.jobs.warm_up, self._warmed, "starting…")
        self.call_after_refresh(run_in_background, self, startup_notice, self._tell_news)

    def on_app_blur(self, event: events.AppBlur) -> None:
        """In a browser the input keeps the focus: the page does not always tell when it has it again, and letters would be keys."""
        if self.is_web:
            event.prevent_default()

    def _remember_theme(self, theme: Theme) -> None:
        if theme.name in themes.NAMES:  # those of few colours are no choice
            self.change_settings(theme=theme.name)

    def get_key_display(self, binding: Binding) -> str:
        return binding.key_display or keys.display_name(binding.key)

    def get_css_variables(self) -> dict[str, str]:
        self.theme_variables = themes.readable(super().get_css_variables(), self.current_theme)
        return self.theme_variables

    def _warmed(self, event: Event) -> None:
        if isinstance(event, e.Preparing):
            self.switchboard.rename(self._warming, event.what + "…")
        elif isinstance(event, e.Ready):
            self.ready = True
            self.heard_engine(event.engine)
        elif isinstance(event, e.Ended) and event.outcome == "failed":
            self._engine_text = "no engine"
        self._tell_status()

    def _tell_news(self, words: str | DigittyError) -> None:
        if isinstance(words, str) and words and not self.training.busy:
            self.notify(words, timeout=12)

    def finish(self, seconds: float) -> bool:
        """Saves what trains, within so many seconds; False where that did not suffice. For any thread."""
        self.switchboard.finishing = True
        if not self.worker.close(seconds if self.training.saving() else 0.1) and self.training.saving():
            return False
        self.training.complete()
        return True

    def patience(self) -> float:
        """Seconds that the step under way may still take."""
        return self.training.patience()

    def saving(self) -> str:
        return f"finishing the step and saving {self.training.run}…" if self.training.saving() else ""

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def draw(self, labels: Iterable[int | None], listener: Listener, seed: int, shared_noise: bool = False) -> int:
        """Queue a drawing with the shared settings."""
        labels = tuple(labels)
        sample = replace(self.settings.sample, seed=seed)
        indices = (0,) * len(labels) if shared_noise else None
        request = DrawRequest(labels, sample, indices, self.settings.weights, frame_rate(self.terminal))
        return self.submit("draw", lambda: self.jobs.draw(request), listener, "drawing")

    def sketch(self, labels: Iterable[int], listener: Listener, shared_noise: bool = False) -> int | None:
        """Queue a drawing in one step from the noise of the next proper one; None where that would tell nothing of it, or had to wait."""
        if not self.ready or self.settings.weights not in ("shipped", "shipped:one-step") or not self.config.values.get("sketch", True):
            return None
        labels = tuple(labels)
        sample = SampleConfig("one-step", 1, redraw_below=0.0, seed=self.settings.sample.seed)
        request = DrawRequest(labels, sample, (0,) * len(labels) if shared_noise else None, "shipped:one-step", fps=0)
        return self.submit("draw", lambda: self.jobs.draw(request), listener, "sketching")

    def next_seed(self) -> int:
        """The seed of a new drawing; the one after it is remembered."""
        seed = self.settings.sample.seed
        self.change_settings(sample=replace(self.settings.sample, seed=seed + 1))
        return seed

    def on_from_engine(self, message: FromEngine) -> None:
        if not self.is_running:
            return  # the screens are being taken down
        event = message.event
        if isinstance(event, e.DrawStarted):
            self.heard_engine(event.recipe.engine)
        elif isinstance(event, e.Ended) and event.outcome == "failed":
            where = " (details in the log: digitty doctor says where)" if event.unexpected else ""
            self.notify(event.message + where, severity="error", timeout=15)
        self.switchboard.hear(message.job, event)

    def heard_engine(self, engine: ComputeInfo) -> None:
        text = f"{engine.device} {engine.precision}"
        if text != self._engine_text:
            self._engine_text = text
            self._tell_status()

    def _tell_status(self) -> None:
        self.status = " · ".join(part for part in (host(), self._engine_text, self.settings.weights, self.switchboard.doing) if part)
        if isinstance(self.screen, AppScreen) and self.screen.is_mounted:
            self.screen.show_status()

    # --- settings -----------------------------------------------------------------------------------------------------

    def change_settings(self, **changes: object) -> None:
        before, self.settings = self.settings, replace(self.settings, **changes)  # type: ignore[arg-type]
        settings_module.save(before, self.settings)
        self._tell_status()

    # --- actions ------------------------------------------------------------------------------------------------------

    def action_go(self, mode: str) -> None:
        if isinstance(self.screen, AppScreen):  # not from under a dialog
            self.switch_mode(mode)
            self.call_later(self._arrive)

    def _arrive(self) -> None:
        if isinstance(self.screen, AppScreen) and self.screen.is_mounted:
            self.screen.arrive()

    def action_help(self) -> None:
        from tui.dialogs.help import HelpScreen

        if isinstance(self.screen, AppScreen):
            self.push_screen(HelpScreen(self.screen))

    def action_choose_weights(self) -> None:
        from tui.dialogs.weights import WeightsDialog

        def chosen(weights: str | None) -> None:
            if weights is not None:
                self.change_settings(weights=weights, sample=fit_sampler(self.settings.sample, is_student(weights)))

        if isinstance(self.screen, AppScreen):
            self.push_screen(WeightsDialog(self.settings.weights, self.training_runs()), chosen)

    def action_options(self) -> None:
        from tui.dialogs.options import OptionsDialog

        def chosen(settings: Settings | None) -> None:
            if settings is not None:
                self.change_settings(sample=settings.sample)

        if isinstance(self.screen, AppScreen):
            self.push_screen(OptionsDialog(self.settings), chosen)

    # --- runs ---------------------------------------------------------------------------------------------------------

    def training_runs(self) -> list[str]:
        """The runs that this process trains."""
        return [self.training.run] if self.training.saving() and self.training.run else []

    def _train_screen(self) -> TrainScreen | None:
        """None before it was first gone to."""
        stack = self._screen_stacks.get("train")
        screen = stack[0] if stack else None
        return screen if isinstance(screen, TrainScreen) else None

    def training_told(self) -> None:
        """What this process trains has news."""
        if self._leave_question is not None and not self.training.saving():
            self._leave_question.withdraw()
        if screen := self._train_screen():
            screen.look()

    def show_run(self, name: str) -> None:
        """On the Train screen, where that is open."""
        if screen := self._train_screen():
            screen.show_named(name)

    def run_moved(self, old: str, new: str | None) -> None:
        """A run was renamed, or deleted."""
        name, colon, kind = self.settings.weights.partition(":")
        if name == old:
            self.change_settings(weights=f"{new}{colon}{kind}" if new else "shipped")
        if screen := self._train_screen():
            screen.moved(old, new)

    def action_copy_or_leave(self) -> None:
        if not self.copy_selection():
            self.action_leave()

    def action_leave(self) -> None:
        """Quit; ask first what becomes of a run that trains here. A second time means: save it and leave."""
        if self.screen is self._leave_question or not self.training.at_stake():
            self.exit(0)
            return
        self._leave_question = leave.ask_to_quit(self)

    async def action_quit(self) -> None:
        """The palette's."""
        self.action_leave()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        for name in self.MODES:
            yield SystemCommand(f"Screen: {name.title()}", f"Go to {name}", lambda name=name: self.action_go(name))
        yield SystemCommand("Weights", "Choose the weights to draw with", self.action_choose_weights)
        yield SystemCommand("Options", "Sampler, steps, guidance, seed", self.action_options)

    def notify(
        self, message: str, *, title: str = "", severity: SeverityLevel = "information", timeout: float | None = None, markup: bool = False
    ) -> None:
        """Shows a notice, a single line of plain text: names, paths and errors in it may hold anything. `markup` is ignored.

        Every notice of every screen and widget comes this way.
        """
        plain = message.replace("[$text-success]", "")  # in Textual's own notice of a screenshot
        super().notify(printable(plain, LONGEST), title=title, severity=severity, timeout=timeout, markup=False)

    def notify_error(self, error: DigittyError) -> None:
        self.notify(str(error), severity="error", timeout=10)
