"""Lines for people on standard error and data on standard output; foreign text in them never controls the terminal."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import click

from engine.formatting import printable

LONGEST = 2000
"""Characters of a line."""


def print_line(text: object) -> None:
    """A line for people on standard output. Foreign text in it never controls the terminal, and never makes it two lines."""
    click.echo(printable(text, LONGEST))


def print_path(path: Path) -> None:
    """A path on standard output: to the letter for a program that reads it, else as a line."""
    if sys.stdout.isatty():
        print_line(path)
    else:
        click.echo(str(path), color=True)  # which leaves it as it is


def print_status(text: object) -> None:
    """A line for people on standard error, as safe. A terminal that is gone is no reason to stop the work."""
    write_stderr(printable(text, LONGEST) + "\n")


def write_stderr(text: str) -> None:
    with suppress(OSError):
        click.echo(text, nl=False, err=True)
