"""`digitty train`: train a run, in this process or in the background."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import click

from engine.cli.options import Decorator, all_options, data_options, device_options, plain_option, setting_option
from engine.cli.output import print_line, print_status
from engine.cli.progress import ProgressLine
from engine.cli.reporters import JsonReporter, SilentReporter, TrainReporter
from engine.cli.run_job import OnSignal, run_job
from engine.config.compute import Device, Precision
from engine.config.data_choice import DataChoice
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
_DATA = settings_of(DataChoice)
_DATA_NAMES = [name for name, each in _DATA.items() if each.option and name != "source"]


def _train_option(name: str, *names: str, **attributes: Any) -> Decorator:
    """The option of a field of TrainConfig; None where it is not given, since it then depends on the preset or the run."""
    return setting_option(_TRAIN[name], *names, **{"default": None, "show_default": False, **attributes})


_OPTIONS: list[Decorator] = [
    _train_option("preset", help=f"{_TRAIN['preset'].help}  [default: seed; with --data: best]"),
    setting_option(_DATA["source"], "data", metavar="SOURCE", default=None, show_default=False),
    data_options(),
    _train_option("start_from", metavar="WEIGHTS"),
    _train_option("teacher", metavar="WEIGHTS"),
    _train_option("pairs"),
    _train_option("writers", metavar="FILE"),
    _train_option("epochs"),
    _train_option("steps"),
    setting_option(_REQUEST["minutes"], show_default=False),
    _train_option("batch_size"),
    _train_option("lr"),
    _train_option("lr_schedule"),
    setting_option(_SCHEDULE, default=None, show_default=False),
    _train_option("timesteps"),
    _train_option("flip", is_flag=True),
    _train_option("augment", metavar="P"),
    _train_option("balance", is_flag=True),
    _train_option("attributes", is_flag=True),
    _train_option("hands", is_flag=True),
    _train_option("text", is_flag=True),
    _train_option("seed"),
    setting_option(_REQUEST["run"], "--name", "run"),
    setting_option(_REQUEST["resume"], metavar="RUN"),
    _train_option("limit"),
    _train_option("keep_every", metavar="N"),
    _train_option("compile", is_flag=True),
    device_options,
    plain_option,
    click.option("--json", "as_json", is_flag=True, help="Print each event as a JSON object on standard output."),
    setting_option(_REQUEST["when_full"]),
    setting_option(DETACH, is_flag=True, show_default=False),
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
    minutes: float | None,
    **options: Any,
) -> None:
    if resume is not None and precision != "auto":
        raise SettingError("--precision can't be changed with --resume: a run keeps the precision that it recorded")
    check_minutes(minutes, resume, options)
    request = replace(train_request(run, resume, options), when_full=when_full, minutes=minutes)
    group = ProcessGroup.from_environment()
    if detach and group.size > 1:
        raise SettingError("--detach is for one process only; to detach torchrun, start it with nohup or setsid")
    if group.leader:
        check_writable(find_run(resume) if resume else None)  # before the seconds that importing torch takes
    if detach:
        start_detached(request, device, precision, threads)
        return
    reporter: TrainReporter = JsonReporter() if as_json else TrainReporter()
    if not group.leader:
        reporter = SilentReporter()
    run_training(request, Jobs(device, precision, threads, group), group, reporter)
    reporter.close()


def run_training(request: TrainRequest, jobs: Jobs, group: ProcessGroup, reporter: TrainReporter) -> None:
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
    """Starts the run in a background process, waits until it trains, and says how to reach it.

    ctrl+c stops the process while it starts; closing the terminal does not.
    """
    process = DetachedProcess(request, device, precision, threads)
    with ProgressLine() as bar:
        try:
            for event in process:
                if isinstance(event, e.Detached):
                    run = event.run
                    bar.clear()
                    print_line(run)
                    print_status(f"run {run} is training in the background. To follow it: digitty watch {run}. To stop it: digitty stop {run}")
                elif isinstance(event, e.Preparing):
                    bar.show(event.what)
        except KeyboardInterrupt:
            bar.clear()
            stopped = process.cancel()
            resume = f"run {stopped} is stopped and saved; resume it with: digitty train --resume {stopped}"
            print_status(resume if stopped else "stopped before training started")
            raise


def train_request(run: str | None, resume: str | None, options: dict[str, Any]) -> TrainRequest:
    """The request that the command line makes. Raises an InputError if options contradict each other."""
    schedule = options.pop("schedule", None)
    if (options.get("preset") == "hand" or options.get("hands")) and options.get("data") is None and options.get("data_root") is not None:
        options["data"] = DataChoice.source  # the folder holds the labels that say who wrote its images
    data = _data_choice(options)
    if resume is not None:
        return replace(_resume_request(run, resume, {**options, "schedule": schedule}), data=_moved_data(data))
    config = PRESETS[options.pop("preset", None) or ("best" if data else "seed")]
    if schedule and (options["start_from"] or config.first_weights):
        raise SettingError("--schedule can't be used with --start-from or a teacher, whose weights determine the noise schedule")
    if not config.model.draws and (schedule or options["timesteps"]):
        raise SettingError(f"--{'schedule' if schedule else 'timesteps'} can't be used with --preset {config.preset}, which adds no noise")
    if options.get("pairs") and not config.teacher:
        raise SettingError(f"--pairs can't be used with --preset {config.preset}, which has no teacher; use --preset one-step")
    if options["timesteps"] and config.teacher:
        raise SettingError("--timesteps can't be used with a teacher: the student only learns to draw from pure noise")
    if schedule:
        config = with_changes(config, schedule=ScheduleConfig(kind=schedule))
    check_run_name(run)
    if data or options["start_from"] or config.first_weights:  # the job knows how many images there are
        limit = options.pop("limit")
        return TrainRequest(with_changes(config, **options), run=run, data=data, fit_epochs=options["epochs"] is None, limit=limit)
    return TrainRequest(_fit_epochs(with_changes(config, **options), options["epochs"]), run=run)


def _data_choice(options: dict[str, Any]) -> DataChoice | None:
    """Takes what was asked about the data out of a command's options. Raises SettingError for options without a source."""
    source = options.pop("data", None)
    others = {name: value for name in _DATA_NAMES if (value := options.pop(name, None)) is not None}
    if source is None and others:
        raise SettingError(f"{_DATA[next(iter(others))].option} says how to prepare your own images; name them with --data")
    return None if source is None else DataChoice(source, **others)


def _moved_data(data: DataChoice | None) -> DataChoice | None:
    """Where the images of a run to resume are now. Raises SettingError for options that would prepare them differently."""
    if data is not None and data != DataChoice(data.source, data_root=data.data_root):
        other = next(name for name in _DATA_NAMES if name != "data_root" and getattr(data, name) != getattr(DataChoice(), name))
        raise SettingError(f"{_DATA[other].option} can't be changed with --resume; for a new run from its weights: --start-from RUN --data SOURCE")
    return data


def check_minutes(minutes: float | None, resume: str | None, options: dict[str, Any]) -> None:
    """Raises SettingError if --minutes is given with an option that also says how long to train."""
    others = [f"--{name}" for name in ("epochs", "steps") if options[name] is not None] + ["--resume"] * (resume is not None)
    if minutes is not None and others:
        more = "; to train a run for longer, use --epochs or --steps" if resume else ""
        raise SettingError(f"--minutes plans a new run from its speed, so it can't be used with {others[0]}{more}")


def check_run_name(run: str | None) -> None:
    """Raises RunError if a run has the name of the new one."""
    if run is not None and name_taken(run):
        raise RunError(f"run {run} already exists; resume it with --resume {run}, or choose another --run")


def _resume_request(run: str | None, resume: str, options: dict[str, Any]) -> TrainRequest:
    """A request with the recorded configuration and other epochs or steps. Raises an InputError for other options."""
    if run is not None:
        raise SettingError("--run names a new run and --resume an existing one; use only one of them")
    fixed = [name for name, value in options.items() if value is not None and name not in ("epochs", "steps")]
    if fixed:
        raise SettingError(f"--{fixed[0].replace('_', '-')} can't be changed with --resume; only --epochs and --steps can")
    config = find_run(resume).config()
    if options["epochs"] is not None or options["steps"] is not None:
        epochs = config.epochs if options["epochs"] is None else options["epochs"]
        config = _fit_epochs(replace(config, epochs=epochs, steps=options["steps"]), options["epochs"])
    return TrainRequest(config, resume=resume)


def _fit_epochs(config: TrainConfig, epochs: int | None) -> TrainConfig:
    """With enough epochs for `config.steps`, unless the command line sets `epochs`: the preset's would end the run earlier."""
    if epochs is not None or config.steps is None:
        return config
    return replace(config, epochs=max(config.epochs, math.ceil(config.steps / config.steps_per_epoch)))
