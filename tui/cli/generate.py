"""`digitty generate`: draw prompts without the screen."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.options import (
    asked_options,
    condition_options,
    device_options,
    fitted_weights,
    force_option,
    how_to_choose,
    plain_option,
    sample_config,
    sampling_options,
)
from engine.cli.output import print_status
from engine.cli.progress import ProgressLine
from engine.cli.run_job import run_job, run_with_progress
from engine.config.compute import Device, Precision
from engine.config.data import DataSpec
from engine.config.fields import MAX_COUNT
from engine.config.sampling import steps_hint
from engine.errors import SettingError
from engine.jobs.jobs import Jobs
from engine.protocol import events as e
from engine.protocol.requests import DrawRequest
from engine.protocol.understood import Understood
from engine.runs.weights_names import data_of
from engine.storage.pictures import load_picture
from tui.cli.completion import complete_words
from tui.cli.drawn import MOST_SHOWN, Output, report
from tui.cli.from_picture import RecipeJobs, compare, from_option, plan_again, settings_from
from tui.cli.options import chosen_graphics, color_option, graphics_option
from tui.cli.prompts import check_asked, plan_drawings, read_prompts
from tui.render import captions as caption
from tui.terminal.capabilities import frame_rate

if TYPE_CHECKING:
    from tui.render.live_tiles import LiveTiles


@click.command(
    help="Draw PROMPT in the terminal: seven · 3 1 4 · three sevens · a bold 7 leaning left · 0-9 · random · grid. Words need no quotes. "
    "With weights of other data, the names of its classes are the words: three ankle boots."
)
@click.argument("words", metavar="PROMPT…", nargs=-1, shell_complete=complete_words)
@click.option("--prompts", metavar="FILE", help="Draw each line of a file instead, or of standard input (-); each with the next random seed.")
@click.option("--count", type=int, default=1, show_default=True, help="How many times to draw the whole prompt.")
@condition_options()
@sampling_options()
@click.option("--out", metavar="FILE|FOLDER/", help="Also write a .png, an .npz or a .gif of the denoising; or a .png for each picture into FOLDER/.")
@from_option
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print each drawing as a JSON object on a line of standard output, and no pictures.")
@device_options
@color_option
@graphics_option
@plain_option
@click.pass_obj
def generate(
    shared_color: str | None,
    /,
    color: str | None,
    words: tuple[str, ...],
    prompts: str | None,
    count: int,
    weights: str,
    out: str | None,
    picture: Path | None,
    force: bool,
    as_json: bool,
    device: Device,
    precision: Precision,
    threads: int | None,
    **options: Any,
) -> None:
    stored = load_picture(picture) if picture is not None else None
    how = how_to_choose(weights)
    if stored is not None:
        sample, weights = settings_from(stored, weights, options)
    else:
        sample = sample_config(options, weights)
        weights = fitted_weights(weights, sample.sampler)
    if not 1 <= count <= MAX_COUNT:
        raise SettingError(f"count {count} is outside 1 to {MAX_COUNT:,}")
    data, color = data_of(weights), color or shared_color or "auto"
    asked = asked_options(options)
    check_asked(asked, weights, how)
    jobs = RecipeJobs(stored.recipe, device, precision, threads) if stored else Jobs(device, precision, threads)
    if stored is not None and not words and prompts is None:
        drawings = [plan_again(stored.recipe, count, sample, weights, asked)]
    else:
        understand = partial(ask_engine, jobs, data)
        drawings = plan_drawings(read_prompts(words, prompts), count, sample, weights, data, asked, understand, how)
    output = Output(out, force).prepare(drawings, data)
    if hint := steps_hint(sample):
        print_status(hint)
    from tui.render.live_tiles import LiveTiles, can_animate  # which imports rich

    animated = not as_json and not ProgressLine.plain and can_animate()
    for i, drawing in enumerate(drawings):
        live = LiveTiles(color, chosen_graphics()) if animated and len(drawing.request.labels) <= MOST_SHOWN else None
        done = draw_live(drawing.request, jobs, live) if live else draw_with_progress(drawing.request, jobs)
        report(drawing, done, output.save(i, done), as_json=as_json, color=color)
        if stored is not None:
            print_status(compare(stored, done))
    if out is not None and not as_json:
        number = sum(map(len, output.names))
        print_status(f"saved {out}" if not output.is_folder else f"saved {number:,} picture{'' if number == 1 else 's'} in {out}")


def ask_engine(jobs: Jobs, data: DataSpec, text: str) -> Understood:
    """What the engine's text encoder understands of a prompt for pictures of this data set."""
    return run_with_progress(jobs.understand(text, data.class_names), Understood, lambda event: None)


def draw_with_progress(request: DrawRequest, jobs: Jobs) -> e.DrawDone:
    """The finished drawing, with progress on standard error."""

    def describe(event: e.Event) -> tuple[str, float] | None:
        return (caption.progress(event), event.step / event.steps) if isinstance(event, e.Frame) else None

    return run_with_progress(jobs.draw(request), e.DrawDone, describe)


def draw_live(request: DrawRequest, jobs: Jobs, live: LiveTiles) -> e.DrawDone:
    """The finished drawing, which emerges in place on standard output; its progress is on standard error until then, or if there is no room."""
    results: list[e.DrawDone] = []
    in_line = False
    with live, ProgressLine() as bar:

        def show(event: e.Event) -> None:
            nonlocal in_line
            match event:
                case e.Preparing(what):
                    bar.show(what)
                case e.DrawStarted(recipe):
                    in_line = recipe.is_one_line
                    bar.clear()
                case e.Frame(images, step, steps):
                    words = caption.progress(event)
                    if not live.show(images.side_by_side() if in_line else images, words):
                        bar.show(words, step / steps)
                case e.DrawDone():
                    results.append(event)

        run_job(jobs.draw(replace(request, fps=frame_rate(live.terminal))), show)
    return results[0]
