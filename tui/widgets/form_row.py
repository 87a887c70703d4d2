"""One line of a dialog: a name, a field and a hint."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Label, Static

from tui.terminal.literal import literal


class FormRow(Horizontal):
    DEFAULT_CSS = """
    FormRow {
        height: 1;
        & > Label { width: 10; }
        & > Input, & > Select { width: 18; }
        & > .hint { width: 1fr; margin-left: 2; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, name: str, field: Widget, hint: str, hint_id: str | None = None) -> None:
        super().__init__()
        self._parts = Label(literal(name)), field, Static(literal(hint), classes="hint", id=hint_id)

    def compose(self) -> ComposeResult:
        yield from self._parts
