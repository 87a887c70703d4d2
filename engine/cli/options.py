"""Command-line options, made from the descriptions of settings, and the options that several commands share.

The settings of drawing and of data are imported where a command has them, so that `--help` is instant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, get_args

import click

from engine.cli.progress import ProgressLine
from engine.config.compute import DEVICE, PRECISION, THREADS, check_device
from engine.config.fields import Setting, settings_of
from engine.errors import SettingError
from engine.process.processors import check_threads

if TYPE_CHECKING:
    from engine.config.condition_options import AskedOptions
    from engine.config.sampling import SampleConfig, Sampler
    from engine.runs.conditional_weights import HowToChoose

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]

SAMPLING = ("sampler", "steps", "spacing", "eta", "variance", "guidance", "guided_from", "guided_to", "redraw_below", "seed")
"""The fields of SampleConfig, in the order of --help."""
PLAIN = Setting(False, "For screen readers: lines instead of progress bars and pictures.", kind=bool, option="--plain/--no-plain")


def setting_option(setting: Setting, *names: str, **attributes: Any) -> Decorator:
    """The option of a setting. `names` are other names for it; `attributes` of click.option come before those of the setting."""
    kind = click.Choice(setting.choices) if setting.choices else setting.kind
    own = {"type": kind, "default": setting.default, "show_default": True, "help": setting.help}
    return click.option(setting.option, *names, **{**own, **attributes})


def all_options(options: Sequence[Decorator]) -> Decorator:
    """One decorator that adds the options in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def sampling_options() -> Decorator:
    """The fields of SampleConfig as options, and --weights."""
    from engine.config.sampling import SampleConfig, Sampler, default_for
    from engine.protocol.requests import DrawRequest

    options = []
    for name, setting in ((name, settings_of(SampleConfig)[name]) for name in SAMPLING):
        own = ((sampler, getattr(default_for(sampler), name)) for sampler in get_args(Sampler))
        special = [f"{sampler}: {value}" for sampler, value in own if name != "sampler" and value != setting.default]
        options.append(setting_option(setting, show_default="; ".join([str(setting.default), *special]) if special else True))
    return all_options([*options, setting_option(settings_of(DrawRequest)["weights"])])


def condition_options() -> Decorator:
    """The fields of AskedOptions: what every picture shall show."""
    from engine.config.condition_options import AskedOptions

    def attributes(each: Setting) -> dict[str, Any]:
        metavar = {} if each.choices else {"metavar": "VALUE" if each.default is None else "N|FILE"}
        return {"multiple": each.default == (), "show_default": False, **metavar}

    return all_options([setting_option(each, **attributes(each)) for each in settings_of(AskedOptions).values()])


def asked_options(options: dict[str, Any]) -> AskedOptions:
    """Take the fields of AskedOptions out of a command's options."""
    from engine.config.condition_options import AskedOptions

    return AskedOptions(**{name: options.pop(name) for name in settings_of(AskedOptions)})


def data_options() -> Decorator:
    """The fields of DataChoice that say what to make of a source: --size and the others. They are None where they are not given."""
    from engine.config.data_choice import DataChoice

    described = {name: each for name, each in settings_of(DataChoice).items() if each.option and name != "source"}
    return all_options([setting_option(each, default=None, show_default=False, is_flag=each.kind is bool) for each in described.values()])


def force_option(command: Command) -> Command:
    return click.option("--force", is_flag=True, help="Replace the file if it exists.")(command)


def _check_device(context: click.Context, option: click.Parameter, device: str) -> str:
    check_device(device)
    return device


def _check_threads(context: click.Context, option: click.Parameter, threads: int | None) -> int | None:
    check_threads(threads)
    return threads


def device_options(command: Command) -> Command:
    """Where to compute, in which precision and with how many threads."""
    options = [
        setting_option(DEVICE, metavar="[auto|cpu|cuda|cuda:N|mps]", callback=_check_device),
        setting_option(PRECISION),
        setting_option(THREADS, type=int, default=None, callback=_check_threads),
    ]
    return all_options(options)(command)


def _set_plain(context: click.Context, option: click.Parameter, plain: bool) -> None:
    ProgressLine.plain = plain


plain_option = setting_option(PLAIN, show_default=False, expose_value=False, callback=_set_plain)


def sample_config(options: dict[str, Any], weights: str) -> SampleConfig:
    """Take the fields of SampleConfig out of a command's options.

    The weights of a one-step student select the sampler one-step unless the command line names another; other weights on the command line
    deselect it where config.toml names it. The samplers one-step and ddpm bring their own number of steps unless the command line sets it, or
    config.toml sets both. `redraw_below` is what suits sampler and weights unless one of them sets it.
    """
    from engine.config.sampling import ONE_STEP_MOST, SampleConfig, default_for
    from engine.runs.readers import usual_redraw_below
    from engine.runs.weights_names import is_student

    source_of, source = click.get_current_context().get_parameter_source, click.core.ParameterSource
    if source_of("sampler") is not source.COMMANDLINE:
        if is_student(weights):
            options["sampler"] = "one-step"
        elif options["sampler"] == "one-step" and source_of("weights") is source.COMMANDLINE:
            options["sampler"] = SampleConfig.sampler
    own = default_for(options["sampler"])
    if source_of("redraw_below") is source.DEFAULT:
        options["redraw_below"] = usual_redraw_below(weights, own.sampler)
    if source_of("steps") is source.DEFAULT or (source_of("steps") is not source.COMMANDLINE and _has_own_steps(own, source_of("sampler"))):
        options["steps"] = own.steps
    elif own.sampler == "one-step" and not 1 <= options["steps"] <= ONE_STEP_MOST:
        raise SettingError(f"steps {options['steps']} is outside 1 to {ONE_STEP_MOST}, the range that a one-step student was trained for")
    return SampleConfig(**{name: options.pop(name) for name in SAMPLING})


def _has_own_steps(own: SampleConfig, chosen: click.core.ParameterSource | None) -> bool:
    """Whether config.toml's steps were meant for another sampler: always for one-step, and for ddpm on the command line."""
    return own.sampler == "one-step" or (own.sampler == "ddpm" and chosen is click.core.ParameterSource.COMMANDLINE)


def how_to_choose(chosen: str) -> HowToChoose:
    """How to choose other weights than `chosen` on this command line, where --sampler one-step may stand in the way."""
    from engine.runs.weights_names import is_student

    context, source = click.get_current_context(), click.core.ParameterSource
    in_the_way = context.get_parameter_source("sampler") is source.COMMANDLINE and context.params["sampler"] == "one-step"

    def how(*, weights: str) -> str:
        use = f"use --weights {weights}"
        if not in_the_way or is_student(weights):
            return use
        return "leave out --sampler one-step" + ("" if weights == chosen else f", and {use}")

    return how


def fitted_weights(weights: str, sampler: Sampler) -> str:
    """The weights that draw with this sampler: for one-step, `shipped` means the shipped student. config.toml's weights give way to the sampler."""
    from engine.runs.weights_names import fit_weights

    context, source = click.get_current_context(), click.core.ParameterSource
    if weights != "shipped" and context.get_parameter_source("weights") is source.COMMANDLINE:
        return weights  # the engine says what is wrong where they don't fit
    return fit_weights(weights, sampler)
