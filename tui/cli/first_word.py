"""What a first argument that is not a command means: words to draw, as in `digitty three sevens`, or a misspelt command."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

import click

from engine.cli.deferred import DeferredGroup
from engine.errors import PromptError
from engine.prompt.faults import quote
from engine.prompt.similar import similar_word
from engine.prompt.tokens import tokenize
from engine.prompt.vocabulary import Kind, vocabulary_for
from tui.cli.completion import chosen_data

UNKNOWN_WORD = "digitty.unknown_word"
"""The key under which the context keeps a first argument that is neither a command nor a word of a prompt."""
_SIMILAR = 0.7


def as_command(context: click.Context, args: list[str], commands: Mapping[str, click.Command]) -> list[str]:
    """The arguments with the command that they mean: `generate` before words, or `--help` for `help`.

    Raises UsageError where the first argument looks like a misspelt command.
    """
    first = args[0]
    if first == "help":
        return [args[1], "--help"] if len(args) > 1 else _print_help(context)
    vocabulary = vocabulary_for(chosen_data(context, args).class_names)
    if any(token.kind is Kind.UNKNOWN for token in tokenize(vocabulary.normalize(first), vocabulary)):
        if (command := get_close_matches(first, commands, 1, _SIMILAR)) and not context.resilient_parsing:
            word = similar_word(first, vocabulary)
            prompt = f", or the prompt {word!r}" if word else ""
            raise click.UsageError(f"No such command {quote(first)}. Did you mean {command[0]!r}{prompt}?", context)
        context.meta[UNKNOWN_WORD] = first
    return ["generate", *args]


def explain_unknown_word(context: click.Context, error: PromptError) -> PromptError:
    """The error, and where to find the commands if the first argument was like neither a command nor a prompt."""
    first = context.meta.get(UNKNOWN_WORD)
    if first is None or error.near:
        return error
    return PromptError(f"No such command {quote(first)}, and it can't be drawn: {error}. For the commands, run: digitty --help")


def with_leading_options(error: click.NoSuchOption, args: list[str], group: DeferredGroup) -> list[str]:
    """The arguments with `generate` before them, if the unknown option is one of its own: `--steps 8 seven`. Raises the error otherwise."""
    drawing = group.load("generate")
    if drawing is None or error.option_name not in _options(drawing):
        raise error
    if named := next((arg for arg in args if arg in group.commands), ""):
        raise click.UsageError(f"{error.message} Put the options of {named} after its name: digitty {named} {error.option_name} …") from None
    return ["generate", *args]


def _options(command: click.Command) -> Collection[str]:
    return {name for option in command.params for name in (*option.opts, *option.secondary_opts) if isinstance(option, click.Option)}


def _print_help(context: click.Context) -> list[str]:
    click.echo(context.get_help(), color=context.color)
    context.exit()
