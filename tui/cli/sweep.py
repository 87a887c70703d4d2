"""`digitty sweep`: draw a prompt from the same noise with every combination of some settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from engine.cli.options import Decorator, all_options, device_options, force_option, plain_option, setting_option
from engine.cli.output import print_status
from engine.cli.progress import BETWEEN, ProgressLine
from engine.cli.run_job import run_with_progress
from engine.config.compute import Device, Precision
from engine.config.fields import settings_of
from engine.config.sampling import SampleConfig, default_for
from engine.config.sweep import AXES, EXAMPLES, Sweep, parse_values, plan_sweep
from engine.errors import SettingError
from engine.formatting import format_duration
from engine.jobs.jobs import Jobs
from engine.process.signals import interruptible
from engine.protocol import events as e
from engine.protocol.requests import DrawRequest, SweepRequest
from engine.protocol.sweep_events import CellDone, CellProgress, SweepDone
from engine.runs.conditional_weights import check_told
from engine.runs.prompts import conditions_of, read_for, told_to
from engine.runs.weights_names import data_of, is_student, locate_weights, model_of
from engine.storage import images
from engine.storage.sheet import save_sheet, sweep_json
from tui.cli.options import chosen_graphics, color_option, graphics_option
from tui.render.sweep_rows import describe_missed, print_plain, print_rows, sheet_title

SHARED = ("spacing", "eta", "variance", "guided_from", "guided_to")
"""The fields of SampleConfig that all drawings of a sweep share."""
LIST_HELP = {
    "weights": "Weights to compare: shipped, shipped:labels, shipped:one-step, shipped:seed, shipped:fashion, RUN, RUN:best, or a file.",
    "sampler": "Samplers to compare. Without --steps each takes its usual number: ddpm 1000, ddim 50, dpmpp 14, one-step 1.",
    "seed": "Random seeds. Within one seed, all drawings start from the same noise.",
    "guidance": "Guidance scales; 1 is no guidance.",
    "steps": "Numbers of denoising steps.",
    "thickness": "Thicknesses of the strokes, in pixels.",
    "slant": "Slants, in degrees.",
    "width": "Widths, in pixels.",
    "length": "Lengths of all strokes together, in pixels.",
}


def _list_options() -> Decorator:
    """An option for each axis. Its value is a list with commas."""
    options = []
    for name in AXES:
        default = DrawRequest.weights if name == "weights" else getattr(SampleConfig, name, None)
        text = f"{LIST_HELP[name]} A list such as {EXAMPLES[name]}."
        options.append(click.option(f"--{name}", default=None if default is None else str(default), show_default=True, metavar="LIST", help=text))
    return all_options(options)


@click.command(
    help="Draw PROMPT from the same noise with every combination of some settings. "
    "Up to three options take a list, such as --guidance 1,1.4,2 --steps 4,8,14. Nothing is redrawn, since that would change its noise. "
    "With weights that are told attributes, digitty sweep 0-9 --slant -20,-10,0,10,20 shows what slant does, and likewise --thickness, --width "
    "and --length."
)
@click.argument("prompt", nargs=-1, required=True)
@_list_options()
@all_options([setting_option(settings_of(SampleConfig)[name]) for name in SHARED])
@click.option(
    "--out", type=click.Path(path_type=Path), help="Also write a .png with all pictures, their settings beside them and their recipes inside."
)
@force_option
@device_options
@color_option
@graphics_option
@plain_option
@click.option("--json", "as_json", is_flag=True, help="Print the settings, evaluations and seconds as JSON, and no pictures.")
@click.pass_obj
def sweep(
    shared_color: str | None,
    /,
    color: str | None,
    prompt: tuple[str, ...],
    out: Path | None,
    force: bool,
    device: Device,
    precision: Precision,
    threads: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    plan = _plan(options)
    _check_classes([cell.weights for cell in plan.cells])
    text, weights, seed = " ".join(prompt), plan.cells[0].weights, plan.cells[0].sample.seed
    target = read_for(weights, text, seed)
    indices = (0,) * len(target.labels) if target.shared_noise else None
    request = SweepRequest(target.labels, plan.cells, indices, conditions=conditions_of(target, told_to(weights), seed))
    for drawing in request.drawings():
        if model := model_of(drawing.weights):
            check_told(drawing.conditions or (), model, drawing.weights)
    if out is not None:
        images.check_output_path(out, (".png",), force)
    done = run_with_progress(Jobs(device, precision, threads).sweep(request), SweepDone, _describer(plan))
    if out is not None:
        with interruptible():
            save_sheet(out, sheet_title(text, done.cells), plan, done.cells)
    if as_json:
        click.echo(json.dumps({**sweep_json(plan, done.cells), "seconds": round(done.seconds, 6)}))
    elif ProgressLine.plain:
        print_plain(plan, done.cells)
    else:
        print_rows(plan, done.cells, color or shared_color or "auto", chosen_graphics())
        print_status(f"{sheet_title(text, done.cells)} · {done.seconds:.2f} s")
    if not as_json and (missed := describe_missed(plan, done.cells)):
        print_status(missed)
    if out is not None:
        print_status(f"saved {out}")


def _plan(options: Mapping[str, str]) -> Sweep:
    """The sweep that the options describe. Lists from config.toml have one value, and leave samplers their usual steps."""
    source_of, source = click.get_current_context().get_parameter_source, click.core.ParameterSource
    values = {name: parse_values(name, options[name]) for name in AXES if options[name] is not None}
    chosen = {name: values[name] for name in AXES if source_of(name) is source.COMMANDLINE}
    shared: dict[str, Any] = {name: options[name] for name in SHARED}
    shared |= {name: values[name][0] for name in values if name not in chosen and name != "weights"}
    if "steps" in shared and "sampler" in shared and (source_of("steps") is source.DEFAULT or shared["sampler"] == "one-step"):
        shared["steps"] = default_for(shared["sampler"]).steps  # as for `generate`: steps in config.toml are not those of one-step
    students = {str(weights) for weights in values["weights"] if is_student(str(weights))}
    return plan_sweep(chosen, SampleConfig(**shared), str(values["weights"][0]), students)


def _check_classes(weights: Sequence[str]) -> None:
    """Raises SettingError where the classes of these weights differ, RunError where weights do not exist."""
    first, data = weights[0], data_of(weights[0])
    for name in dict.fromkeys(weights):
        locate_weights(name)
        if (other := data_of(name)).class_names != data.class_names:
            raise SettingError(f"{first} draws {data.name}, but {name} draws {other.name}; compare weights that draw the same classes")


def _describer(plan: Sweep) -> Callable[[e.Event], tuple[str, float] | None]:
    """What the progress line says, and the fraction that is done."""
    count = len(plan.cells)

    def describe(event: e.Event) -> tuple[str, float] | None:
        if not isinstance(event, CellProgress | CellDone):
            return None
        facts = [f"drawing {event.cell + 1} of {count}", plan.caption(event.cell)]
        if event.seconds_left is not None:
            facts.append(f"left {format_duration(event.seconds_left)}")
        return BETWEEN.join(fact for fact in facts if fact), event.fraction

    return describe
