"""The options that several commands share, and the SampleConfig that they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

import click

from engine.cli.progress import ProgressLine
from engine.config.compute import Precision, check_device
from engine.config.sampling import ONE_STEP_MOST, SampleConfig, Sampler, Spacing, Variance
from engine.config.sampling import default_for as usual_
from engine.errors import SettingError
from engine.process.processors import check_threads
from engine.runs.weights_names import is_student

Command = Callable[..., Any]


def sampling_options() -> Callable[[Command], Command]:
    """SampleConfig as options."""
    default, student = SampleConfig(), usual_("one-step")
    options = [
        click.option("--sampler", type=click.Choice(get_args(Sampler)), default=default.sampler, show_default=True),
        click.option(
            "--steps",
            type=int,
            default=default.steps,
            help=f"Denoising steps, 1 to 1000, {default.steps} by default; one-step: 1 to {ONE_STEP_MOST}, and {student.steps}.",
        ),
        click.option(
            "--spacing", type=click.Choice(get_args(Spacing)), default=default.spacing, show_default=True, help="Which timesteps are walked."
        ),
        click.option("--eta", type=float, default=default.eta, show_default=True, help="Noise on the way, of dpmpp and ddim: 0 none, 1 as DDPM."),
        click.option("--variance", type=click.Choice(get_args(Variance)), default=default.variance, show_default=True, help="DDPM's sigma²."),
        click.option("--guidance", type=float, default=default.guidance, show_default=True, help="1 is none; above 2 diversity suffers."),
        click.option(
            "--guided-from", type=float, default=default.guided_from, show_default=True, help="Guide above 1 where noise by signal is at least this."
        ),
        click.option(
            "--guided-to", type=float, default=default.guided_to, show_default=True, help="Guide above 1 where noise by signal is below this."
        ),
        click.option(
            "--redraw-below",
            type=float,
            default=default.redraw_below,
            help="Draw a digit again where a reader gives it a smaller probability, "
            f"{default.redraw_below} by default; one-step: {student.redraw_below}; 0 keeps whatever comes.",
        ),
        click.option("--seed", type=int, default=default.seed, show_default=True, help="The same seed draws the same pictures."),
        click.option("--weights", default="shipped", show_default=True, help="shipped, shipped:one-step, shipped:seed, RUN, RUN:best, or a file."),
    ]
    return _all(options)


def force_option(command: Command) -> Command:
    return click.option("--force", is_flag=True, help="Replace the file where it exists.")(command)


def _checked_device(context: click.Context, option: click.Parameter, device: str) -> str:
    check_device(device)
    return device


def _checked_threads(context: click.Context, option: click.Parameter, threads: int | None) -> int | None:
    check_threads(threads)
    return threads


def device_options(command: Command) -> Command:
    """Where to compute, in which precision and with how many threads."""
    return _all(
        [
            click.option(
                "--device",
                metavar="[auto|cpu|cuda|cuda:N|mps]",
                default="auto",
                show_default=True,
                callback=_checked_device,
                help="cuda:1 is the second of several GPUs.",
            ),
            click.option(
                "--precision", type=click.Choice(get_args(Precision)), default="auto", show_default=True, help="auto measures what is fastest here."
            ),
            click.option(
                "--threads",
                type=int,
                callback=_checked_threads,
                help="CPU threads, 1 to the number of processors.  [default: OMP_NUM_THREADS, or as many as torch takes and a cgroup allows]",
            ),
        ]
    )(command)


def _speak_plainly(context: click.Context, option: click.Parameter, plain: bool) -> None:
    ProgressLine.plain = plain


plain_option = click.option(
    "--plain/--no-plain",
    default=False,
    expose_value=False,
    callback=_speak_plainly,
    help="For screen readers: lines that stay, no bars, no pictures.",
)


def _all(options: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def sample_config(given: dict[str, Any], weights: str) -> SampleConfig:
    """Takes SampleConfig's own options out of a command's.

    A student's weights bring their sampler along, and that its steps, unless asked otherwise now, and its redrawing, unless ever chosen.
    """
    source, asked = click.get_current_context().get_parameter_source, click.core.ParameterSource
    if source("sampler") is not asked.COMMANDLINE and is_student(weights):
        given["sampler"] = "one-step"
    if given["sampler"] == "one-step":
        usual = usual_("one-step")
        if source("redraw_below") is asked.DEFAULT:
            given["redraw_below"] = usual.redraw_below
        if source("steps") is not asked.COMMANDLINE:
            given["steps"] = usual.steps
        elif not 1 <= given["steps"] <= ONE_STEP_MOST:
            raise SettingError(f"steps {given['steps']} is outside 1 to {ONE_STEP_MOST}, which is what a one-step student was trained for")
    return SampleConfig(**{name: given.pop(name) for name in SampleConfig.__dataclass_fields__})
