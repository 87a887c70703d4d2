"""Runs in words: who trains one, what the start says of them, and a line of their list. No screen."""

from __future__ import annotations

import socket
import time
from typing import Any

from rich.cells import set_cell_size

from engine.formatting import format_age, format_size, printable
from engine.runs.run import Run, all_runs
from engine.runs.summary import run_facts

COLUMNS = {"run": 18, "state": 15, "progress": 13, "loss": 6, "age": 7, "size": 7}
"""Their widths; with a space between any two, 71 in all."""


def host(name: str | None = None) -> str:
    """A machine's name, this one's by default, as short as one knows it."""
    return (name or socket.gethostname()).partition(".")[0][:12]


def exists(run: Run) -> bool:
    """Whether it was not deleted meanwhile."""
    return (run.path / "config.json").exists()


def trainer_name(run: Run) -> str:
    """Who trains it: gpubox (pid 4711)"""
    owner = run.owner()
    return f"{host(printable(owner.get('host') or ''))} (pid {printable(owner.get('pid', '?'), 20)})"


def startup_notice() -> str:
    """A run that is being trained; else the newest, where it was cut off and can go on; else nothing."""
    found = all_runs()
    for run in found:
        if run.running():
            doing = "is paused" if run.state().startswith("paused") else "trains"
            return f"{run.name} {doing} on {host(printable(run.owner().get('host') or ''))}: F5 shows it, live"
    states = found[0].states() if found else []
    if states and found[0].state() == "crashed":
        return f"{found[0].name} was interrupted at step {found[0].step()}; F5, then c, goes on from step {states[-1][0]}"
    return ""


def state_word(state: str) -> str:
    """A run's state as the screen says it, in a word."""
    return "interrupted" if state == "crashed" else state.partition(",")[0]


def heading() -> str:
    return _row({name: name for name in COLUMNS})


def line(run: Run) -> str:
    """A line of the list. Reads the whole run: not while somebody waits."""
    facts = run_facts(run)
    if "error" in facts:
        return f"{_cell(run.name, COLUMNS['run'])} can't be read"
    return _row(_cells(facts))


def _cells(facts: dict[str, Any]) -> dict[str, str]:
    return {
        "run": facts["run"],
        "state": state_word(facts["state"]),
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
