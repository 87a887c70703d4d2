"""`digitty train`: a run in this process or in one of its own."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import Any, get_args

import click

from engine.cli.options import device_options, plain_option
from engine.cli.output import print_line, print_status
from engine.cli.progress import ProgressLine
from engine.cli.reporters import HandoverReporter, JsonReporter, SilentReporter, TrainReporter
from engine.config import training as c
from engine.config.compute import Device, Precision
from engine.config.model import ScheduleConfig, ScheduleKind
from engine.config.serialize import with_changes
from engine.errors import MovedError, RunError, SettingError
from engine.jobs.detach import DetachedProcess
from engine.jobs.jobs import Jobs
from engine.process.distributed import ProcessGroup
from engine.process.signals import graceful
from engine.protocol import events as e
from engine.protocol.requests import TrainRequest, WhenFull
from engine.runs.control import Command, Control
from engine.runs.manage import check_writable, name_taken
from engine.runs.run import Run, find_run
from engine.storage import paths


@click.command(help="Train a run, or go on with one. ctrl+c saves and stops.")
@click.option(
    "--preset",
    type=click.Choice(get_args(c.Preset)),
    default=None,
    help="seed (the guide's network and recipe), quick (minutes on a CPU), best (what ships) or one-step (a student of it).  [default: seed]",
)
@click.option("--start-from", metavar="WEIGHTS", help="Go on from these weights as a new run: shipped, RUN, RUN:best or a file.")
@click.option("--teacher", metavar="WEIGHTS", help="Of the preset one-step: whom the student learns from.  [default: shipped]")
@click.option("--epochs", type=int, help="Passes over the 60,000 images.")
@click.option("--steps", type=int, help="Optimiser steps at most; with --epochs, the first reached ends the run.")
@click.option("--batch-size", type=int)
@click.option("--lr", type=float, help="The learning rate after the warm-up.")
@click.option("--lr-schedule", type=click.Choice(get_args(c.LrSchedule)), help="cosine (after a warm-up) or constant (the seed to the letter).")
@click.option("--schedule", type=click.Choice(get_args(ScheduleKind)), help="The noise schedule.")
@click.option(
    "--timesteps",
    type=click.Choice(get_args(c.Timesteps)),
    help="Which t a batch holds: any (uniform), each n-th of them once (stratified), that with middling noise oftener (lognormal).",
)
@click.option("--seed", type=int, help="Weights, order and noise follow from it.")
@click.option("--run", "--name", "run", help="Name of the new run. (torchrun takes --run for its own; --name gets through.)")
@click.option("--resume", metavar="RUN", help="Go on with this run.")
@click.option("--limit", type=int, help="Train on the first LIMIT images only.")
@click.option("--compile", is_flag=True, default=None, help="torch.compile the network; worth it on CUDA.")
@device_options
@plain_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object an event on standard output.")
@click.option(
    "--when-full",
    type=click.Choice(["stop", "go-on"]),
    default="stop",
    show_default=True,
    help="Where the disk refuses to save: stop, or go on and try again later.",
)
@click.option("--detach", is_flag=True, help="Train in a process of its own, which survives this terminal.")
@click.option("--into-log", is_flag=True, hidden=True)
def train(
    run: str | None,
    resume: str | None,
    device: Device,
    precision: Precision,
    threads: int | None,
    as_json: bool,
    when_full: WhenFull,
    detach: bool,
    into_log: bool,
    **given: Any,
) -> None:
    if resume is not None and precision != "auto":
        raise SettingError("--precision can't change on --resume: the run goes on in the one that it recorded")
    request = replace(train_request(run, resume, given), when_full=when_full)
    group = ProcessGroup.from_environment()
    if detach and group.size > 1:
        raise SettingError("--detach is for one process; start torchrun itself with nohup or setsid")
    if group.leader:
        check_writable(find_run(resume) if resume else None)  # before the seconds that torch takes
    if detach:
        start_detached(request, device, precision, threads)
        return
    reporter: TrainReporter = HandoverReporter() if into_log else JsonReporter() if as_json else TrainReporter()
    if not group.leader:
        reporter = SilentReporter()
    control = Control()
    with graceful() as leave, closing(Jobs(device, precision, threads, group).train(request, control)) as job:
        group.stopping = lambda: leave.number > 0
        try:
            for event in job:
                reporter.report(event)
                if isinstance(event, e.TrainStarted):
                    leave.patience = reporter.patience
                    leave.begin(lambda: control.send(Command.STOP), once=group.size == 1)
                if leave.number and group.size == 1:
                    _save_and_stop(job, reporter)
                    break
        except MovedError as error:
            if not leave.number:
                raise
            print_status(f"digitty: {error}")  # it is saved where its folder is now, and the signal's exit code stands
        leave.check()
    reporter.close()


def _save_and_stop(job: Generator[e.Event], reporter: TrainReporter) -> None:
    """Closes a training that a signal stops, which saves it, and says how far it came."""
    job.close()
    if name := reporter.run:
        states = Run(paths.runs_dir() / name).states()  # its config.json may be gone
        reporter.report(e.TrainStopped(name, max((step for step, _ in states), default=0)))


def start_detached(request: TrainRequest, device: Device, precision: Precision, threads: int | None = None) -> None:
    """Waits until the process has begun to train, and says how to reach it. ctrl+c takes it back; closing the terminal does not."""
    bar = ProgressLine()
    process = DetachedProcess(request, device, precision, threads)
    try:
        for event in process:
            if isinstance(event, e.Detached):
                run = event.run
                bar.clear()
                print_line(run)
                print_status(f"run {run} trains in a process of its own; digitty shows it, or: digitty watch {run} · digitty stop {run}")
            elif isinstance(event, e.Preparing):
                bar.show(event.what)
    except KeyboardInterrupt:
        bar.clear()
        stopped = process.cancel()
        print_status(
            f"run {stopped} is stopped, saved; go on with: digitty train --resume {stopped}" if stopped else "stopped before it began; nothing trains"
        )
        raise


def train_request(run: str | None, resume: str | None, given: dict[str, Any]) -> TrainRequest:
    """What the options ask for. Raises an InputError that says what does not go together."""
    schedule = given.pop("schedule", None)
    if resume is None:
        config = c.PRESETS[given.pop("preset", None) or "seed"]
        if schedule and (given["start_from"] or config.teacher):
            raise SettingError("--schedule can't be chosen with --start-from or a teacher: the noise schedule is that of the weights")
        if given["timesteps"] and config.teacher:
            raise SettingError("--timesteps can't be chosen with a teacher: its student learns to draw from noise alone")
        if schedule:
            config = with_changes(config, schedule=ScheduleConfig(kind=schedule))
        if run is not None and name_taken(run):
            raise RunError(f"run {run} exists; go on with --resume {run}, or choose another --run")
        return TrainRequest(_long_enough(with_changes(config, **given), given["epochs"]), run=run)
    if run is not None:
        raise SettingError("--run names a new run and --resume an old one; use one of them")
    fixed = [name for name, value in {**given, "schedule": schedule}.items() if value is not None and name not in ("epochs", "steps")]
    if fixed:
        raise SettingError(f"--{fixed[0].replace('_', '-')} can't change on --resume; only --epochs and --steps can")
    config = find_run(resume).config()
    if given["epochs"] is not None or given["steps"] is not None:
        epochs = config.epochs if given["epochs"] is None else given["epochs"]
        config = _long_enough(replace(config, epochs=epochs, steps=given["steps"]), given["epochs"])
    return TrainRequest(config, resume=resume)


def _long_enough(config: c.TrainConfig, epochs: int | None) -> c.TrainConfig:
    """With as many epochs as the steps take, where no `epochs` were asked for: else those of the preset would end the run before."""
    if epochs is not None or config.steps is None:
        return config
    return replace(config, epochs=max(config.epochs, math.ceil(config.steps / config.steps_per_epoch)))
