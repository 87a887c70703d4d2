"""How to draw, on all screens: sampler, steps, spacing, guidance, redrawing, seed, eta and variance."""

from __future__ import annotations

from dataclasses import replace
from typing import cast, get_args

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.widgets import Input, Select, Static

from engine.config.fields import check_value, settings_of
from engine.config.sampling import ONE_STEP_MOST, SampleConfig, Sampler, Spacing, Variance, default_for, with_sampler
from engine.errors import SettingError
from tui.dialogs.form import FormDialog
from tui.settings.remembered import Settings
from tui.widgets.form_row import FormRow
from tui.widgets.line_input import LineInput

CHOICES = {"sampler": Sampler, "spacing": Spacing, "variance": Variance}
NUMBERS: dict[str, type[int] | type[float]] = {"steps": int, "guidance": float, "redraw_below": float, "eta": float, "seed": int}
HINTS = {name: setting.hint for name, setting in settings_of(SampleConfig).items()}


def read_number(name: str, text: str, sampler: Sampler) -> float:
    """The number in a field of a form. Raises SettingError if it is none, or out of bounds."""
    kind, label = NUMBERS[name], name.replace("_", "-")
    try:
        value = kind(text.strip())
    except ValueError:
        raise SettingError(f"{label} {text.strip()!r} is not a {'whole ' if kind is int else ''}number") from None
    check_value(label, value, settings_of(SampleConfig)[name])
    if name == "steps" and sampler == "one-step" and value > ONE_STEP_MOST:
        raise SettingError(f"steps {value} is outside 1 to {ONE_STEP_MOST}, the range for one-step")
    return value


def check_sampler(settings: Settings, sampler: Sampler) -> Sampler:
    """The sampler. Raises SettingError if there are no weights that it can use; the weights follow once it is applied."""
    replace(settings, sample=with_sampler(settings.sample, sampler)).linked(settings)
    return sampler


def steps_hint(sampler: Sampler) -> str:
    """Beside the number of steps."""
    return f"1 to {ONE_STEP_MOST}; 1 is enough for one-step" if sampler == "one-step" else HINTS["steps"]


def sync_sampler_fields(form: DOMNode, old: Sampler, new: Sampler) -> None:
    """Another sampler was chosen: change the other fields of the form as `with_sampler` would change the settings."""
    old_defaults, new_defaults = default_for(old), default_for(new)
    for name in ("steps", "redraw_below"):
        before, after = f"{getattr(old_defaults, name):g}", f"{getattr(new_defaults, name):g}"
        for field in form.query(f"#{name}").results(Input):
            if before != after and (name == "steps" or field.value.strip() == before):
                field.value = after


class OptionsDialog(FormDialog[Settings]):
    """Dismissed with changed settings, or None."""

    CHECKED = ("sampler", *NUMBERS)

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._sampler = settings.sample.sampler

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("[b]How to draw[/]   tab moves, enter or ctrl+s applies, esc cancels")
            yield Static()
            for name in ("sampler", "steps", "spacing", "guidance", "redraw_below", "seed", "eta", "variance"):
                hint = steps_hint(self._sampler) if name == "steps" else HINTS[name]
                yield FormRow(name.partition("_")[0], self._field(name), hint)
                if name == "seed":
                    lock = Select([("no", False), ("yes", True)], value=self._settings.lock_seed, allow_blank=False, compact=True, id="lock_seed")
                    yield FormRow("lock seed", lock, "yes: every drawing takes the seed above")
            yield from self.buttons("Apply")

    def _field(self, name: str) -> Input | Select[str]:
        value = self._settings.redraw_below if name == "redraw_below" else getattr(self._settings.sample, name)
        if name in CHOICES:
            choices = [(Text(choice), choice) for choice in get_args(CHOICES[name])]
            return Select(choices, value=value, allow_blank=False, compact=True, id=name)
        return LineInput(f"{value:g}" if isinstance(value, float) else str(value), compact=True, id=name)

    def on_mount(self) -> None:
        self.query_one("#steps", Input).focus()

    def on_select_changed(self, event: Select.Changed) -> None:
        if event.select.id == "sampler":
            sampler = cast(Sampler, event.value)
            sync_sampler_fields(self, self._sampler, sampler)
            self._sampler = sampler
            self.row("steps").show_hint(steps_hint(sampler))
            self._checks.recheck()

    def check(self, name: str) -> object:
        """The value of a field. Raises SettingError if it is wrong."""
        if name == "sampler":
            return check_sampler(self._settings, self._sampler)
        return read_number(name, self.query_one(f"#{name}", Input).value, self._sampler)

    def result(self, values: dict[str, object]) -> Settings:
        choices = {name: self.query_one(f"#{name}", Select).value for name in CHOICES}
        lock_seed = self.query_one("#lock_seed", Select).value is True
        redraw_below = cast(float, values.pop("redraw_below"))
        followed = replace(self._settings, lock_seed=lock_seed, sample=with_sampler(self._settings.sample, self._sampler))
        changed = followed.with_sample(**{**values, **choices})
        return changed if redraw_below == followed.redraw_below else changed.with_redrawing(redraw_below)
