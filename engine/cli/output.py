"""Status lines on standard error and data on standard output. Text from files and other processes never controls the terminal."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import click

from engine.formatting import printable

LONGEST = 2000
"""Characters of a line."""


def print_line(text: object) -> None:
    """Print one line on standard output."""
    click.echo(printable(text, LONGEST))


def print_path(path: Path) -> None:
    """Print a path on standard output: unchanged for a program that reads it, as a safe line on a terminal."""
    if sys.stdout.isatty():
        print_line(path)
    else:
        click.echo(str(path), color=True)  # `color` keeps click from removing escape sequences


def print_status(text: object) -> None:
    """Print one line on standard error. Work continues if the terminal is gone."""
    write_stderr(printable(text, LONGEST) + "\n")


def write_stderr(text: str) -> None:
    """Write to standard error, if it can be written."""
    with suppress(OSError):
        click.echo(text, nl=False, err=True)
