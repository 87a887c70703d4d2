"""All notices of this session with their whole texts, the newest first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.dialogs.dialog import Dialog
from tui.terminal.literal import literal
from tui.terminal.notices import Notice
from tui.widgets.answer_list import AnswerList
from tui.widgets.notice_line import ASCII_MARKS, MARKS, log_line

KEYS = "[b]Messages[/]   the newest first · c copies one, C copies all · esc closes"
NONE = "No messages yet. Errors, warnings and notes are listed here. esc closes."


class MessagesDialog(Dialog[None]):
    """Copies messages to the clipboard of the user's terminal."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,m,f9", "dismiss", "Close"),
        Binding("c", "copy", "Copy"),
        Binding("C", "copy_all", "Copy all"),
    ]

    def __init__(self, notices: Iterable[Notice], *, ascii: bool = False) -> None:
        super().__init__()
        marks = ASCII_MARKS if ascii else MARKS
        self._lines = [log_line(notice, marks) for notice in notices][::-1]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(KEYS if self._lines else NONE, id="keys")
            yield AnswerList(*(Option(_in_two_columns(*line)) for line in self._lines), compact=True)

    def on_mount(self) -> None:
        lines = self.query_one(OptionList)
        lines.display = bool(self._lines)
        lines.highlighted = 0 if self._lines else None
        lines.focus()

    def on_option_list_option_selected(self) -> None:
        self.action_copy()

    def action_copy(self) -> None:
        if (highlighted := self.query_one(OptionList).highlighted) is not None:
            self._copy(self._lines[highlighted : highlighted + 1])

    def action_copy_all(self) -> None:
        self._copy(self._lines)

    def _copy(self, lines: list[tuple[str, str]]) -> None:
        if lines:
            self.app.copy_to_clipboard("\n".join("  ".join(line) for line in lines))
            what = "The message was" if len(lines) == 1 else f"{len(lines)} messages were"
            self.query_one("#keys", Static).update(literal(f"{what} sent to the clipboard. esc closes."))


def _in_two_columns(time: str, text: str) -> Table:
    """The lines of a long text begin below one another, beside the time."""
    columns = Table.grid(padding=(0, 2, 0, 0), expand=True)
    columns.add_column(no_wrap=True)
    columns.add_column(ratio=1, overflow="fold")
    columns.add_row(Text(time), Text(literal(text).plain))
    return columns
