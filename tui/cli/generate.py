"""`digitty generate`: draw a prompt without the screen."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import click

from engine.cli.options import device_options, fitted_weights, force_option, plain_option, sample_config, sampling_options
from engine.cli.output import print_line, print_status
from engine.cli.progress import ProgressLine
from engine.cli.run_job import run_with_progress
from engine.config.compute import Device, Precision
from engine.config.data import DataSpec
from engine.config.fields import MAX_COUNT
from engine.errors import PromptError, SettingError
from engine.jobs.jobs import Jobs
from engine.process.signals import interruptible
from engine.prompt.parser import parse
from engine.protocol import events as e
from engine.protocol.requests import DrawRequest
from engine.runs.weights_names import data_of
from engine.storage import images
from tui.cli.options import color_option
from tui.render import captions as caption
from tui.render.stdout import print_images

MOST_SHOWN = 64
"""Digits that are drawn in the terminal; more are only written to the file."""


@click.command(help="Draw PROMPT in the terminal: seven · 3 1 4 · three sevens · 0-9 · random · grid.")
@click.argument("words", metavar="PROMPT…", nargs=-1)
@click.option("--count", type=int, default=1, show_default=True, help="How many times to draw the whole prompt.")
@sampling_options()
@click.option("--out", type=click.Path(path_type=Path), help="Also write the pictures to a .png or an .npz file, or the denoising to a .gif.")
@force_option
@device_options
@color_option
@plain_option
@click.pass_obj
def generate(
    shared_color: str | None,
    /,
    color: str | None,
    words: tuple[str, ...],
    count: int,
    weights: str,
    out: Path | None,
    force: bool,
    device: Device,
    precision: Precision,
    threads: int | None,
    **options: Any,
) -> None:
    if not words:
        raise PromptError("there is no prompt to draw; name one, for example: digitty generate three sevens")
    sample = sample_config(options, weights)
    weights = fitted_weights(weights, sample.sampler)
    if not 1 <= count <= MAX_COUNT:
        raise SettingError(f"count {count} is outside 1 to {MAX_COUNT:,}")
    data = data_of(weights)
    labels, shared_noise = _labels(" ".join(words), count, random.Random(sample.seed), data)
    if out is not None:
        images.check_output_path(out, replace=force)
        if out.suffix.lower() == ".gif" and len(labels) > MOST_SHOWN:
            raise SettingError(f"a GIF holds at most {caption.count_images(MOST_SHOWN, data)}, not {len(labels):,}; use .npz")
    grid = len(labels) // count
    indices = tuple(i // grid for i in range(len(labels))) if shared_noise else None  # the images of a grid share their noise
    done = draw_with_progress(DrawRequest(labels, sample, indices, weights, fps=10), Jobs(device, precision, threads))
    if out is not None:
        with interruptible():
            images.save_drawing(out, done.recipe, done.images, done.frames)
    _print_drawing(done, color or shared_color or "auto")
    if out is not None:
        print_status(f"saved {out}")


def _labels(prompt: str, count: int, rng: random.Random, data: DataSpec) -> tuple[tuple[int, ...], bool]:
    """The labels of the prompt, `count` times, and whether it is a grid. Random labels are different each time."""
    state = rng.getstate()
    first = parse(prompt, rng, data.class_names)
    if len(first.labels) * count > MAX_COUNT:
        raise SettingError(f"{caption.count_images(len(first.labels) * count, data)} is more than the {MAX_COUNT:,} allowed; use a smaller --count")
    if rng.getstate() == state:  # nothing in the prompt is random
        return first.labels * count, first.shared_noise
    repeats = [first.labels, *(parse(prompt, rng, data.class_names).labels for _ in range(count - 1))]
    return tuple(label for labels in repeats for label in labels), False


def draw_with_progress(request: DrawRequest, jobs: Jobs) -> e.DrawDone:
    """The finished drawing, with progress on standard error."""

    def describe(event: e.Event) -> tuple[str, float] | None:
        return (caption.progress(event), event.step / event.steps) if isinstance(event, e.Frame) else None

    return run_with_progress(jobs.draw(request), e.DrawDone, describe)


def _print_drawing(done: e.DrawDone, color: str) -> None:
    """Prints the images in terminal pixels on standard output and a line about them on standard error; with --plain just a line of words."""
    if ProgressLine.plain:
        print_line(caption.screen_reader_text(done))
        return
    if len(done.images) <= MOST_SHOWN:
        print_images(done.images, color)
    number = caption.count_images(len(done.images), done.recipe.data)
    print_status(f"{number} · {caption.describe_sample(done.recipe.sample)} · {done.recipe.weights} · {caption.timing(done)}")
