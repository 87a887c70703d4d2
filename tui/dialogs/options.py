"""How to draw, on all screens: sampler, steps, spacing, guidance, redrawing, seed, eta and variance."""

from __future__ import annotations

from typing import ClassVar, cast, get_args

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.dom import DOMNode
from textual.widgets import Button, Input, Select, Static

from engine.config.fields import settings_of
from engine.config.sampling import SampleConfig, Sampler, Spacing, Variance, default_for
from engine.errors import SettingError
from tui.dialogs.dialog import Dialog
from tui.settings.remembered import Settings
from tui.terminal.literal import literal
from tui.widgets.form_row import FormRow
from tui.widgets.line_input import LineInput

CHOICES = {"sampler": Sampler, "spacing": Spacing, "variance": Variance}
NUMBERS = {"steps": int, "guidance": float, "redraw_below": float, "eta": float, "seed": int}
HINTS = {name: setting.hint for name, setting in settings_of(SampleConfig).items()}


def sync_sampler_fields(form: DOMNode, old: Sampler, new: Sampler) -> None:
    """Another sampler was chosen: change the other fields of the form as `with_sampler` would change the settings."""
    old_defaults, new_defaults = default_for(old), default_for(new)
    for name in ("steps", "redraw_below"):
        before, after = f"{getattr(old_defaults, name):g}", f"{getattr(new_defaults, name):g}"
        for field in form.query(f"#{name}").results(Input):
            if before != after and (name == "steps" or field.value.strip() == before):
                field.value = after


class OptionsDialog(Dialog[Settings | None]):
    """Dismissed with changed settings, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel"), Binding("ctrl+s", "apply", "Apply")]

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._sampler = settings.sample.sampler

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("[b]How to draw[/]   tab moves, enter or ctrl+s applies, esc cancels")
            yield Static()
            for name in ("sampler", "steps", "spacing", "guidance", "redraw_below", "seed", "eta", "variance"):
                yield FormRow(name.partition("_")[0], self._field(name), HINTS[name])
            yield Static(id="problem")
            with Horizontal(classes="buttons"):
                yield Button("Apply", id="apply", variant="primary", compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def _field(self, name: str) -> Input | Select[str]:
        value = getattr(self._settings.sample, name)
        if name in CHOICES:
            choices = [(literal(choice), choice) for choice in get_args(CHOICES[name])]
            return Select(choices, value=value, allow_blank=False, compact=True, id=name)
        return LineInput(f"{value:g}" if isinstance(value, float) else str(value), compact=True, id=name)

    def on_mount(self) -> None:
        self.query_one("#steps", Input).focus()

    def on_select_changed(self, event: Select.Changed) -> None:
        if event.select.id == "sampler":
            sampler = cast(Sampler, event.value)
            sync_sampler_fields(self, self._sampler, sampler)
            self._sampler = sampler

    def on_input_submitted(self) -> None:
        self.action_apply()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "apply":
            self.action_apply()
        else:
            self.dismiss(None)

    def action_apply(self) -> None:
        values: dict[str, object] = {name: self.query_one(f"#{name}", Select).value for name in CHOICES}
        try:
            for name, kind in NUMBERS.items():
                text = self.query_one(f"#{name}", Input).value.strip()
                try:
                    values[name] = kind(text)
                except ValueError:
                    raise SettingError(f"{name} {text!r} is not a {'whole ' if kind is int else ''}number") from None
            settings = self._settings.with_sample(**values)
            settings.linked(self._settings)  # the weights follow once it is applied; refused here if they can't
        except SettingError as error:
            self.query_one("#problem", Static).update(literal(str(error)))
        else:
            self.dismiss(settings)
