"""The commands that list, stop, pause, resume, delete and rename runs, whichever process trains them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click

from engine.cli.output import print_line, print_status
from engine.errors import RunError
from engine.formatting import format_age, format_size, printable
from engine.runs import liveness
from engine.runs.control import Command, send_command
from engine.runs.liveness import Life
from engine.runs.manage import check_free_name, check_idle, delete_run, rename_run
from engine.runs.run import Run, all_runs, find_run
from engine.runs.summary import run_facts, shown_state

ANSWER = 60.0
"""Seconds within which a run must obey: the time of a step and a save."""


@click.command(name="runs", help="List the runs with their state, progress, last loss, age and size.")
@click.option("--json", "as_json", is_flag=True, help="Print each run as a JSON object.")
def list_runs(as_json: bool) -> None:
    found = all_runs()
    if not found and not as_json:
        print_status("no runs yet; start one with: digitty train")
    for run in found:
        facts = run_facts(run)
        if as_json:
            click.echo(json.dumps(facts))
        else:
            print_line(run_line(facts))


def run_line(facts: dict[str, Any]) -> str:
    """A line of `digitty runs`."""
    if "error" in facts:
        return f"{facts['run']:<20} {facts['error']}"
    loss = f"loss {facts['loss']:.4f}" if facts["loss"] is not None else "no step yet"
    state = shown_state(facts) + (" here" if facts["state"] == "running" else "")
    done = f"step {facts['step']}/{facts['total_steps']}"
    age, size = format_age(time.time() - facts["written"]), format_size(facts["bytes"])
    return f"{facts['run']:<20} {state:<14} {done:<18} {loss:<12} {age:>8}  {size:>7}  {facts['data_shown']}".rstrip()


@click.command(help="Save and stop RUN, whichever process trains it. It can be resumed. Default: the run that trains now.")
@click.argument("run", metavar="[RUN]", required=False)
def stop(run: str | None) -> None:
    _request(find_or_newest(run), Command.STOP, lambda state: not state.startswith(("running", "paused", "unknown")))


@click.command(help="Save and pause RUN. Default: the run that trains now.")
@click.argument("run", metavar="[RUN]", required=False)
def pause(run: str | None) -> None:
    _request(find_or_newest(run), Command.PAUSE, lambda state: not state.startswith(("running", "unknown")))


@click.command(help="Resume RUN from a pause. If it was stopped, use: digitty train --resume RUN.")
@click.argument("run", metavar="[RUN]", required=False)
def resume(run: str | None) -> None:
    _request(find_or_newest(run), Command.RUN, lambda state: not state.startswith(("paused", "unknown")))


@click.command(help="Delete RUN with all its weights and previews.")
@click.argument("run", metavar="RUN")
@click.option("--yes", is_flag=True, help="Delete without asking.")
def delete(run: str, yes: bool) -> None:
    found = find_run(run)
    _watch_heartbeat(found)
    check_idle(found)
    if not yes:
        confirm(f"delete {run} ({format_size(found.size())}) for good?")
    target = delete_run(found)
    print_status(f"removed the link {run}; its data stays in {target}" if target else f"deleted {run}")


@click.command(help="Rename RUN to NAME.")
@click.argument("run", metavar="RUN")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Rename without asking.")
def rename(run: str, name: str, yes: bool) -> None:
    found = find_run(run)
    check_free_name(name)
    _watch_heartbeat(found)
    check_idle(found)
    if not yes:
        confirm(f"rename {run} to {name}?")
    rename_run(found, name)
    print_status(f"{run} is now {name}")


COMMANDS = (list_runs, stop, pause, resume, delete, rename)


def find_or_newest(name: str | None) -> Run:
    """The run of that name; without a name one that trains now, or else the one that was written last. Raises RunError."""
    if name is not None:
        return find_run(name)
    found = all_runs()
    if not found:
        raise RunError("no runs yet; start one with: digitty train")
    return next((run for run in found if run.running()), found[0])


def _request(run: Run, command: Command, obeyed: Callable[[str], bool]) -> None:
    """Sends the command and waits until the run's state says that it is obeyed. Raises RunError if that takes longer than ANSWER."""
    sight = run.sight()
    if sight.life is Life.GONE:
        more = " --epochs N" if run.state() == "finished" else ""
        raise RunError(f"run {run.name} is not being trained ({run.state()}); resume it with: digitty train --resume {run.name}{more}")
    if sight.life is Life.UNKNOWN:
        print_status(f"{run.name}  unknown, {sight.heard}; sending the command and watching its heartbeat")
    send_command(run.control_path, command)
    until = time.monotonic() + ANSWER
    while time.monotonic() < until:
        if obeyed(state := run.state()):
            print_status(f"{run.name}  {state}  step {run.step()}")
            return
        time.sleep(0.1)
    raise RunError(f"run {run.name} did not answer within {ANSWER:.0f} s. It is being trained by {run.writer()}. Try again, or end that process")


def _watch_heartbeat(run: Run) -> None:
    """Wait until it is known whether a process on another machine still writes the run: only its heartbeat can tell."""
    if (sight := run.sight()).life is not Life.UNKNOWN:
        return
    print_status(f"{run.writer()} may still be training {run.name}, {sight.heard}; watching its heartbeat for {liveness.SILENT:.0f} s")
    while run.sight().life is Life.UNKNOWN:
        time.sleep(0.2)


def confirm(question: str) -> None:
    """Raises RunError if the answer is no, or if standard input is not a terminal."""
    if not sys.stdin.isatty():
        raise RunError(f"{question} Confirm with --yes")
    with suppress(click.Abort):
        if click.confirm(printable(question), err=True):
            return
    raise RunError("nothing was changed")
