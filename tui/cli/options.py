"""Options that several commands of the terminal share."""

from __future__ import annotations

import click

from tui.terminal import capabilities as term

color_option = click.option("--color", type=click.Choice(term.CHOICES), default=None, help="What the terminal can show.  [default: auto]")
