"""`digitty train`: a run in this process or in one of its own."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import click

from engine.cli.options import Decorator, all_options, device_options, plain_option, setting_option
from engine.cli.output import print_line, print_status
from engine.cli.progress import ProgressLine
from engine.cli.reporters import HandoverReporter, JsonReporter, SilentReporter, TrainReporter
from engine.cli.run_job import OnSignal, run_job
from engine.config.compute import Device, Precision
from engine.config.fields import settings_of
from engine.config.model import ScheduleConfig
from engine.config.serialize import with_changes
from engine.config.training import PRESETS, TrainConfig
from engine.errors import RunError, SettingError
from engine.jobs.detach import DetachedProcess
from engine.jobs.jobs import Jobs
from engine.process.distributed import ProcessGroup
from engine.protocol import events as e
from engine.protocol.requests import DETACH, TrainRequest, WhenFull
from engine.runs.control import Command, Control
from engine.runs.manage import check_writable, name_taken
from engine.runs.run import Run, find_run
from engine.storage import paths

_TRAIN, _REQUEST, _SCHEDULE = settings_of(TrainConfig), settings_of(TrainRequest), settings_of(ScheduleConfig)["kind"]


def _train_option(name: str, *names: str, **attributes: Any) -> Decorator:
    """The option of a field of TrainConfig; None where it is not given, since it then depends on the preset or the run."""
    return setting_option(_TRAIN[name], *names, **{"default": None, "show_default": False, **attributes})


_OPTIONS: list[Decorator] = [
    _train_option("preset", help=f"{_TRAIN['preset'].help}  [default: seed]"),
    _train_option("start_from", metavar="WEIGHTS"),
    _train_option("teacher", metavar="WEIGHTS"),
    _train_option("epochs"),
    _train_option("steps"),
    _train_option("batch_size"),
    _train_option("lr"),
    _train_option("lr_schedule"),
    setting_option(_SCHEDULE, default=None, show_default=False),
    _train_option("timesteps"),
    _train_option("seed"),
    setting_option(_REQUEST["run"], "--name", "run"),
    setting_option(_REQUEST["resume"], metavar="RUN"),
    _train_option("limit"),
    _train_option("compile", is_flag=True),
    device_options,
    plain_option,
    click.option("--json", "as_json", is_flag=True, help="Print each event as a JSON object on standard output."),
    setting_option(_REQUEST["when_full"]),
    setting_option(DETACH, is_flag=True, show_default=False),
    click.option("--into-log", is_flag=True, hidden=True),
]


@click.command(help="Train a new run, or resume one. ctrl+c saves and stops.")
@all_options(_OPTIONS)
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
    **options: Any,
) -> None:
    if resume is not None and precision != "auto":
        raise SettingError("--precision can't change on --resume: a run keeps the precision that it recorded")
    request = replace(train_request(run, resume, options), when_full=when_full)
    group = ProcessGroup.from_environment()
    if detach and group.size > 1:
        raise SettingError("--detach is for one process; start torchrun itself with nohup or setsid")
    if group.leader:
        check_writable(find_run(resume) if resume else None)  # before the seconds that importing torch takes
    if detach:
        start_detached(request, device, precision, threads)
        return
    reporter: TrainReporter = HandoverReporter() if into_log else JsonReporter() if as_json else TrainReporter()
    if not group.leader:
        reporter = SilentReporter()
    _train(request, Jobs(device, precision, threads, group), group, reporter)
    reporter.close()


def _train(request: TrainRequest, jobs: Jobs, group: ProcessGroup, reporter: TrainReporter) -> None:
    """Trains to the end. A signal closes the job, which saves; the ranks of a group instead agree to stop together."""
    control = Control()

    def note_signal() -> None:
        control.send(Command.STOP)
        group.stopping = lambda: True

    on_signal = OnSignal(e.TrainStarted, note_signal, reporter.patience, close=group.size == 1, closed=lambda: _report_stopped(reporter))
    run_job(jobs.train(request, control), reporter.report, on_signal)


def _report_stopped(reporter: TrainReporter) -> None:
    """Says how far the run came, unless the job has done so itself."""
    if reporter.run and not reporter.ended:
        states = Run(paths.runs_dir() / reporter.run).states()  # its config.json may be gone
        reporter.report(e.TrainStopped(reporter.run, max((step for step, _ in states), default=0)))


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
        config = PRESETS[given.pop("preset", None) or "seed"]
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


def _long_enough(config: TrainConfig, epochs: int | None) -> TrainConfig:
    """With as many epochs as the steps take, where no `epochs` were asked for: else those of the preset would end the run before."""
    if epochs is not None or config.steps is None:
        return config
    return replace(config, epochs=max(config.epochs, math.ceil(config.steps / config.steps_per_epoch)))
