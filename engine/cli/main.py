"""The commands that need no screen, for `python -m engine.cli` and for `digitty`, which adds its own.

Status goes to standard error and data to standard output. Neither torch nor textual is imported before a job starts, so that `--help` is instant.
"""

from __future__ import annotations

import click

from engine.cli import entry, runs
from engine.cli.evaluate import evaluate
from engine.cli.export import export
from engine.cli.train import train
from engine.cli.train_detached import train_detached
from engine.cli.watch import watch

EXIT_CODES = """\b
Exit codes: 0 done · 1 internal error · 2 the request can't be met
3 disk full or a damaged folder · 4 device or package missing, or out of memory
5 the loss diverged · 130 interrupted (ctrl+c) · 141 the reader closed the pipe
143 terminated · 129 hung up. A signal saves the training first."""


@click.group(cls=entry.Commands, epilog=EXIT_CODES, help="Train a diffusion model on MNIST and judge it, without a screen.")
def commands() -> None:
    """The group that the commands are added to."""


for _command in (train, train_detached, evaluate, export, watch, *runs.COMMANDS):
    commands.add_command(_command)


def main() -> None:
    """Run the command line of this process, and exit."""
    entry.exit_process(entry.run(commands))
