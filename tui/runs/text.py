"""Runs in words: a run's trainer, the notice at startup, and the lines of the list of runs. No screen."""

from __future__ import annotations

import socket
import time
from typing import Any

from rich.cells import set_cell_size

from engine.formatting import format_age, format_size, printable
from engine.runs.run import Run, all_runs
from engine.runs.summary import run_facts, shown_state
from engine.runs.weights_names import data_of

COLUMNS = {"run": 18, "state": 15, "progress": 13, "loss": 6, "age": 7, "size": 7}
"""The width of each column of the list; with the spaces between them, 71 in all."""


def host(name: str | None = None) -> str:
    """The short name of a machine, by default of this one."""
    return (name or socket.gethostname()).partition(".")[0][:12]


def exists(run: Run) -> bool:
    """Whether the run still has this path: it has been neither deleted nor renamed."""
    return (run.path / "config.json").exists()


def trainer_name(run: Run) -> str:
    """The host and the process that train the run: gpubox (pid 4711)"""
    owner = run.owner()
    return f"{host(printable(owner.get('host') or ''))} (pid {printable(owner.get('pid', '?'), 20)})"


def trained_here() -> Run | None:
    """A run that a process of this machine trains now; None where none does."""
    return next((run for run in all_runs() if run.running() and run.owner().get("host") == socket.gethostname()), None)


def startup_notice() -> str:
    """A notice about a run that is being trained; else about the newest if it was interrupted and can be resumed; else an empty text."""
    runs = all_runs()
    for run in runs:
        if run.running():
            activity = "is paused" if run.state().startswith("paused") else "is training"
            return f"{run.name} {activity} on {host(printable(run.owner().get('host') or ''))}. Press F5 to watch it."
    newest = runs[0] if runs else None
    states = newest.states() if newest else []
    if newest and states and newest.state() == "interrupted":
        return f"{newest.name} was interrupted at step {newest.step()}. Press F5, then c to continue from step {states[-1][0]}."
    return ""


def heading() -> str:
    return _row({name: name for name in COLUMNS})


def describe_run(run: Run, activity: str = "") -> str:
    """A line of the list, and below it what the run trains on unless that is MNIST. Reads all files of the run, so call it in the background.

    `activity` says what it does now, if its files do not show it.
    """
    facts = run_facts(run)
    if "error" in facts:
        return f"{_cell(run.name, COLUMNS['run'])} can't be read"
    row = _row(_cells({**facts, "state": activity or shown_state(facts)}))
    return f"{row}\n  trained on {facts['data_shown']}" if facts["data_shown"] else row


def with_data(name: str) -> str:
    """The name of a run with what it trains on unless that is MNIST: fashion-1 (Fashion-MNIST 28)"""
    short = data_of(name).short_name
    return f"{name} ({short})" if short else name


def _cells(facts: dict[str, Any]) -> dict[str, str]:
    return {
        "run": facts["run"],
        "state": facts["state"].partition(",")[0],
        "progress": f"{facts['step']}/{facts['total_steps']}",
        "loss": "-" if facts["loss"] is None else f"{facts['loss']:.4f}",
        "age": format_age(time.time() - facts["written"]),
        "size": format_size(facts["bytes"]),
    }


def _row(cells: dict[str, str]) -> str:
    return " ".join(_cell(cells[name], width, right=name in ("age", "size")) for name, width in COLUMNS.items())


def _cell(text: str, width: int, right: bool = False) -> str:
    if len(text) > width:
        text = text[: width - 1] + "…"
    return " " * (width - len(text)) + text if right else set_cell_size(text, width)
