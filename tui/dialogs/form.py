"""The base of the dialogs that are forms: rows of fields, a button that applies them and one that cancels."""

from __future__ import annotations

from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import ScreenResultType
from textual.widgets import Button

from tui.dialogs.dialog import Dialog
from tui.terminal.literal import literal
from tui.widgets.field_checks import FieldChecks
from tui.widgets.form_row import FormRow


class FormDialog(Dialog[ScreenResultType | None]):
    """Dismissed with a result once all values are right, or with None. The first wrong field keeps the focus.

    A subclass composes a FormRow for each field, and `buttons` below them.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel"), Binding("ctrl+s", "apply", "Apply")]
    CHECKED: ClassVar[tuple[str, ...]] = ()
    """The ids of the fields in which a value can be wrong."""

    def __init__(self) -> None:
        super().__init__()
        self._checks = FieldChecks(self, self.check, lambda name, problem: self.row(name).show_problem(problem))

    def check(self, name: str) -> object:
        """The value of a field. Raises DigittyError if it is wrong."""
        raise NotImplementedError

    def result(self, values: dict[str, object]) -> ScreenResultType:
        """What the dialog is dismissed with. `values` are those of the fields in CHECKED."""
        raise NotImplementedError

    def buttons(self, apply: str) -> ComposeResult:
        """The last line of the form. `apply` is the label of the button that applies it."""
        with Horizontal(classes="buttons"):
            yield Button(literal(apply), id="apply", variant="primary", compact=True)
            yield Button("Cancel", id="cancel", compact=True)

    def row(self, name: str) -> FormRow:
        """The row of a field."""
        return cast(FormRow, self.query_one(f"#{name}").parent)

    def on_input_changed(self) -> None:
        self._checks.recheck()

    def on_input_submitted(self) -> None:
        self.action_apply()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "apply":
            self.action_apply()
        else:
            self.dismiss(None)

    def action_apply(self) -> None:
        values = self._checks.values(self.CHECKED)
        if values is not None:
            self.dismiss(self.result(values))
