"""The list of runs: choose the one that the Train screen shows, rename and delete."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option, OptionDoesNotExist

from engine.errors import DigittyError
from engine.formatting import format_size, printable
from engine.runs import liveness
from engine.runs.liveness import Life
from engine.runs.manage import delete_run, rename_run
from engine.runs.run import Run, all_runs, check_name
from tui.dialogs.choice import Choice, ChoiceDialog
from tui.dialogs.dialog import Dialog
from tui.runs.text import describe_run, heading, trainer_name
from tui.studio.background import run_in_background
from tui.studio.base_app import studio_app
from tui.terminal.literal import literal, literal_lines
from tui.widgets.answer_list import AnswerList
from tui.widgets.field_checks import WRONG
from tui.widgets.line_input import LineInput

KEYS = "[b]Runs[/]   enter shows · r renames · delete deletes · esc closes"
LOOK_EVERY = 1.0
"""Seconds between looks at the runs that are being trained."""
NO_RUNS = "No runs yet. Press n on the Train screen to start one. esc closes."


class RunsDialog(Dialog[str | None]):
    """Dismissed with the name of the run to show, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel"),
        Binding("q", "dismiss(None)", "Cancel"),
        Binding("r", "rename", "Rename"),
        Binding("delete,backspace", "delete", "Delete"),
    ]

    def __init__(self, current: str | None = None) -> None:
        super().__init__()
        self._current = current
        self._renaming: Run | None = None
        self._reading = False
        self._training: set[str] = set()
        """The names of the runs that were being trained at the last look."""

    def compose(self) -> ComposeResult:
        self._runs = {run.name: run for run in all_runs()}
        with Vertical(classes="dialog"):
            yield Static(KEYS if self._runs else NO_RUNS, id="keys")
            yield Static(literal(heading()) if self._runs else "", classes="heading")
            yield AnswerList(*(Option(literal(name), id=name) for name in self._runs), compact=True, id="runs")
            yield LineInput(compact=True, id="name")
            yield Static(id="problem")

    def on_mount(self) -> None:
        self._input.display = False
        if self._current in self._runs:
            self._list.highlighted = self._list.get_option_index(self._current)
        self._list.focus()
        self._reading, self._training = True, self._trained_now()
        run_in_background(self.app, lambda: self._read(list(self._runs.values())), self._on_read)
        self.set_interval(LOOK_EVERY, self._read_changing)

    @property
    def _list(self) -> OptionList:
        return self.query_one(OptionList)

    @property
    def _input(self) -> Input:
        return self.query_one("#name", Input)

    def _read(self, runs: Sequence[Run]) -> None:
        """Read one run after the other, in the background since their folders may be large."""
        for run in runs:
            if self.is_attached:
                self.call_later(self._show_line, run.name, self._describe(run))

    def _read_changing(self) -> None:
        """Read again what is being trained, and what was at the last look."""
        if self._reading:
            return
        training = self._trained_now()
        changing, self._training = training | self._training, training
        if changing:
            self._reading = True
            run_in_background(self.app, lambda: self._read([run for name, run in self._runs.items() if name in changing]), self._on_read)

    def _trained_now(self) -> set[str]:
        here = studio_app(self).studio.training.name
        return {name for name, run in self._runs.items() if name == here or run.running()}

    def _on_read(self, _: object) -> None:
        self._reading = False

    def _describe(self, run: Run) -> str:
        """Its line. What the run's files do not show yet is known to the process that trains it."""
        training = studio_app(self).studio.training
        activity = training.activity if training.name == run.name else ""
        return describe_run(run, activity)

    def _show_line(self, name: str, line: str) -> None:
        with suppress(OptionDoesNotExist):  # the run has just been deleted
            if self._list.get_option(name).prompt != literal_lines(line):
                self._list.replace_option_prompt(name, literal_lines(line))

    def _show_problem(self, problem: str | DigittyError = "") -> None:
        self.query_one("#problem", Static).update(literal(str(problem)))
        self._input.set_class(bool(self._renaming and str(problem)), WRONG)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def action_leave(self) -> None:
        if self._renaming:
            self._end_renaming()
        else:
            self.dismiss(None)

    def _selected(self) -> Run | None:
        """The run under the cursor, unless it is being trained."""
        option = self._list.highlighted_option
        run = self._runs.get(option.id or "") if option else None
        sight = run.sight() if run else None
        if run and sight and sight.life is Life.UNKNOWN:
            self._show_problem(f"{trainer_name(run)} may still be training {run.name} ({sight.heard}). Try again in {liveness.SILENT:.0f} s.")
            return None
        if run and sight and sight.life is Life.ALIVE:
            self._show_problem(f"{run.name} is being trained by {trainer_name(run)}. Press enter to show it, then x to stop it.")
            return None
        self._show_problem()
        return run

    # --- renaming -----------------------------------------------------------------------------------------------------

    def action_rename(self) -> None:
        if run := self._selected():
            self._renaming = run
            self._input.display = True
            self._input.value = run.name
            self._input.focus()
            self.query_one("#keys", Static).update(literal(f"New name for {run.name}   enter renames it, esc cancels"))

    def _end_renaming(self) -> None:
        self._renaming = None
        self._input.display = False
        self._show_problem()
        self.query_one("#keys", Static).update(KEYS)
        self._list.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what is wrong with a name while it is typed."""
        if self._renaming and event.value:
            self._check(event.value)

    def _check(self, name: str) -> bool:
        try:
            check_name(name)
        except DigittyError as error:
            self._show_problem(error)
            return False
        self._show_problem()
        return True

    def on_input_submitted(self) -> None:
        run, name = self._renaming, self._input.value.strip()
        if run is None or not self._check(name):
            return
        if name != run.name:
            try:
                renamed = rename_run(run, name)
            except DigittyError as error:
                self._show_problem(error)
                return
            self._replace(run.name, renamed)
            studio_app(self).studio.on_run_moved(run.name, name)
        self._end_renaming()

    def _replace(self, old: str, new: Run) -> None:
        at = self._list.get_option_index(old)
        lines = [(option.id or "", option.prompt) for option in self._list.options]
        lines[at] = new.name, literal(new.name)
        self._runs = {name: new if name == new.name else self._runs[name] for name, _ in lines}
        self._list.clear_options()
        self._list.add_options(Option(line, id=name) for name, line in lines)
        self._list.highlighted = at
        run_in_background(self.app, lambda: self._describe(new), lambda line: self._show_line(new.name, str(line)) if self.is_attached else None)

    # --- deleting -----------------------------------------------------------------------------------------------------

    def action_delete(self) -> None:
        if run := self._selected():
            run_in_background(self.app, run.size, lambda size: self._confirm(run, size))

    def _confirm(self, run: Run, size: int | DigittyError) -> None:
        if isinstance(size, DigittyError):
            self._show_problem(size)
        elif self.app.screen is self:
            delete = Choice("delete", "delete it permanently", ("y",))
            question = ChoiceDialog(f"Delete {run.name} ({format_size(size)})?", [delete], escape="keep it", safe=-1)
            self.app.push_screen(question, lambda answer: self._delete(run) if answer == "delete" else None)

    def _delete(self, run: Run) -> None:
        self._show_problem(f"deleting {run.name}…")
        run_in_background(self.app, lambda: delete_run(run), lambda result: self._on_deleted(run, result))

    def _on_deleted(self, run: Run, result: Path | DigittyError | None) -> None:
        error = result if isinstance(result, DigittyError) else None
        if isinstance(result, Path):
            self.notify(f"{run.name} was a link: only the link was removed. Its data is still in {printable(result)}", markup=False)
        if error is None:
            studio_app(self).studio.on_run_moved(run.name, None)
        if not self.is_attached:
            return
        self._show_problem(error or "")
        if error is None:
            del self._runs[run.name]
            self._list.remove_option(run.name)
            if not self._runs:
                self.query_one("#keys", Static).update(NO_RUNS)
                self.query_one(".heading", Static).update("")
