"""Options that several commands of the terminal share."""

from __future__ import annotations

import click

from engine.cli.options import setting_option
from tui.settings.config_file import COLOR, GRAPHICS

color_option = setting_option(COLOR, default=None, show_default=False)
"""None where it is not given, since it may stand before the command as well."""

_GRAPHICS = "digitty.graphics"
"""The key under which the context keeps the choice."""


def _remember_graphics(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta[_GRAPHICS] = value


graphics_option = setting_option(GRAPHICS, default=None, show_default=False, expose_value=False, callback=_remember_graphics)
"""Before the command or after it; `chosen_graphics` has the value."""


def chosen_graphics() -> str:
    """The value of --graphics, of config.toml, or auto."""
    choice: str = click.get_current_context().meta.get(_GRAPHICS, GRAPHICS.default)
    return choice
