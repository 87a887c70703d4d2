"""The prompt's input: a one-line Input whose arrows walk the history."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class PromptInput(Input):
    """Its screen has the actions `history` and `page`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "draw", key_display="enter"),
        Binding("up", "screen.history(-1)", "history", key_display="↑"),
        Binding("down", "screen.history(1)", show=False),
        Binding("pageup", "screen.page(-1)", show=False),
        Binding("pagedown", "screen.page(1)", show=False),
    ]
