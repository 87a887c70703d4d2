"""Options that several commands of the terminal share."""

from __future__ import annotations

from engine.cli.options import setting_option
from tui.settings.config_file import COLOR

color_option = setting_option(COLOR, default=None, show_default=False)
"""None where it is not given, since it may stand before the command as well."""
