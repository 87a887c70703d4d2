"""`digitty completion`: the script with which a shell completes commands, options and the words of prompts."""

from __future__ import annotations

import os
from pathlib import PurePath

import click

from engine.config.data import MNIST
from engine.errors import SettingError
from engine.prompt.vocabulary import COUNTS, Kind, vocabulary_for

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_DIGITTY_COMPLETE"
"""Set by the script when the shell asks for completions; `engine.cli.entry` looks for it."""


@click.command(help="Print the script that completes commands, options and prompts in SHELL (bash, zsh or fish; by default yours).")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def completion(context: click.Context, shell: str | None) -> None:
    from click.shell_completion import ShellComplete, get_completion_class

    name = shell or PurePath(os.environ.get("SHELL", "")).name
    kind = get_completion_class(name) if name in SHELLS else None
    if kind is None:
        raise SettingError(f"which shell? Choose one: {', '.join(f'digitty completion {known}' for known in SHELLS)}")
    click.echo(ShellComplete.source(kind(context.find_root().command, {}, "digitty", VARIABLE)), nl=False)


def complete_words(context: click.Context, parameter: click.Parameter | None, incomplete: str) -> list[str]:
    """The words that can come next in a prompt."""
    words = vocabulary_for(MNIST.class_names).words
    kinds = (Kind.DIGIT, Kind.PLURAL, Kind.RANDOM, Kind.GRID, Kind.NOUN, *COUNTS)
    return [word for word, (kind, _) in words.items() if kind in kinds and incomplete and word.startswith(incomplete)]
