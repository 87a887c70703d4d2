"""One line of a dialog: a name, a field and a hint. Below it, what is wrong with the field's value."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Label, Static

from tui.terminal.literal import literal
from tui.widgets.field_checks import show_problem


class FormRow(Horizontal):
    DEFAULT_CSS = """
    FormRow {
        layout: grid; grid-size: 3; grid-columns: 10 18 1fr; grid-rows: auto; height: auto;
        & > Label { width: 10; }
        & > Input, & > Select { width: 18; }
        & > .hint { height: 1; margin-left: 2; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
        & > .field-problem { column-span: 3; padding-left: 10; }
    }
    """

    def __init__(self, name: str, field: Widget, hint: str, hint_id: str | None = None) -> None:
        super().__init__()
        self._problem = Static(classes="field-problem")
        self._parts = Label(literal(name)), field, Static(literal(hint), classes="hint", id=hint_id), self._problem

    def compose(self) -> ComposeResult:
        yield from self._parts

    def show_hint(self, hint: str) -> None:
        self._parts[2].update(literal(hint))

    def show_problem(self, problem: str) -> None:
        """Say below the field what is wrong with its value; an empty text takes that back."""
        show_problem(self._problem, problem)
