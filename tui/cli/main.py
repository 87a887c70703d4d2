"""The `digitty` command: the screen by default, and the commands of the terminal beside those of the engine.

Neither torch nor textual is imported before a command needs it, so that `--help` is instant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from engine.cli import entry
from engine.cli import main as engine_cli
from engine.cli.deferred import Deferred
from engine.cli.options import device_options
from engine.config.compute import Device, Precision
from engine.config.version import VERSION
from engine.errors import PromptError, SettingError, StorageError
from engine.process.processors import processors
from engine.storage import paths
from tui.cli.options import chosen_graphics, color_option, graphics_option
from tui.settings import config_file

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

CONFIG = "digitty.config"
"""The key under which the context keeps what config.toml says."""
CONFIGURED = ("generate", "sweep", "train", "evaluate")
"""Commands that refuse a config.toml with a mistake: they would not do what its author meant."""


class ConfiguredGroup(entry.Commands):
    """A group whose defaults come from the user's config.toml. Where the first argument is no command, the words are drawn."""

    unchecked = ("doctor", "completion")

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        config = config_file.load()
        context = super().make_context(info_name, args, parent, default_map=_defaults(config), **extra)
        context.meta[CONFIG] = config
        return context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, [*args])
        except click.NoSuchOption as error:
            from tui.cli.first_word import with_leading_options

            return super().parse_args(ctx, with_leading_options(error, args, self))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands:
            from tui.cli.first_word import as_command  # it knows the words of prompts, which commands and --help don't wait for

            args = as_command(ctx, args, self.commands)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from tui.cli.completion import complete_words

        words = complete_words(ctx, None, incomplete)
        return [*super().shell_complete(ctx, incomplete), *(CompletionItem(word) for word in words)]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PromptError as error:
            from tui.cli.first_word import explain_unknown_word

            raise explain_unknown_word(ctx, error) from None


def _defaults(config: config_file.Config) -> dict[str, Any]:
    """The values of config.toml as click's default map, by command."""
    values = config.values
    compute = _chosen(values, "device", "precision")
    if values.get("threads", "auto") != "auto":
        compute["threads"] = min(values["threads"], processors())  # one file may serve several machines
    plain = _chosen(values, "plain")
    train_defaults = {name: _unless_resumed(values[name], other) for name, other in (("preset", None), ("precision", "auto")) if name in values}
    return {
        **compute,
        **_chosen(values, "color", "graphics"),
        "generate": {**config.sample, **_chosen(values, "weights"), **compute, **plain},
        "sweep": {**config.sample, **_chosen(values, "weights"), **compute, **plain},
        "train": {**compute, **train_defaults, **plain},
        "evaluate": {**compute, **plain},
        "gallery": {**compute, **plain},
        "doctor": {**compute, **plain},
    }


def _chosen(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _unless_resumed(value: str, otherwise: str | None) -> Callable[[], str | None]:
    """A default for `train`: `value`, but `otherwise` with --resume, for a run keeps the preset and precision that it recorded."""
    return lambda: otherwise if isinstance(click.get_current_context().params.get("resume"), str) else value


@click.group(
    cls=ConfiguredGroup,
    invoke_without_command=True,
    epilog=engine_cli.EXIT_CODES,
    help="Train a diffusion model on MNIST and watch it draw digits, in a terminal.\n\n"
    "Without a command, the screen opens: type seven there. Words are drawn in the terminal: digitty three sevens.",
)
@device_options
@color_option
@graphics_option
@click.version_option(VERSION, prog_name="digitty")
@click.pass_context
def digitty(context: click.Context, device: Device, precision: Precision, threads: int | None, color: str | None) -> None:
    context.obj = color
    found: config_file.Config = context.meta[CONFIG]
    if context.invoked_subcommand is None:
        from engine.jobs.jobs import Jobs
        from tui.cli.screen import open_screen

        paths.check()
        sys.exit(
            open_screen(Jobs(device, precision, threads), color or "auto", found, graphics=chosen_graphics())
        )  # click ignores the code of context.exit here
    for name in ("device", "precision", "threads"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE and context.default_map:
            context.default_map.setdefault(context.invoked_subcommand, {})[name] = context.params[name]
    if context.invoked_subcommand in CONFIGURED and found.problems and not context.meta[entry.HELP]:
        if found.unreadable:
            raise StorageError(found.problems[0])
        raise SettingError(f"{found.problems[0]}; to see the settings in force, run: digitty config")


_DRAWING = (
    Deferred(
        "generate",
        "tui.cli.generate",
        "Draw PROMPT in the terminal: seven · 3 1 4 · three sevens · a bold 7 leaning left · 0-9 · random · grid. Words need no quotes. "
        "With weights of other data, the names of its classes are the words: three ankle boots.",
    ),
    Deferred(
        "sweep",
        "tui.cli.sweep",
        "Draw PROMPT from the same noise with every combination of some settings. "
        "Up to three options take a list, such as --guidance 1,1.4,2 --steps 4,8,14. Nothing is redrawn, since that would change its noise. "
        "With weights that are told attributes, digitty sweep 0-9 --slant -20,-10,0,10,20 shows what slant does, and likewise --thickness, --width "
        "and --length.",
    ),
)
_AROUND = (
    Deferred(
        "data",
        "tui.cli.data",
        "Check your own images before training (check), list the prepared data sets (list), and delete them (clear).",
    ),
    Deferred(
        "gallery",
        "tui.cli.gallery",
        "Browse saved pictures: those that the screen saved, or the given FILES and FOLDERS. Without a terminal, list them.",
    ),
    Deferred(
        "doctor",
        "tui.cli.doctor",
        "Print what a bug report needs: versions, folders, devices and terminal. Also check data and weights, and draw a test digit.",
    ),
    Deferred("config", "tui.cli.config", "Show where the settings are, which values are in force, and which key does what."),
    Deferred(
        "serve",
        "tui.cli.serve",
        "Open the screen in a browser; by default only on this machine. ctrl+c saves the training and ends the server.",
    ),
    Deferred(
        "completion",
        "tui.cli.completion",
        "Print the script that completes commands, options and prompts in SHELL (bash, zsh or fish; by default yours).",
    ),
)
for _command in (*_DRAWING, *engine_cli.commands.commands.values(), *_AROUND):
    digitty.add_command(_command)


def main() -> None:
    """Run the command line of this process, and exit."""
    entry.exit_process(entry.run(digitty))
