"""Applications with a key that is counted in the file PROBES, whatever is shown, and with no way to leave but a signal."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

import tui.app
from tui.terminal.paced_app import PacedApp


class Probed:
    """F12 is counted."""

    PROBE = Binding("f12", "probe", priority=True)

    def action_probe(self) -> None:
        with open(os.environ["PROBES"], "a") as file:
            file.write(".")

    def exit(self, *how: Any, **more: Any) -> None:
        """What is typed at random means nothing by it."""


class WholeApp(Probed, tui.app.DigittyApp):
    CSS_PATH = os.path.join(os.path.dirname(tui.app.__file__), "app.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [Probed.PROBE]


class Nothing:
    """A studio that has nothing to finish."""

    worker = SimpleNamespace(close=lambda seconds: True)

    def __init__(self) -> None:
        self.last_words: list[str] = []

    def finish(self, seconds: float) -> bool:
        return True

    def patience(self) -> float:
        return 0.0

    def saving(self) -> str:
        return ""


class LightApp(Probed, PacedApp):
    """The same driver and the same guards under an input and some text to select, which answer ten times as fast."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Probed.PROBE,
        Binding("f2", "focus('input')"),
        Binding("ctrl+c", "copy_selection", priority=True),
        Binding("escape", "focus('text')"),
    ]

    def __init__(self, *handed_over: Any) -> None:
        super().__init__()
        self.studio = Nothing()

    def compose(self) -> ComposeResult:
        yield Static("Type a digit on cpu fp32\n\n" + "some text to select\n" * 8, id="text")
        yield Input(id="input")

    def action_copy_selection(self) -> None:
        self.copy_selection()


setattr(tui.app, "DigittyApp", {"whole": WholeApp, "light": LightApp}[os.environ["APP"]])  # noqa: B010
