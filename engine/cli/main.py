"""The jobs without a screen: train, evaluate, export, and what there is to do with runs. Plain text on standard error, data on standard output.

Neither torch nor textual is imported before a job begins, so that `--help` is instant. `python -m engine.cli` runs these alone.
"""

from __future__ import annotations

import click

from engine.cli import entry
from engine.cli import runs as cli_runs
from engine.cli.evaluate import evaluate
from engine.cli.export import export
from engine.cli.train import train

VERSION_TEXT = "0.1.0"
EXIT_CODES = """\b
Exit codes: 0 done · 1 internal error · 2 what was asked for can't be done
3 no room or a damaged folder · 4 device or package missing, out of memory · 5 the loss diverged
130 interrupted (ctrl+c), 141 the reader closed the pipe, 143 terminated, 129 hung up:
what was trained is saved"""


@click.group(cls=entry.Commands, epilog=EXIT_CODES, help="Train a diffusion model on MNIST and judge it, without a screen.")
def commands() -> None:
    """The engine's commands, for `python -m engine.cli` and for `digitty` beside its own."""


for _command in (train, evaluate, export, *cli_runs.COMMANDS):
    commands.add_command(_command)


def main() -> None:
    entry.exit_process(entry.run(commands))
