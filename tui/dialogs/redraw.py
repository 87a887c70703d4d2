"""Change one thing of a recipe, and draw it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast, get_args

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Select, Static

from engine.config.sampling import SampleConfig, Sampler, with_sampler
from engine.config.serialize import with_changes
from engine.errors import SettingError
from tui.dialogs.dialog import Dialog
from tui.dialogs.options import HINTS, read_number, sync_sampler_fields
from tui.terminal.literal import literal
from tui.widgets.field_checks import FieldChecks
from tui.widgets.form_row import FormRow
from tui.widgets.line_input import LineInput

NUMBERS = ("guidance", "steps", "seed")


@dataclass(frozen=True)
class Change:
    """How to draw a recipe again."""

    sample: SampleConfig
    weights: str


class RedrawDialog(Dialog[Change | None]):
    """Dismissed with a Change, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel"), Binding("ctrl+s", "apply", "Draw")]

    def __init__(self, sample: SampleConfig, weights: str) -> None:
        super().__init__()
        self._sample, self._weights = sample, weights
        self._sampler = sample.sampler
        self._checks = FieldChecks(self, self._check, lambda name, problem: cast(FormRow, self.query_one(f"#{name}").parent).show_problem(problem))

    def compose(self) -> ComposeResult:
        sample = self._sample
        samplers = [(literal(name), name) for name in get_args(Sampler)]
        with Vertical(classes="dialog"):
            yield Static("[b]Change one thing[/]   tab moves, enter draws, esc cancels")
            yield Static()
            yield FormRow("guidance", LineInput(f"{sample.guidance:g}", compact=True, id="guidance"), HINTS["guidance"])
            yield FormRow("steps", LineInput(str(sample.steps), compact=True, id="steps"), HINTS["steps"])
            yield FormRow("seed", LineInput(str(sample.seed), compact=True, id="seed"), HINTS["seed"])
            yield FormRow("sampler", Select(samplers, value=sample.sampler, allow_blank=False, compact=True, id="sampler"), HINTS["sampler"])
            yield FormRow("weights", LineInput(self._weights, compact=True, id="weights"), "shipped, shipped:seed, RUN, RUN:best, a file")
            with Horizontal(classes="buttons"):
                yield Button("Draw", id="apply", variant="primary", compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        self.query_one("#guidance", Input).focus()

    def on_select_changed(self, event: Select.Changed) -> None:
        sampler = cast(Sampler, event.value)
        sync_sampler_fields(self, self._sampler, sampler)
        self._sampler = sampler
        self._checks.recheck()

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
        values = self._checks.values((*NUMBERS, "weights"))
        if values is not None:
            weights = str(values.pop("weights"))
            self.dismiss(Change(with_changes(with_sampler(self._sample, self._sampler), **values), weights))

    def _check(self, name: str) -> object:
        """The value of a field. Raises SettingError if it is wrong."""
        text = self.query_one(f"#{name}", Input).value
        if name in NUMBERS:
            return read_number(name, text, self._sampler)
        if not text.strip():
            raise SettingError("name weights: shipped, a run or a file")
        return text.strip()
