"""The application: owns the worker, hands its events to whoever asked, and leaves in good order."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from engine import events as e
from engine.errors import DigittyError
from engine.events import Event
from engine.jobs import DrawRequest, Jobs
from engine.worker import Kind, Worker
from tui import settings as settings_module
from tui.messages import FromEngine
from tui.screens.base import AppScreen
from tui.screens.generate import GenerateScreen
from tui.screens.grid import GridScreen
from tui.screens.prompt import PromptScreen
from tui.screens.train import TrainScreen
from tui.settings import Settings
from tui.terminal import Terminal, frame_rate

Listener = Callable[[Event], None]
SIGNAL_DEADLINE = 20.0
"""Seconds that a signal gives the engine to save before the process leaves anyhow."""


class DigittyApp(App[int]):
    """Four screens over one worker."""

    TITLE = "digitty"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    MODES = {"prompt": PromptScreen, "generate": GenerateScreen, "grid": GridScreen, "train": TrainScreen}  # noqa: RUF012
    DEFAULT_MODE = "prompt"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", show=False),
        Binding("f2", "go('prompt')", "Prompt", show=False),
        Binding("f3", "go('generate')", "Generate", show=False),
        Binding("f4", "go('grid')", "Grid", show=False),
        Binding("f5", "go('train')", "Train", show=False),
        Binding("1", "go('prompt')", show=False),
        Binding("2", "go('generate')", show=False),
        Binding("3", "go('grid')", show=False),
        Binding("4", "go('train')", show=False),
        Binding("w", "choose_weights", "Weights", show=False),
        Binding("o", "options", "Options", show=False),
        Binding("question_mark", "help", "Help", show=False),
        Binding("q", "leave", "Quit", show=False),
        Binding("ctrl+q", "leave", "Quit", show=False, priority=True),
        Binding("ctrl+c", "copy_or_leave", "Quit", show=False, priority=True),
    ]

    def __init__(self, jobs: Jobs | None = None, terminal: Terminal | None = None) -> None:
        """`jobs` and `terminal` are handed in by the command, and by tests."""
        super().__init__()
        self.terminal = terminal or Terminal()
        self.jobs = jobs or Jobs()
        self.settings: Settings = settings_module.load()
        self.rng = random.Random()
        self.status = ""
        self._engine_text = "starting"
        self._listeners: dict[int, Listener] = {}
        self._activity: dict[int, str] = {}
        self.worker = Worker(self._from_engine)
        self._signal_set = False
        if self.terminal.remote:
            self.animation_level = "none"

    # --- life ---------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        if self.settings.theme in self.available_themes:
            self.theme = self.settings.theme
        self.theme_changed_signal.subscribe(self, lambda theme: self.change_settings(theme=theme.name))
        self._tell_status()
        self._watch_signals()
        self.submit("draw", self.jobs.warm_up, self._warmed, "loading")

    def _warmed(self, event: Event) -> None:
        if isinstance(event, e.Preparing):
            self._engine_text = event.what + "…"
        elif isinstance(event, e.Ready):
            self.heard_engine(event.engine)
        elif isinstance(event, e.Ended) and event.outcome == "failed":
            self._engine_text = "no engine"
            self.notify(event.message, severity="error", timeout=20)
        self._tell_status()

    def _watch_signals(self) -> None:
        """Textual handles neither SIGTERM nor SIGHUP. A hang-up must not draw again: its terminal is gone."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled, number)

    def _signalled(self, number: int) -> None:
        if self._signal_set:
            return
        self._signal_set = True

        def save_and_go() -> None:
            self.worker.close(SIGNAL_DEADLINE)
            if number == signal.SIGHUP:
                os._exit(128 + number)
            self.call_from_thread(self.exit, 128 + number)
            self.worker.close(2)
            threading.Event().wait(2)
            os._exit(128 + number)  # the screen did not come down by itself

        threading.Thread(target=save_and_go, daemon=True).start()

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def _from_engine(self, job: int, event: Event) -> None:
        """On the engine's thread."""
        self.post_message(FromEngine(job, event))

    def submit(self, kind: Kind, start: Callable[[], Iterator[Event]], listener: Listener, activity: str) -> int:
        """Queue a job for the worker; `listener` hears its events on this thread. Returns the job's number."""
        number = self.worker.submit(kind, start)
        self._listeners[number] = listener
        self._activity[number] = activity
        self._tell_status()
        return number

    def draw(self, labels: Iterable[int | None], listener: Listener, seed: int, shared_noise: bool = False) -> int:
        """Queue a drawing with the shared settings."""
        labels = tuple(labels)
        sample = replace(self.settings.sample, seed=seed)
        indices = (0,) * len(labels) if shared_noise else None
        request = DrawRequest(labels, sample, indices, self.settings.weights, frame_rate(self.terminal))
        return self.submit("draw", lambda: self.jobs.draw(request), listener, "drawing")

    def next_seed(self) -> int:
        """The seed of a new drawing; the one after it is remembered."""
        seed = self.settings.sample.seed
        self.change_settings(sample=replace(self.settings.sample, seed=seed + 1))
        return seed

    def on_from_engine(self, message: FromEngine) -> None:
        if not self.is_running:
            return  # the screens are being taken down
        event, job = message.event, message.job
        if isinstance(event, e.DrawStarted):
            self.heard_engine(event.recipe.engine)
        listener = self._listeners.get(job)
        if isinstance(event, e.Ended):
            self._listeners.pop(job, None)
            self._activity.pop(job, None)
            if event.outcome == "failed":
                where = " (details in the log: digitty doctor says where)" if event.unexpected else ""
                self.notify(event.message + where, severity="error", timeout=15, markup=False)
            self._tell_status()
        if listener:
            listener(event)

    def heard_engine(self, engine: e.Engine) -> None:
        text = f"{engine.device} {engine.precision}"
        if text != self._engine_text:
            self._engine_text = text
            self._tell_status()

    def _tell_status(self) -> None:
        doing = list(dict.fromkeys(self._activity.values()))
        busy = " + ".join(doing) if doing else "idle"
        self.status = f"{socket.gethostname().partition('.')[0][:12]} · {self._engine_text} · {self.settings.weights} · {busy}"
        if isinstance(self.screen, AppScreen) and self.screen.is_mounted:
            self.screen.show_status()

    # --- settings -----------------------------------------------------------------------------------------------------

    def change_settings(self, **changes: object) -> None:
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]
        settings_module.save(self.settings)
        self._tell_status()

    # --- actions ------------------------------------------------------------------------------------------------------

    def action_go(self, mode: str) -> None:
        if isinstance(self.screen, AppScreen):  # not from under a dialog
            self.switch_mode(mode)

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        if isinstance(self.screen, AppScreen):
            self.push_screen(HelpScreen(self.screen))

    def action_choose_weights(self) -> None:
        from tui.screens.weights import WeightsDialog

        def chosen(weights: str | None) -> None:
            if weights is not None:
                self.change_settings(weights=weights)

        if isinstance(self.screen, AppScreen):
            self.push_screen(WeightsDialog(self.settings.weights, self.training_runs()), chosen)

    def action_options(self) -> None:
        from tui.screens.options import OptionsDialog

        def chosen(settings: Settings | None) -> None:
            if settings is not None:
                self.change_settings(sample=settings.sample)

        if isinstance(self.screen, AppScreen):
            self.push_screen(OptionsDialog(self.settings), chosen)

    def training_runs(self) -> list[str]:
        """The runs that this process trains."""
        return self._train_screen().own_runs() if self._screen_stacks.get("train") else []

    def _train_screen(self) -> TrainScreen:
        screen = self._screen_stacks["train"][0]
        assert isinstance(screen, TrainScreen)
        return screen

    def action_copy_or_leave(self) -> None:
        focused = self.focused
        if isinstance(focused, Input) and focused.selected_text:
            self.copy_to_clipboard(focused.selected_text)
        elif selected := self.screen.get_selected_text():
            self.copy_to_clipboard(selected)
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Quit; ask first when a run would stop."""
        running = self.training_runs()
        if not running:
            self.exit(0)
            return
        from tui.screens.confirm import Confirm

        if isinstance(self.screen, Confirm):
            self.exit(0)  # a second time means it
            return

        def answered(leave: bool | None) -> None:
            if leave:
                self.exit(0)

        self.push_screen(Confirm(f"{running[0]} is training. Leave? It is saved and can go on later."), answered)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        for name in self.MODES:
            yield SystemCommand(f"Screen: {name.title()}", f"Go to {name}", lambda name=name: self.action_go(name))
        yield SystemCommand("Weights", "Choose the weights to draw with", self.action_choose_weights)
        yield SystemCommand("Options", "Sampler, steps, guidance, seed", self.action_options)

    def notify_error(self, error: DigittyError) -> None:
        self.notify(str(error), severity="error", timeout=10, markup=False)
