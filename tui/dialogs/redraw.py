"""Change one thing of a recipe, and draw it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, get_args

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Select, Static

from engine.config.sampling import SampleConfig, Sampler, with_sampler
from engine.config.serialize import with_changes
from engine.errors import SettingError
from tui.dialogs.form import FormDialog
from tui.dialogs.options import HINTS, read_number, sync_sampler_fields
from tui.terminal.literal import literal
from tui.widgets.form_row import FormRow
from tui.widgets.line_input import LineInput

NUMBERS = ("guidance", "steps", "seed")


@dataclass(frozen=True)
class Change:
    """How to draw a recipe again."""

    sample: SampleConfig
    weights: str


class RedrawDialog(FormDialog[Change]):
    """Dismissed with a Change, or None."""

    CHECKED = (*NUMBERS, "weights")

    def __init__(self, sample: SampleConfig, weights: str) -> None:
        super().__init__()
        self._sample, self._weights = sample, weights
        self._sampler = sample.sampler

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
            yield from self.buttons("Draw")

    def on_mount(self) -> None:
        self.query_one("#guidance", Input).focus()

    def on_select_changed(self, event: Select.Changed) -> None:
        sampler = cast(Sampler, event.value)
        sync_sampler_fields(self, self._sampler, sampler)
        self._sampler = sampler
        self._checks.recheck()

    def result(self, values: dict[str, object]) -> Change:
        weights = str(values.pop("weights"))
        return Change(with_changes(with_sampler(self._sample, self._sampler), **values), weights)

    def check(self, name: str) -> object:
        """The value of a field. Raises SettingError if it is wrong."""
        text = self.query_one(f"#{name}", Input).value
        if name in NUMBERS:
            return read_number(name, text, self._sampler)
        if not text.strip():
            raise SettingError("name weights: shipped, a run or a file")
        return text.strip()
