"""The commands about runs: list, watch, stop, pause, resume, delete, rename. What they do reaches a run whoever trains it."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from typing import Any

import click

from engine.cli import watch as watching
from engine.cli.output import print_line, print_status
from engine.errors import RunError
from engine.formatting import format_age, format_size, printable
from engine.runs import liveness
from engine.runs.control import Command, send_command
from engine.runs.liveness import Life
from engine.runs.manage import delete_run, rename_run
from engine.runs.run import Run, all_runs, check_name, find_run
from engine.runs.summary import run_facts

ANSWER = 60.0
"""Seconds that a run is given to do what it was asked: a step, and a save."""


@click.command(name="runs", help="List the runs: state, progress, last loss, age, size.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a run.")
def list_runs(as_json: bool) -> None:
    found = all_runs()
    if not found and not as_json:
        print_status("no runs yet; digitty train makes one")
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
    state = facts["state"] + (" here" if facts["state"] == "running" else "")
    done = f"step {facts['step']}/{facts['total_steps']}"
    return f"{facts['run']:<20} {state:<14} {done:<18} {loss:<12} {format_age(time.time() - facts['written']):>8}  {format_size(facts['bytes']):>7}"


@click.command(help="Follow RUN in plain text, a line a second, until it ends; by default the one that trains now. ctrl+c only stops watching.")
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--every", type=click.FloatRange(0.1, 3600), default=1.0, show_default=True, help="Seconds between lines.")
def watch(run: str | None, every: float) -> None:
    for line in watching.watch(chosen(run), every):
        print_line(line)
        sys.stdout.flush()


@click.command(help="Stop RUN, wherever it trains: it saves, and can go on later. By default the one that trains now.")
@click.argument("run", metavar="[RUN]", required=False)
def stop(run: str | None) -> None:
    _ask(chosen(run), Command.STOP, lambda state: not state.startswith(("running", "paused", "unknown")))


@click.command(help="Let RUN wait; it saves first. By default the one that trains now.")
@click.argument("run", metavar="[RUN]", required=False)
def pause(run: str | None) -> None:
    _ask(chosen(run), Command.PAUSE, lambda state: not state.startswith(("running", "unknown")))


@click.command(help="Let a paused RUN go on. One that was stopped goes on with: digitty train --resume RUN.")
@click.argument("run", metavar="[RUN]", required=False)
def resume(run: str | None) -> None:
    _ask(chosen(run), Command.RUN, lambda state: not state.startswith(("paused", "unknown")))


@click.command(help="Delete RUN with all its weights and pictures.")
@click.argument("run", metavar="RUN")
@click.option("--yes", is_flag=True, help="Don't ask.")
def delete(run: str, yes: bool) -> None:
    found = find_run(run)
    if not yes:
        _sure(f"delete {run}, {format_size(found.size())}, for good?")
    _watch_heartbeat(found)
    target = delete_run(found)
    print_status(f"removed the link {run}; its data stays in {target}" if target else f"deleted {run}")


@click.command(help="Give RUN another NAME.")
@click.argument("run", metavar="RUN")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
def rename(run: str, name: str, yes: bool) -> None:
    found = find_run(run)
    check_name(name)
    if not yes:
        _sure(f"rename {run} to {name}?")
    _watch_heartbeat(found)
    rename_run(found, name)
    print_status(f"{run} is now {name}")


COMMANDS = (list_runs, watch, stop, pause, resume, delete, rename)


def chosen(name: str | None) -> Run:
    """The run of that name, else one that trains now, else the one written last. Raises RunError."""
    if name is not None:
        return find_run(name)
    found = all_runs()
    if not found:
        raise RunError("no runs yet; digitty train makes one")
    return next((run for run in found if run.running()), found[0])


def _ask(run: Run, command: Command, granted: Any) -> None:
    """Sends the command and waits for its effect."""
    sight = run.sight()
    if sight.life is Life.GONE:
        more = " --epochs N" if run.state() == "finished" else ""
        raise RunError(f"run {run.name} is not being trained ({run.state()}); go on with: digitty train --resume {run.name}{more}")
    if sight.life is Life.UNKNOWN:
        print_status(f"{run.name}  unknown, {sight.heard}: asked, and watching its heartbeat")
    send_command(run.control_path, command)
    until = time.monotonic() + ANSWER
    while time.monotonic() < until:
        if granted(state := run.state()):
            print_status(f"{run.name}  {state}  step {run.step()}")
            return
        time.sleep(0.1)
    raise RunError(f"run {run.name} did not answer within {ANSWER:.0f} s; it is {run.writer()}")


def _watch_heartbeat(run: Run) -> None:
    """Where only that can tell whether a process on another machine still writes the run."""
    if (sight := run.sight()).life is not Life.UNKNOWN:
        return
    print_status(f"{run.writer()} may still train {run.name}, {sight.heard}: watching its heartbeat for {liveness.SILENT:.0f} s")
    while run.sight().life is Life.UNKNOWN:
        time.sleep(0.2)


def _sure(question: str) -> None:
    """Raises RunError where the answer is no, or nobody is there to answer."""
    if not sys.stdin.isatty():
        raise RunError(f"{question} Say so with --yes")
    with suppress(click.Abort):
        if click.confirm(printable(question), err=True):
            return
    raise RunError("nothing was changed")
