"""Generate: a batch of samples of random or chosen classes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar, cast, get_args

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label, Select, Static

from engine.config.condition import Condition
from engine.config.sampling import Sampler, with_sampler
from engine.errors import DigittyError, PromptError, SettingError
from engine.prompt.parser import Prompt, example_prompts
from engine.runs.conditional_weights import name_weights_told
from engine.runs.prompts import conditions_of, read_for, repeat_prompt, told_to
from engine.runs.weights_names import fit_weights
from tui.dialogs.options import check_sampler, read_number, sync_sampler_fields
from tui.render import captions
from tui.render.prompt_examples import CHOOSE
from tui.screens.drawing import DrawScreen
from tui.widgets.field_checks import FieldChecks, show_problem
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar
from tui.widgets.line_input import LineInput

LARGEST = 64
FIELDS = ("count", "classes", "sampler", "steps", "guidance", "seed")


class GenerateScreen(DrawScreen):
    """The controls above, the samples below."""

    NAME = "generate"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "draw", "draw", tooltip="draw; enlarge what is drawn already"),
        Binding("e", "edit", "settings", tooltip="edit the settings; tab moves, esc leaves", id="edit"),
    ]

    def about(self) -> str:
        """Each kind of weights has its own words for a prompt."""
        return f"1 to {LARGEST} samples, random or by prompt: {example_prompts(self.studio.data.class_names, None)}"

    def body(self) -> Iterable[Widget]:
        settings = self.studio.settings
        sample = settings.sample
        self._sampler = sample.sampler
        self._heading = ""
        with Horizontal(id="controls"):
            yield Label("count")
            yield LineInput(str(settings.count), id="count", compact=True)
            yield Label("of")
            yield LineInput(settings.classes, id="classes", compact=True)
            samplers = [(Text(name), name) for name in get_args(Sampler)]
            yield Select(samplers, value=sample.sampler, allow_blank=False, compact=True, id="sampler")
            yield Label("steps")
            yield LineInput(str(sample.steps), id="steps", compact=True)
            yield Label("guidance")
            yield LineInput(f"{sample.guidance:g}", id="guidance", compact=True)
            yield Label("seed")
            yield LineInput(str(sample.seed), id="seed", compact=True)
        yield Static(id="controls-problem", classes="field-problem")
        yield ImageView(self.studio.terminal, id="view")
        yield JobBar(id="how")
        yield JobBar(id="bar", ascii=not self.studio.terminal.unicode)

    def on_mount(self) -> None:
        line = self.query_one("#controls-problem", Static)
        self._checks = FieldChecks(self, self._check, lambda *_: show_problem(line, self._checks.first_problem))
        self.bar.words = "enter draws · e or tab edits the settings above · ? shows help"

    def show_status(self) -> None:
        """The settings may have changed on another screen."""
        super().show_status()
        sample = self.studio.settings.sample
        for name, text in (("steps", str(sample.steps)), ("guidance", f"{sample.guidance:g}"), ("seed", str(sample.seed))):
            field = self.query_one(f"#{name}", Input)
            if not field.has_focus and field.value != text:
                field.value = text
        select = self.query_one("#sampler", Select)
        if select.value != sample.sampler and not select.has_focus:
            select.value = sample.sampler

    def on_select_changed(self, event: Select.Changed) -> None:
        sampler = cast(Sampler, event.value)
        if event.select.has_focus:
            sync_sampler_fields(self, self._sampler, sampler)
        self._sampler = sampler
        self._checks.recheck()

    def on_input_changed(self) -> None:
        self._checks.recheck()

    def footer_label(self, binding: Binding) -> str:
        """The footer is narrow: the keys to start with leave it once something is drawn."""
        idle = self.job is None and self.done is None
        return super().footer_label(binding) if idle or binding.action not in ("draw", "edit") else ""

    def labels(self, seed: int) -> Sequence[int | None]:
        """Random classes are derived from the seed, so that a seed always draws the same sheet."""
        settings, data = self.studio.settings, self.studio.data
        if (asked := self._read(seed)) is not None:
            return repeat_prompt(asked, settings.count).labels
        rng = random.Random(seed)
        return [rng.randrange(data.classes) if data.classes else 0 for _ in range(settings.count)]

    def conditions(self) -> tuple[Condition, ...] | None:
        seed = self.studio.settings.sample.seed
        asked = self._read(seed)
        return None if asked is None else conditions_of(repeat_prompt(asked, self.studio.settings.count), self.studio.told, seed)

    def draw(self) -> None:
        asked = self._read(self.studio.settings.sample.seed)
        super().draw()
        text = asked and (asked.caption or captions.understood_of(asked, self.studio.data))
        self._heading = f"{text} · " if text else ""

    def heading(self) -> str:
        """What was understood, where that is more than classes."""
        return self._heading

    def _read(self, seed: int) -> Prompt | None:
        """What the prompt in the settings asks for; None for random classes. Raises PromptError."""
        settings = self.studio.settings
        return None if _is_random(settings.classes) else read_for(settings.weights, settings.classes, seed)

    def action_draw(self) -> None:
        self._with_controls(self.draw_or_enlarge)

    def action_edit(self) -> None:
        self.query_one("#count", Input).focus()

    def on_input_submitted(self) -> None:
        """Leave the field for the letter keys, unless a value is wrong."""
        self.apply_and_draw()

    def action_again(self) -> None:
        if self._checks.values(FIELDS) is None:
            return
        self.studio.seed_for_new_noise()
        self.show_status()
        self.apply_and_draw()

    def apply_and_draw(self) -> None:
        """Change the settings to what the controls say, then draw."""
        self._with_controls(self.draw)

    def _with_controls(self, act: Callable[[], None]) -> None:
        """Change the settings to what the controls say, then act. A wrong value keeps the focus, and nothing changes."""
        values = self._checks.values(FIELDS)
        if values is None:
            return
        self.set_focus(None)
        try:
            count, classes = int(cast(int, values.pop("count"))), str(values.pop("classes"))
            now = self.studio.settings
            settings = replace(now, sample=with_sampler(now.sample, self._sampler)).with_sample(**values)
            self.studio.change_settings(sample=settings.sample, count=count, classes=classes)
            act()
        except DigittyError as error:
            self.studio_app.notify_error(error)

    def _check(self, name: str) -> object:
        """The value of a field. Raises DigittyError if it is wrong."""
        if name == "sampler":
            return check_sampler(self.studio.settings, self._sampler)
        text = self.query_one(f"#{name}", Input).value.strip()
        if name == "count":
            return _read_count(text)
        if name == "classes":
            if not _is_random(text):
                self._check_prompt(text)
            return text or "random"
        return read_number(name, text, self._sampler)

    def _check_prompt(self, text: str) -> None:
        """Raises PromptError where the weights that will draw can't draw it, with those that can, if any."""
        weights = self.studio.settings.weights
        with suppress(SettingError):  # which the field of the sampler says
            weights = fit_weights(weights, self._sampler)
        try:
            conditions_of(read_for(weights, text, 0), told_to(weights), 0)
        except PromptError as error:
            raise name_weights_told(error, text, weights, CHOOSE.format) from None


def _is_random(prompt: str) -> bool:
    return prompt.strip().lower() in ("", "random")


def _read_count(text: str) -> int:
    """Raises SettingError."""
    try:
        count = int(text)
    except ValueError:
        raise SettingError(f"count {text!r} is not a whole number") from None
    if not 1 <= count <= LARGEST:
        raise SettingError(f"count {count} is outside 1 to {LARGEST}; to draw more, use digitty generate --count")
    return count
