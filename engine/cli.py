"""The jobs without a screen: train, evaluate, runs, export. Plain text on standard error, data on standard output.

Neither torch nor textual is imported before a job begins, so that `--help` is instant. `python -m engine.cli` runs these alone.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, get_args

import click

from engine import config as c
from engine import events as e
from engine import paths, runs
from engine.errors import DigittyError, InputError, RunError, SettingError
from engine.jobs import EvaluateRequest, Jobs, TrainRequest

VERSION_TEXT = "0.1.0"
EXIT_CODES = """\b
Exit codes: 0 done · 1 a fault of digitty's own · 2 what was asked for can't be done
3 no room or a damaged folder · 4 device missing or out of memory · 5 the loss diverged
130 interrupted (ctrl+c), 143 terminated, 129 hung up: what was trained is saved"""


class Stopped(Exception):
    """A signal asked the command to leave; its work is saved."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


@click.group(epilog=EXIT_CODES)
def commands() -> None:
    """Train a diffusion model on MNIST and judge it, without a screen."""


# --- options that several commands share ------------------------------------------------------------------------------

Command = Callable[..., Any]


def sampling_options(steps: int | None = None) -> Callable[[Command], Command]:
    """The options of SampleConfig but the seed's default."""
    default = c.SampleConfig()
    options = [
        click.option("--sampler", type=click.Choice(get_args(c.Sampler)), default=default.sampler, show_default=True),
        click.option("--steps", type=int, default=steps or default.steps, show_default=True, help="Denoising steps, 1 to 1000."),
        click.option(
            "--spacing", type=click.Choice(get_args(c.Spacing)), default=default.spacing, show_default=True, help="Which timesteps are walked."
        ),
        click.option("--eta", type=float, default=default.eta, show_default=True, help="DDIM's noise: 0 none, 1 as DDPM."),
        click.option("--variance", type=click.Choice(get_args(c.Variance)), default=default.variance, show_default=True, help="DDPM's sigma²."),
        click.option("--guidance", type=float, default=default.guidance, show_default=True, help="1 is none; above 2 diversity suffers."),
        click.option("--seed", type=int, default=default.seed, show_default=True, help="The same seed draws the same pictures."),
        click.option("--weights", default="shipped", show_default=True, help="shipped, RUN, RUN:best, or a .safetensors or .pth file."),
    ]
    return _all(options)


def device_options(command: Command) -> Command:
    return _all(
        [
            click.option("--device", type=click.Choice(get_args(c.Device)), default="auto", show_default=True),
            click.option(
                "--precision", type=click.Choice(get_args(c.Precision)), default="auto", show_default=True, help="auto measures what is fastest here."
            ),
        ]
    )(command)


def _all(options: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def sample_config(given: dict[str, Any]) -> c.SampleConfig:
    """Takes SampleConfig's own options out of a command's."""
    return c.SampleConfig(**{name: given.pop(name) for name in c.SampleConfig.__dataclass_fields__})


# --- commands ---------------------------------------------------------------------------------------------------------


@commands.command()
@click.option(
    "--preset",
    type=click.Choice(get_args(c.Preset)),
    default=None,
    help="seed (the guide's network and recipe) or quick (minutes on a CPU).  [default: seed]",
)
@click.option("--epochs", type=int, help="Passes over the 60,000 images.")
@click.option("--steps", type=int, help="Optimiser steps at most; with --epochs, the first reached ends the run.")
@click.option("--batch-size", type=int)
@click.option("--lr", type=float, help="Adam's learning rate.")
@click.option(
    "--lr-schedule", type=click.Choice(get_args(c.LrSchedule)), help="cosine (after 200 warm-up steps) or constant (the seed to the letter)."
)
@click.option("--schedule", type=click.Choice(get_args(c.ScheduleKind)), help="The noise schedule.")
@click.option("--seed", type=int, help="Weights, order and noise follow from it.")
@click.option("--run", help="Name of the new run.")
@click.option("--resume", metavar="RUN", help="Go on with this run.")
@click.option("--limit", type=int, help="Train on the first LIMIT images only.")
@click.option("--compile", is_flag=True, default=None, help="torch.compile the network; worth it on CUDA.")
@device_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object an event on standard output.")
def train(run: str | None, resume: str | None, device: c.Device, precision: c.Precision, as_json: bool, **given: Any) -> None:
    """Train a run, or go on with one. ctrl+c saves and stops."""
    if resume is not None and precision != "auto":
        raise SettingError("--precision can't change on --resume: the run goes on in the one that it recorded")
    request = train_request(run, resume, given)
    reporter = JsonReporter() if as_json else TrainReporter()
    with stoppable() as stopped, closing(Jobs(device, precision).train(request)) as job:
        for event in job:
            reporter.tell(event)
            if stopped():
                job.close()
                reporter.close()
                click.echo("saved; go on with: digitty train --resume " + (reporter.run or resume or "RUN"), err=True)
                raise Stopped(stopped())
    reporter.close()


def train_request(run: str | None, resume: str | None, given: dict[str, Any]) -> TrainRequest:
    """What the options ask for. Raises an InputError that says what does not go together."""
    schedule = given.pop("schedule", None)
    if resume is None:
        config = c.PRESETS[given.pop("preset", None) or "seed"]
        if schedule:
            config = c.changed(config, schedule=c.ScheduleConfig(kind=schedule))
        if run is not None and (paths.runs_dir() / runs.checked(run)).exists():
            raise RunError(f"run {run} exists; go on with --resume {run}, or choose another --run")
        return TrainRequest(c.changed(config, **given), run=run)
    if run is not None:
        raise SettingError("--run names a new run and --resume an old one; use one of them")
    fixed = [name for name, value in {**given, "schedule": schedule}.items() if value is not None and name not in ("epochs", "steps")]
    if fixed:
        raise SettingError(f"--{fixed[0].replace('_', '-')} can't change on --resume; only --epochs and --steps can")
    config = runs.find(resume).config()
    if given["epochs"] is not None or given["steps"] is not None:
        config = c.TrainConfig(**{**vars(config), "epochs": given["epochs"] or config.epochs, "steps": given["steps"]})
    return TrainRequest(config, resume=resume)


@commands.command()
@click.option("--count", type=int, default=1000, show_default=True, help="Digits to draw and judge.")
@sampling_options(steps=20)
@device_options
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON on standard output.")
def evaluate(count: int, weights: str, device: c.Device, precision: c.Precision, as_json: bool, **given: Any) -> None:
    """Judge drawn digits: accuracy on the label asked for, Fréchet distance beside its floor, recall and coverage."""
    request = EvaluateRequest(count, sample_config(given), weights)
    bar = ProgressLine()
    with stoppable() as stopped, closing(Jobs(device, precision).evaluate(request)) as job:
        for event in job:
            if stopped():
                bar.clear()
                raise Stopped(stopped())
            if isinstance(event, e.Preparing):
                bar.show(event.what)
            elif isinstance(event, e.EvaluateProgress):
                bar.show(f"{event.what}  {event.done}/{event.total}", event.done / max(1, event.total))
            elif isinstance(event, e.EvaluateDone):
                bar.clear()
                click.echo(json.dumps(event.report) if as_json else evaluation_text(event.report))


def evaluation_text(report: dict[str, Any]) -> str:
    """The figures of `engine.evaluate.Report`, a line each; a comparison of too few digits is left out."""
    drawn, judge, engine = report["sample"], report["classifier"], report["engine"]
    low, high = report["accuracy_interval"]
    lines = {
        "digits": f"{report['count']:,}, drawn by {report['weights']}",
        "sampler": ", ".join(f"{value}" if name == "sampler" else f"{name} {value}" for name, value in drawn.items()),
        "accuracy": f"{report['accuracy']:.2%}  (95% interval {low:.2%} to {high:.2%})",
        "each digit": "  ".join(f"{digit}: {share:.1%}" for digit, share in enumerate(report["class_accuracy"]) if share is not None),
    }
    if report["frechet"] is not None:
        sides = f"{report['compared']:,} test images"
        beside = f"{report['frechet_ratio']:.2f} times the floor" if report["frechet_ratio"] is not None else "the floor"
        lines["Fréchet"] = f"{report['frechet']:.4g}  ({beside} of {report['frechet_floor']:.4g}, training images against {sides})"
        lines["precision"] = f"{report['precision']:.1%}  of the digits look like one of {sides}"
        lines["recall"] = f"{report['recall']:.1%}  of {sides} look like one of the digits"
        lines["coverage"] = f"{report['coverage']:.1%}  of {sides} have a digit near"
    lines["copying"] = f"{report['memorisation']:.3f}  nearest training image by nearest test image, in pixels; well below 1 is copying"
    lines["judge"] = f"classifier with {judge['features']} features, {judge['test_accuracy']:.2%} on the test set"
    lines["engine"] = f"{engine['device']} {engine['precision']} {engine['layout']}, {duration(report['seconds'])}"
    return "\n".join(f"{name:<10}  {text}" for name, text in lines.items())


@commands.command(name="runs")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a run.")
def list_runs(as_json: bool) -> None:
    """List the runs: state, progress, last loss."""
    found = runs.all_runs()
    if not found and not as_json:
        click.echo("no runs yet; digitty train makes one", err=True)
    for run in found:
        facts = run_facts(run)
        if as_json:
            click.echo(json.dumps(facts))
        elif "error" in facts:
            click.echo(f"{run.name:<20} {facts['error']}")
        else:
            loss = f"loss {facts['loss']:.4f}" if facts["loss"] is not None else "no step yet"
            click.echo(f"{run.name:<20} {facts['state']:<9} step {facts['step']}/{facts['total_steps']}  {loss}")


def run_facts(run: runs.Run) -> dict[str, Any]:
    """What a listing says of a run."""
    try:
        config = run.config()
    except InputError as error:
        return {"run": run.name, "error": str(error)}
    last = run.last(lambda record: "loss" in record)
    step, loss = (last["step"], last["loss"]) if last else (0, None)
    return {"run": run.name, "state": run.state(), "step": step, "total_steps": config.total_steps, "loss": loss, "path": str(run.path)}


@commands.command()
@click.argument("source", metavar="RUN")
@click.argument("file", type=click.Path(path_type=Path))
def export(source: str, file: Path) -> None:
    """Write the weights of RUN (or RUN:best, shipped, or a file) as .safetensors, or as .pth like the seed's."""
    from engine.images import checked

    checked(file, (".safetensors", ".pth"))
    from engine import checkpoint
    from engine.shelf import find_weights

    loaded = find_weights(source)
    if file.suffix.lower() == ".pth":
        checkpoint.save_pth(file, loaded)
    else:
        checkpoint.save_weights(file, loaded)
    click.echo(str(file))


# --- telling ----------------------------------------------------------------------------------------------------------


class ProgressLine:
    """One line on standard error that is written over; on what is not a terminal, a line every ten seconds."""

    WIDTH = 24

    def __init__(self) -> None:
        self._tty = sys.stderr.isatty()
        self._last = -10.0

    def show(self, text: str, fraction: float | None = None) -> None:
        now = time.monotonic()
        if now - self._last < (0.1 if self._tty else 10):
            return
        self._last = now
        if not self._tty:
            click.echo(text, err=True)
            return
        full = round((fraction or 0) * self.WIDTH)
        bar = f"{'━' * full}{'─' * (self.WIDTH - full)} {fraction:4.0%}  " if fraction is not None and _unicode() else ""
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
        click.echo("\r\x1b[K" + (bar + text)[: max(10, columns - 1)], nl=False, err=True)

    def clear(self) -> None:
        if self._tty:
            click.echo("\r\x1b[K", nl=False, err=True)


class TrainReporter:
    """Training in words: a progress line, and a line an epoch that stays."""

    def __init__(self) -> None:
        self.run: str | None = None
        self._bar = ProgressLine()
        self._config = c.TrainConfig()

    def tell(self, event: e.Event) -> None:
        match event:
            case e.Preparing(what):
                self._bar.show(what)
            case e.TrainStarted(run, config, engine, step, parameters):
                self.run, self._config = run, config
                where = f"{engine.device} {engine.precision} {engine.layout}"
                self._say(f"run {run} · {parameters:,} parameters · {where} · {config.total_steps - step:,} steps to go")
            case e.TrainStep():
                left = (self._config.total_steps - event.step) / max(1e-9, event.steps_per_s)
                text = (
                    f"epoch {event.epoch}/{self._config.epochs}  step {event.step}/{self._config.total_steps}  loss {event.loss:.4f}"
                    f"  {event.steps_per_s:.2f} steps/s  {event.images_per_s:.0f} img/s  left {duration(left)}"
                )
                self._bar.show(text, event.step / self._config.total_steps)
            case e.EpochDone(epoch, step, average, seconds, best):
                self._say(f"epoch {epoch}  step {step}  average {average:.4f}{' (best)' if best else ''}  {duration(seconds)}")
            case e.TrainDone(run, step, seconds):
                self._say(f"run {run} finished at step {step} in {duration(seconds)}")

    def close(self) -> None:
        self._bar.clear()

    def _say(self, text: str) -> None:
        self._bar.clear()
        click.echo(text, err=True)


class JsonReporter:
    """Every event but pictures as a JSON object on standard output."""

    def __init__(self) -> None:
        self.run: str | None = None

    def tell(self, event: e.Event) -> None:
        if isinstance(event, e.TrainStarted):
            self.run = event.run
        if isinstance(event, e.Tick | e.Preview):
            return
        click.echo(json.dumps({"event": type(event).__name__, **asdict(event)}))  # type: ignore[call-overload]
        sys.stdout.flush()

    def close(self) -> None:
        pass


def duration(seconds: float) -> str:
    """1:02:03 or 2:03."""
    whole = int(seconds + 0.5)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def _unicode() -> bool:
    return (sys.stderr.encoding or "").lower().replace("-", "").startswith("utf")


# --- leaving ----------------------------------------------------------------------------------------------------------


@contextmanager
def stoppable() -> Iterator[Callable[[], int]]:
    """Within the block a first SIGINT, SIGTERM or SIGHUP only notes its number; a second one acts as it always did."""
    noted = 0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal noted
        noted = number
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup's wish stands
            signal.signal(number, note)
    try:
        yield lambda: noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(group: click.Group, arguments: list[str] | None = None) -> int:
    """Runs a command and turns whatever happens into one line and an exit code."""
    try:
        code = group.main(arguments, prog_name="digitty", standalone_mode=False)  # what context.exit was given, or None
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except DigittyError as error:
        click.echo(f"digitty: {error}", err=True)
        return error.exit_code
    except Stopped as stop:
        return stop.exit_code
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        click.echo(f"digitty: {error.format_message()}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the last flush has somewhere to go
        return 141
    except Exception:
        log = log_unexpected()
        click.echo(f"digitty: a fault of its own, sorry; the details are in {log}", err=True)
        return 1


def log_unexpected() -> Path | None:
    """Writes the exception at hand to the log; returns where. None where there is no writing it, and it is printed instead."""
    try:
        path = paths.made(paths.log_dir()) / "digitty.log"
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=1 << 20, backupCount=2, encoding="utf-8")
    except (OSError, DigittyError):
        logging.getLogger("digitty").exception("unexpected")
        return None
    logger = logging.getLogger("digitty.file")
    logger.propagate = False
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(message)s"))
    logger.addHandler(handler)
    logger.exception("unexpected")
    logger.removeHandler(handler)
    handler.close()
    return path


def main() -> None:
    sys.exit(run(commands))


if __name__ == "__main__":
    main()
