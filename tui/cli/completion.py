"""`digitty completion`: the script with which a shell completes commands, options and the words of prompts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice, pairwise
from pathlib import PurePath

import click

from engine.config.data import MNIST, DataSpec
from engine.errors import SettingError
from engine.prompt.vocabulary import COUNTS, Kind, vocabulary_for
from engine.runs.weights_names import data_of

SHELLS = ("bash", "zsh", "fish")
MOST_WORDS = 1000
"""Words that a shell is offered at most; a data set may have ten thousand classes."""
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
    """The words that can come next in a prompt for the weights that are chosen so far. Names of several words are left to their quotes."""
    words = vocabulary_for(chosen_data(context, ()).class_names).words
    kinds = (Kind.DIGIT, Kind.CLASS, Kind.PLURAL, Kind.RANDOM, Kind.GRID, Kind.NOUN, *COUNTS)
    begin = incomplete.casefold()
    found = (word for word, (kind, _) in words.items() if kind in kinds and begin and word.casefold().startswith(begin))
    return [word for word in islice(found, MOST_WORDS) if " " not in word]


def chosen_data(context: click.Context, args: Sequence[str]) -> DataSpec:
    """What the weights draw that a command line names, of which `args` are not parsed yet; else those of config.toml, else MNIST."""
    named = [after for option, after in pairwise([*args, ""]) if option == "--weights"]
    named += [arg.removeprefix("--weights=") for arg in args if arg.startswith("--weights=")]
    weights = named[-1] if named else context.params.get("weights") or (context.find_root().default_map or {}).get("generate", {}).get("weights")
    return data_of(weights) if isinstance(weights, str) and weights else MNIST
