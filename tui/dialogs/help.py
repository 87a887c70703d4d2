"""Help: what a screen is for, and what its keys do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.dialogs.dialog import Dialog

WIDTH = 21
"""Columns for the keys."""
Row = tuple[str, str]
"""Keys, and what they do."""


class HelpDialog(Dialog[None]):
    """Closed by any key that people are likely to try."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1,question_mark,enter,space", "dismiss", "Close")]

    def __init__(self, title: str, about: str, own: Sequence[Row], everywhere: Sequence[Row]) -> None:
        """`own` are the screen's own keys, `everywhere` those of every screen."""
        super().__init__()
        self._title, self._about, self._own, self._everywhere = title, about, own, everywhere

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog"):
            yield Static(_page(self._title, self._about, self._own))
            yield Static(_page("\nEverywhere", "", self._everywhere))
            yield Static("\nesc closes · to change keys, run: digitty config", classes="heading")


def _page(title: str, about: str, rows: Sequence[Row]) -> Content:
    parts: list[tuple[str, str]] = [(title, "bold"), (f"   {about}\n" if about else "\n", "")]
    for keys, text in rows:
        parts += [(f"  {keys:<{WIDTH - 1}} ", "bold"), (f"{text}\n", "")]
    return Content.assemble(*parts).rstrip()
