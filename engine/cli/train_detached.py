"""`digitty train-detached`, hidden: what a detached process runs. It reads one training request as JSON from standard input."""

from __future__ import annotations

import os
import sys

import click

from engine.cli.reporters import HandoverReporter
from engine.cli.train import check_run_name, run_training
from engine.jobs.detach import COMMAND
from engine.jobs.handover import Handover
from engine.jobs.jobs import Jobs
from engine.process.distributed import ProcessGroup
from engine.runs.manage import check_writable
from engine.runs.run import find_run


@click.command(COMMAND, hidden=True, help="Train the request on standard input. Only digitty itself runs this command; use: digitty train --detach")
def train_detached() -> None:
    handover = Handover.from_json(_read_all())
    request = handover.request
    check_run_name(request.run)
    check_writable(find_run(request.resume) if request.resume else None)  # before the seconds that importing torch takes
    group, reporter = ProcessGroup.from_environment(), HandoverReporter()
    run_training(request, Jobs(handover.device, handover.precision, handover.threads, group), group, reporter)
    reporter.close()


def _read_all() -> bytes:
    """Standard input to its end, which is /dev/null from then on: the pipe's other end belongs to a process that may be gone."""
    text = sys.stdin.buffer.read() if sys.stdin else b""
    if null := os.open(os.devnull, os.O_RDONLY):  # 0 where standard input was closed
        os.dup2(null, 0)
        os.close(null)
    return text
