"""A list of runs with check marks: space or a click chooses a run and gives it a colour and a mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.render.overlay_plot import mark_of
from tui.runs.comparison import MOST_RUNS
from tui.terminal.capabilities import Terminal
from tui.terminal.literal import literal
from tui.widgets.answer_list import AnswerList
from tui.widgets.overlay_chart import COLOURS


class RunPicker(AnswerList):
    """Knows runs only by their names. Its screen must have the action `draw`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "select", "choose", tooltip="choose a run, or leave it out (or click)"),
        Binding("enter", "screen.draw", "draw", show=False),
    ]

    class Changed(Message):
        """Other runs are chosen now."""

    class Full(Message):
        """MOST_RUNS runs are chosen already."""

    def __init__(self, terminal: Terminal, *, id: str | None = None) -> None:
        super().__init__(id=id, compact=True)
        self._unicode = terminal.unicode
        self._names: tuple[str, ...] = ()
        self._numbers: dict[str, int] = {}

    @property
    def chosen(self) -> dict[str, int]:
        """The chosen runs with the number of their colour and mark, in the order in which they were chosen."""
        return dict(self._numbers)

    def show(self, names: Sequence[str]) -> None:
        """List these runs. Chosen ones that are gone are not chosen any more."""
        if tuple(names) == self._names:
            return
        gone = [name for name in self._numbers if name not in names]
        here = self.highlighted_option.id if self.highlighted_option else None
        self._names = tuple(names)
        self._numbers = {name: number for name, number in self._numbers.items() if name not in gone}
        self.clear_options()
        self.add_options(Option(Content.assemble(self._row(name)), id=name) for name in names)
        self.highlighted = names.index(here) if here in names else 0 if names else None
        if gone:
            self.post_message(self.Changed())

    def choose(self, names: Sequence[str]) -> None:
        """Choose these runs instead of the present ones."""
        self._numbers = {}
        for name in names[:MOST_RUNS]:
            self._numbers[name] = len(self._numbers)
        self._refresh_rows()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        name = event.option_id or ""
        if name in self._numbers:
            del self._numbers[name]
        elif len(self._numbers) >= MOST_RUNS:
            self.post_message(self.Full())
            return
        else:
            self._numbers[name] = min(set(range(MOST_RUNS)) - set(self._numbers.values()))
        self._refresh_rows()

    def _refresh_rows(self) -> None:
        for name in self._names:
            self.replace_option_prompt(name, Content.assemble(self._row(name)))
        self.post_message(self.Changed())

    def _row(self, name: str) -> Content:
        """[x] ● seed-2"""
        number = self._numbers.get(name)
        if number is None:
            return Content.assemble("[ ]   ", literal(name))
        return Content.assemble("[x] ", (mark_of(number, self._unicode), f"b {COLOURS[number]}"), " ", literal(name))
