"""Help: the keys of the screen beneath, and what it is for."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.screens.base import AppScreen

EVERYWHERE = """\
[b]Everywhere[/]
  F2 F3 F4 F5      Prompt, Generate, Grid, Train (or 1 2 3 4, or click)
  esc              leave an input, where letters are text; again: stop
  w  o             the weights to draw with · how to draw
  F1  ?            this page          ctrl+p  palette (themes too)
  q  ctrl+q ctrl+c quit (asks when a run would stop)"""


class HelpScreen(ModalScreen[None]):
    """Closed by any of the keys one would try."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1,question_mark,enter,space", "dismiss", "Close")]

    def __init__(self, beneath: AppScreen) -> None:
        super().__init__()
        self._text = beneath.HELP_TEXT

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog"):
            yield Static(f"{self._text.strip()}\n\n{EVERYWHERE}\n\n[dim]esc closes[/]")
