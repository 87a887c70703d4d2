"""The screens by name, and what their keys do."""

from __future__ import annotations

from dataclasses import replace

from textual.binding import Binding

from tui.screens.base import AppScreen
from tui.screens.compare import CompareScreen
from tui.screens.gallery import GalleryScreen
from tui.screens.generate import GenerateScreen
from tui.screens.grid import GridScreen
from tui.screens.how import HowScreen
from tui.screens.prompt import PromptScreen
from tui.screens.train import TrainScreen
from tui.settings.keymap import GLOBAL_BINDINGS, declared_bindings
from tui.terminal.paced_app import PacedApp
from tui.widgets.prompt_input import PromptInput

SCREENS: dict[str, type[AppScreen]] = {
    "prompt": PromptScreen,
    "generate": GenerateScreen,
    "grid": GridScreen,
    "train": TrainScreen,
    "compare": CompareScreen,
    "gallery": GalleryScreen,
    "how": HowScreen,
}


def own_bindings(screen: type[AppScreen]) -> list[Binding]:
    """What is bound on this screen alone; first the bindings of the input that has the focus there."""
    focused = declared_bindings(PromptInput) if screen is PromptScreen else []
    declared = [replace(binding, tooltip=screen.ESCAPE) if binding.action == "out" else binding for binding in declared_bindings(screen)]
    return [*focused, *declared]


def shared_bindings() -> list[Binding]:
    """What is bound on every screen."""
    return [*GLOBAL_BINDINGS, *declared_bindings(PacedApp)]


def bindings_by_screen() -> dict[str, list[Binding]]:
    """Everything that is bound while a screen is shown, by the screen's name."""
    return {name: [*own_bindings(screen), *shared_bindings()] for name, screen in SCREENS.items()}
