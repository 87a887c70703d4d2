"""Choosing the run that the Train screen shows."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine import runs
from engine.errors import RunError


class RunsDialog(ModalScreen[str | None]):
    """Dismissed with the run's name, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "Cancel")]

    def compose(self) -> ComposeResult:
        found = runs.all_runs()
        with Vertical(classes="dialog"):
            yield Static("[b]Show a run[/]   enter chooses, esc leaves it" if found else "No runs yet; n on the Train screen starts one. esc closes.")
            yield OptionList(*(Option(_line(run), id=run.name) for run in found), compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)


def _line(run: runs.Run) -> str:
    try:
        total = run.config().total_steps
    except RunError:
        return f"{run.name:<20} can't be read"
    return f"{run.name:<20} {run.state():<9} step {run.step()}/{total}"
