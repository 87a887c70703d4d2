"""The screens by name, and what their keys do. A screen is imported when it is needed, so that the first one does not wait for the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module

from textual.binding import Binding

from tui.screens.base import AppScreen
from tui.settings.keymap import GLOBAL_BINDINGS, SCREEN_NAMES, declared_bindings
from tui.terminal.paced_app import PacedApp
from tui.widgets.prompt_input import PromptInput


class Screens(Mapping[str, type[AppScreen]]):
    """The class of each screen, `TrainScreen` of tui.screens.train for "train"."""

    def __getitem__(self, name: str) -> type[AppScreen]:
        if name not in SCREEN_NAMES:
            raise KeyError(name)
        screen: type[AppScreen] = getattr(import_module(f"tui.screens.{name}"), f"{name.title()}Screen")
        return screen

    def __iter__(self) -> Iterator[str]:
        return iter(SCREEN_NAMES)

    def __len__(self) -> int:
        return len(SCREEN_NAMES)


SCREENS = Screens()


def make_screen(name: str) -> AppScreen:
    """A new screen of this name."""
    return SCREENS[name]()


def own_bindings(screen: type[AppScreen]) -> list[Binding]:
    """What is bound on this screen alone; first the bindings of the input that has the focus there."""
    focused = declared_bindings(PromptInput) if screen.NAME == "prompt" else []
    declared = [replace(binding, tooltip=screen.ESCAPE) if binding.action == "out" else binding for binding in declared_bindings(screen)]
    return [*focused, *declared]


def shared_bindings() -> list[Binding]:
    """What is bound on every screen."""
    return [*GLOBAL_BINDINGS, *declared_bindings(PacedApp)]


def bindings_by_screen() -> dict[str, list[Binding]]:
    """Everything that is bound while a screen is shown, by the screen's name."""
    return {name: [*own_bindings(screen), *shared_bindings()] for name, screen in SCREENS.items()}
