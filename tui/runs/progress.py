"""The progress of the runs that train on this machine, whichever process trains them. Reads the last lines of their files. No screen."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from engine.errors import DigittyError
from engine.formatting import format_duration
from engine.runs.liveness import newest_owner
from engine.runs.metrics_log import find_last
from engine.runs.run import ENDS, Run, all_runs

END_TEXT = {"finished": "has finished training", "diverged": "has diverged", "failed": "has failed", "interrupted": "was interrupted"}
"""How runs end without being asked to."""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The progress of a run that trains now."""

    run: str
    step: int
    total: int
    rate: float = 0.0
    """Steps a second; 0 while no step was measured."""
    paused: bool = False

    @property
    def percent(self) -> int:
        """100 only at the end."""
        return min(100, 100 * self.step // max(1, self.total))

    @property
    def seconds_left(self) -> float | None:
        """None where that is unknown, or does not shrink."""
        return (self.total - self.step) / self.rate if self.rate > 0 and not self.paused else None


def find_training(known: Sequence[Run] = ()) -> list[Run]:
    """The runs that a process on this machine trains now; `known` ones first, in their order. Reads a file of every run."""
    training = {run.path: run for run in all_runs() if _trains_here(run)}
    return [run for run in known if training.pop(run.path, None)] + list(training.values())


def _trains_here(run: Run) -> bool:
    owner = newest_owner(run.path)
    return owner is not None and not owner.released and owner.facts.get("host") == socket.gethostname() and run.running()


def read_progress(run: Run) -> RunProgress | None:
    """None if the run has ended, was deleted or can't be read."""
    with suppress(DigittyError, OSError):
        total = run.config().total_steps
        last = find_last(run.metrics_path, lambda record: True)
        newest = find_last(run.metrics_path, lambda record: "loss" in record or record.get("event") == "started")
        event = last.get("event") if last else None
        if event not in ENDS:
            step, rate = (newest["step"], newest.get("rate", 0.0)) if newest else (0, 0.0)
            return RunProgress(run.name, step, total, float(rate), event == "paused")
    return None


def describe_end(run: Run) -> str:
    """How a run that trained a moment ago has ended; empty if somebody stopped, renamed or deleted it, or if it still trains."""
    with suppress(DigittyError, OSError):
        run.config()  # raises if the run has another name now
        last = find_last(run.metrics_path, lambda record: True)
        event = last.get("event") if last else None
        end = event if event in ENDS else "" if run.running() else "interrupted"
        return f"{run.name} {END_TEXT[end]}" if end in END_TEXT else ""
    return ""


def describe_progress(progress: RunProgress, others: int = 0) -> tuple[str, ...]:
    """What the header says of a run, in fewer and fewer words. `others` is the number of further runs that train here."""
    percent, more = f"{progress.percent}%", f" +{others}" if others else ""
    if progress.paused:
        return (f"{progress.run} paused at {percent}{more}", f"paused at {percent}", f"paused {percent}")
    if progress.seconds_left is None:
        return (f"training {progress.run} {percent}{more}", f"{progress.run} {percent}", percent)
    left = format_duration(progress.seconds_left)
    return (
        f"training {progress.run} {percent} · {left} left{more}",
        f"{progress.run} {percent} · {left} left",
        f"{percent} {left} left",
        f"{percent} {left}",
    )
