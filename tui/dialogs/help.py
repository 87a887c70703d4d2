"""Help: what the screen beneath is for, and its keys as they are now."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.dialogs.dialog import Dialog
from tui.screens.base import AppScreen
from tui.settings import keymap as keys

WIDTH = 21
"""Of the keys' column."""


class HelpScreen(Dialog[None]):
    """Closed by any of the keys one would try."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1,question_mark,enter,space", "dismiss", "Close")]

    def __init__(self, beneath: AppScreen) -> None:
        super().__init__()
        self._beneath = beneath

    def compose(self) -> ComposeResult:
        own, everywhere = keys.help_lines(self._beneath)
        with VerticalScroll(classes="dialog"):
            yield Static(_page(self._beneath.NAME.title(), self._beneath.ABOUT, own))
            yield Static(_page("\nEverywhere", "", everywhere))
            yield Static("\nesc closes · digitty config says how to change keys", classes="heading")


def _page(title: str, about: str, rows: list[tuple[str, str]]) -> Content:
    parts: list[tuple[str, str]] = [(title, "bold"), (f"   {about}\n" if about else "\n", "")]
    for shown, words in rows:
        parts += [(f"  {shown:<{WIDTH}}", "bold"), (f"{words}\n", "")]
    return Content.assemble(*parts).rstrip()
