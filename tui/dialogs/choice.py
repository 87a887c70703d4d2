"""A question with a few answers. Each has a key and a line in a list; escape takes none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.dialogs.dialog import Dialog
from tui.terminal.literal import literal
from tui.widgets.answer_list import AnswerList


@dataclass(frozen=True)
class Choice:
    """An answer and how it is shown."""

    answer: str
    text: str
    keys: tuple[str, ...]
    """The list shows the first one."""


class ChoiceDialog(Dialog[str | None]):
    """Dismissed with the chosen answer, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,n", "dismiss(None)", "Neither")]

    def __init__(self, question: str, choices: Sequence[Choice], escape: str, safe: int = 0) -> None:
        """`escape` says what happens if no answer is chosen. Number `safe` of the answers is highlighted at first; -1 is escape."""
        super().__init__()
        self._question, self._choices, self._escape, self._safe = question, choices, escape, safe

    def compose(self) -> ComposeResult:
        lines = [(choice.keys[0], choice.text, choice.answer) for choice in self._choices] + [("esc", self._escape, None)]
        with Vertical(classes="dialog"):
            yield Static(literal(self._question))
            rows = [(Content.assemble((f"{key:<5}", "bold"), literal(text)), answer) for key, text, answer in lines]
            yield AnswerList(*(Option(row, id=answer) for row, answer in rows), compact=True)

    def on_mount(self) -> None:
        answers = self.query_one(OptionList)
        answers.highlighted = self._safe % (len(self._choices) + 1)
        answers.focus()

    def close_if_open(self) -> None:
        """Close the dialog without an answer, unless that has happened already."""
        if self.app.screen is self:
            self.dismiss(None)

    def on_key(self, event: events.Key) -> None:
        for choice in self._choices:
            if event.key in choice.keys:
                event.stop()
                self.dismiss(choice.answer)
                return

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)
