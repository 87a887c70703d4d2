"""Shows what is wrong with the fields of a form when the form is applied, until each value is right."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.widget import Widget
from textual.widgets import Static

from engine.errors import DigittyError
from tui.terminal.literal import literal

WRONG = "-wrong"
"""The class of a field with a wrong value."""


class FieldChecks:
    """Marks fields whose values are wrong, and keeps the focus in the first of them.

    `check` returns the value of the field with this id, or raises DigittyError. `show` says what is wrong with it, if the text is not empty.
    """

    def __init__(self, form: Widget, check: Callable[[str], object], show: Callable[[str, str], None]) -> None:
        self._form, self._check, self._show = form, check, show
        self._wrong: dict[str, str] = {}

    @property
    def first_problem(self) -> str:
        """What is wrong with the first of the wrong fields; empty if none is."""
        order = [widget.id for widget in self._form.query("*")]
        return self._wrong[min(self._wrong, key=order.index)] if self._wrong else ""

    def values(self, names: Iterable[str]) -> dict[str, object] | None:
        """The fields' values. None if any is wrong: they are marked then, and the first one has the focus."""
        values: dict[str, object] = {}
        wrong: list[str] = []
        for name in names:
            try:
                values[name] = self._check(name)
            except DigittyError as error:
                wrong.append(name)
                self.mark(name, str(error))
            else:
                self.mark(name, "")
        if not wrong:
            return values
        self._form.query_one(f"#{wrong[0]}").focus()
        return None

    def recheck(self) -> None:
        """A value has changed: take back what is no longer wrong."""
        for name in list(self._wrong):
            try:
                self._check(name)
            except DigittyError as error:
                self.mark(name, str(error))
            else:
                self.mark(name, "")

    def mark(self, name: str, problem: str) -> None:
        """Mark a field as wrong, or as right where `problem` is empty."""
        if problem == self._wrong.get(name, ""):
            return
        if problem:
            self._wrong[name] = problem
        else:
            del self._wrong[name]
        self._form.query_one(f"#{name}").set_class(bool(problem), WRONG)
        self._show(name, problem)


def show_problem(line: Static, problem: str) -> None:
    """Show what is wrong on a line that is hidden otherwise."""
    line.update(literal(f"! {problem}" if problem else ""))
    line.display = bool(problem)
