"""`digitty watch`: a run in plain lines, for logs, dumb terminals and screen readers, read from its files whichever process trains it."""

from __future__ import annotations

import math
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import Any

import click

from engine.cli.output import print_line, print_status
from engine.cli.progress import BETWEEN
from engine.cli.runs import find_or_newest
from engine.config.training import TrainConfig
from engine.formatting import format_duration
from engine.protocol.validated import COPYING
from engine.runs.liveness import Life
from engine.runs.metrics_log import is_step
from engine.runs.run import Run

LEAST = ("^average ", "^epoch ", " steps/s$", "^held out ", "^loss ")
"""The facts that a narrow terminal leaves out, as patterns, the least important first."""
SEEK_AGAIN = 50
"""Steps after which a run without a validation may have one."""


@click.command(help="Print a line about RUN every second until it ends. ctrl+c stops watching, not the run. Default: the run that trains now.")
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--every", type=click.FloatRange(0.1, 3600), default=1.0, show_default=True, help="Seconds between lines.")
def watch(run: str | None, every: float) -> None:
    found = find_or_newest(run)
    if found.config().lacks_held_out:
        print_status(f"run {found.name} is not validated, since it holds out no images; new runs do with --hold-out 10%")
    for line in follow(found, every):
        print_line(line)
        sys.stdout.flush()
    if hint := how_to_resume(found):
        print_status(hint)


def follow(run: Run, every: float = 1.0) -> Iterator[str]:
    """A line about the run, with the time of day, now and every `every` seconds until no process writes it any more."""
    facts = RunLine(run)
    while True:
        ended = facts.has_ended()  # before the line, which is then the last one
        clock = time.strftime("%H:%M:%S") + BETWEEN
        yield clock + facts.line(_width() - len(clock))
        if ended:
            return
        time.sleep(every)


def how_to_resume(run: Run) -> str:
    """Says from which step a run that ended early continues, and by which command. Empty for a run that is finished or still trained."""
    state = run.state()
    if state not in ("interrupted", "stopped", "failed"):
        return ""
    ended = "failed" if state == "failed" else f"was {state}"
    states = run.states()
    if not states:
        return f"run {run.name} {ended} before its first save; start it again with: digitty train --resume {run.name}"
    return f"run {run.name} {ended}; resume it from step {states[-1][0]} with: digitty train --resume {run.name}"


def _width() -> float:
    """The columns of the terminal that the lines go to; unlimited for files and programs."""
    try:
        return (os.get_terminal_size(sys.stdout.fileno()).columns or math.inf) if sys.stdout.isatty() else math.inf
    except (OSError, ValueError):
        return math.inf


class RunLine:
    """Says in one line where a run is now."""

    def __init__(self, run: Run) -> None:
        """Raises RunError if its config.json can't be read."""
        self.run = run
        self.config: TrainConfig = run.config()
        self._epochs_seen = 0
        self._last_epoch: dict[str, Any] | None = None
        self._validation_sought: int | None = None
        self._last_validation: dict[str, Any] | None = None

    def line(self, width: float = math.inf) -> str:
        """seed-1  running  epoch 3/10  step 1100/4690  loss 0.0231  average 0.0244  held out 0.0247  0.67 steps/s  left 1:29:17

        On a narrow terminal some facts are left out, so that the line does not break.
        """
        state = self.run.state()
        self.config = self.run.config()  # resuming may have changed the number of epochs
        facts = [self.run.name, state, *self._numbers("running" in state)]
        for least in LEAST:
            if len(BETWEEN.join(facts)) > width:
                facts = [fact for fact in facts if not re.search(least, fact)]
        return BETWEEN.join(facts)

    def has_ended(self) -> bool:
        """Whether the process that trained it is gone. False while that is not known."""
        return self.run.sight().life is Life.GONE

    def _numbers(self, running: bool) -> Iterator[str]:
        config, last = self.config, self.run.last(is_step, b'"loss"')
        step = int(last["step"]) if last else 0
        yield f"epoch {1 + max(0, step - 1) // config.steps_per_epoch}/{config.epochs}"
        yield f"step {step}/{config.total_steps}"
        if last is None:
            return
        yield f"loss {last['loss']:.4f}"
        epoch = self._find_last_epoch(step)
        if epoch is not None:
            yield f"average {epoch['average']:.4f}"
        validation = self._find_last_validation(step)
        if validation is not None:
            yield f"held out {validation['validation']:.4f}"
            if validation.get("copying") is True:
                yield COPYING
        rate = float(last.get("rate", 0))
        if running and rate > 0:
            yield f"{rate:.2f} steps/s"
            yield f"left {format_duration((config.total_steps - step) / rate)}"

    def _find_last_epoch(self, step: int) -> dict[str, Any] | None:
        """The record of the last complete epoch. Searched once per epoch, since it may be far back in the file."""
        epochs = step // self.config.steps_per_epoch
        if epochs != self._epochs_seen:
            self._epochs_seen = epochs
            self._last_epoch = self.run.last(lambda record: "average" in record, b'"average"')
        return self._last_epoch

    def _find_last_validation(self, step: int) -> dict[str, Any] | None:
        """The record of the last validation; None if there is none, which is looked for again only every now and then: it takes the whole file."""
        if self._last_validation or self._validation_sought is None or step >= self._validation_sought + SEEK_AGAIN:
            self._validation_sought = step
            self._last_validation = self.run.last(lambda record: "validation" in record and record["step"] <= step, b'"validation"')
        return self._last_validation
