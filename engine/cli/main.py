"""The commands that need no screen, for `python -m engine.cli` and for `digitty`, which adds its own.

Status goes to standard error and data to standard output. Neither torch nor textual is imported before a job starts, so that `--help` is instant.
"""

from __future__ import annotations

import click

from engine.cli import entry
from engine.cli.deferred import Deferred

EXIT_CODES = """\b
Exit codes: 0 done · 1 internal error · 2 the request can't be met
3 disk full or a damaged folder · 4 device or package missing, or out of memory
5 the loss diverged · 130 interrupted (ctrl+c) · 141 the reader closed the pipe
143 terminated · 129 hung up. A signal saves the training first."""


@click.group(cls=entry.Commands, epilog=EXIT_CODES, help="Train a diffusion model on MNIST and judge it, without a screen.")
def commands() -> None:
    """The group that the commands are added to."""


_RUNS = "engine.cli.runs"
_DEFERRED = (
    Deferred("train", "engine.cli.train", "Train a new run, or resume one. ctrl+c saves and stops."),
    Deferred(
        "train-detached",
        "engine.cli.train_detached",
        "Train the request on standard input. Only digitty itself runs this command; use: digitty train --detach",
        attribute="train_detached",
        hidden=True,
    ),
    Deferred(
        "evaluate",
        "engine.cli.evaluate",
        "Draw pictures and judge them: are they read as the requested class, how close are they to real ones, are they copies?",
    ),
    Deferred(
        "measure",
        "engine.cli.measure",
        "Measure the strokes of the pictures in each SOURCE (a picture, a folder, an .npz file, a known data set): thickness, width, height and "
        "length in pixels, area in square pixels, slant in degrees, positive to the right; and variants of digits, such as a crossed seven.",
    ),
    Deferred(
        "rank",
        "engine.cli.rank",
        "List pictures in the order in which CAPTION fits them: files, and folders of them. Before each stands how likely the caption is true of "
        "its digit, from 0 to 1; of a picture of several digits the one that fits best counts. Words need no quotes.",
    ),
    Deferred(
        "export",
        "engine.cli.export",
        "Write the weights of RUN (or RUN:best, shipped, or a file) to FILE, as .safetensors, or as .pth in the guide's format; "
        "or the metrics of RUN, as .csv.",
    ),
    Deferred(
        "watch",
        "engine.cli.watch",
        "Print a line about RUN every second until it ends. ctrl+c stops watching, not the run. Default: the run that trains now.",
    ),
    Deferred("runs", _RUNS, "List the runs with their state, progress, last loss, age and size.", attribute="list_runs"),
    Deferred("stop", _RUNS, "Save and stop RUN, whichever process trains it. It can be resumed. Default: the run that trains now."),
    Deferred("pause", _RUNS, "Save and pause RUN. Default: the run that trains now."),
    Deferred("resume", _RUNS, "Resume RUN from a pause. If it was stopped, use: digitty train --resume RUN."),
    Deferred("delete", _RUNS, "Delete RUN with all its weights and previews."),
    Deferred("rename", _RUNS, "Rename RUN to NAME."),
)
for _command in _DEFERRED:
    commands.add_command(_command)


def main() -> None:
    """Run the command line of this process, and exit."""
    entry.exit_process(entry.run(commands))
