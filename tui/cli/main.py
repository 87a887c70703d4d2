"""The `digitty` command: the screen by default; generate, which draws; doctor, config, serve and the engine's commands beside them.

Neither torch nor textual is imported before it is known which of them is needed: `--help` is instant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from engine.cli import entry
from engine.cli import main as engine_cli
from engine.cli.options import device_options
from engine.config.compute import Device, Precision
from engine.errors import SettingError, StorageError
from engine.jobs.jobs import Jobs
from engine.process.processors import processors
from engine.storage import paths
from tui.cli.config import config
from tui.cli.doctor import doctor
from tui.cli.generate import generate
from tui.cli.options import color_option
from tui.cli.screen import open_screen
from tui.cli.serve import serve
from tui.settings import config_file

CONFIG = "digitty.config"
"""Where the context keeps what config.toml says."""
CONFIGURED = ("generate", "train", "evaluate")
"""Commands that refuse a config.toml with a fault in it: what they do would not be what was meant."""


class ConfiguredGroup(entry.Commands):
    """Takes its defaults from the person's config.toml."""

    unchecked = ("doctor",)

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        config = config_file.load()
        context = super().make_context(info_name, args, parent, default_map=_defaults(config), **extra)
        context.meta[CONFIG] = config
        return context


def _defaults(config: config_file.Config) -> dict[str, Any]:
    """As click takes them. What a run recorded can't change: where one is resumed, the file has no say in it."""
    values = config.values
    engine = {name: values[name] for name in ("device", "precision") if name in values}
    if values.get("threads", "auto") != "auto":
        engine["threads"] = min(values["threads"], processors())  # one file may serve several machines
    speech = {"plain": values["plain"]} if "plain" in values else {}
    recorded = {name: _unless_resumed(values[name], other) for name, other in (("preset", None), ("precision", "auto")) if name in values}
    drawing = {**config.sample, **({"weights": values["weights"]} if "weights" in values else {})}
    color = {"color": values["color"]} if "color" in values else {}
    return {
        **engine,
        **color,
        "generate": {**drawing, **engine, **speech},
        "train": {**engine, **recorded, **speech},
        "evaluate": {**engine, **speech},
        "doctor": {**engine, **speech},
    }


def _unless_resumed(value: str, other: str | None) -> Callable[[], str | None]:
    """Called once the command's own options are known."""
    return lambda: other if isinstance(click.get_current_context().params.get("resume"), str) else value


@click.group(
    cls=ConfiguredGroup,
    invoke_without_command=True,
    epilog=engine_cli.EXIT_CODES,
    help="Train a diffusion model on MNIST and watch it draw digits, in a terminal.\n\nWithout a command, the screen opens: type seven.",
)
@device_options
@color_option
@click.version_option(engine_cli.VERSION_TEXT, prog_name="digitty")
@click.pass_context
def digitty(context: click.Context, device: Device, precision: Precision, threads: int | None, color: str | None) -> None:
    context.obj = color
    found: config_file.Config = context.meta[CONFIG]
    if context.invoked_subcommand is None:
        paths.check()
        sys.exit(open_screen(Jobs(device, precision, threads), color or "auto", found))  # click would swallow the code of context.exit
    for name in ("device", "precision", "threads"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE and context.default_map:
            context.default_map.setdefault(context.invoked_subcommand, {})[name] = context.params[name]
    if context.invoked_subcommand in CONFIGURED and found.problems and not context.meta[entry.HELP]:
        if found.unreadable:
            raise StorageError(found.problems[0])
        raise SettingError(f"{found.problems[0]}; digitty config shows what is in force")


for _command in (generate, *engine_cli.commands.commands.values(), doctor, config, serve):
    digitty.add_command(_command)


def main() -> None:
    """The entry point of the `digitty` command."""
    entry.exit_process(entry.run(digitty))
