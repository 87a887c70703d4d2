"""The drawing job: labels and settings -> frames while it denoises -> finished images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch

from engine.compute import device
from engine.compute.device import explain_out_of_memory
from engine.compute.stopwatch import Stopwatch
from engine.config.data import MNIST
from engine.config.hand import HandSource
from engine.config.version import VERSION
from engine.errors import SettingError
from engine.models.classifier import Classifier
from engine.protocol.events import DrawDone, DrawStarted, Event, Frame, Preparing, Tick
from engine.protocol.measured import Measured
from engine.protocol.recipe import Images, Recipe
from engine.protocol.requests import DrawRequest
from engine.runs.conditional_weights import check_told
from engine.sampling.batch import count_evaluations, draw_into
from engine.sampling.frames import Frames, Guesses
from engine.sampling.hand_sources import read_hands
from engine.sampling.pipeline import Pipeline
from engine.sampling.pixels import to_images, to_pixels
from engine.sampling.runtime import Runtime

FRAMES = 64
"""The most frames that a finished drawing hands over, evenly spaced over its steps."""
SMALL = 64
"""The most images that are drawn in one batch and with frames: no screen shows more."""
NO_IMAGES = Images(b"", 0)
PROGRESS_EVERY = 0.2
"""Seconds between two frames of a larger drawing; they hold no pixels."""


def draw(runtime: Runtime, request: DrawRequest) -> Iterator[Event]:
    """See `Jobs.draw`."""
    pipeline = yield from runtime.pipeline_for(request.weights, request.sample.sampler, request.like)
    if pipeline.data.classes and any(label is not None and label >= pipeline.data.classes for label in request.labels):
        raise SettingError(f"{request.weights} can only draw the classes 0 to {pipeline.data.classes - 1} of {pipeline.data.name}")
    conditions, model = request.conditions, pipeline.network.config
    check_told(conditions or (), model, request.weights)
    if conditions and any(isinstance(condition.hand, HandSource) for condition in conditions):
        yield Preparing("reading the hand")
        conditions = read_hands(conditions, runtime.reader(MNIST))
        check_told(conditions, model, request.weights)  # codes have a length
    indices = request.indices or tuple(range(len(request.labels)))
    reader, sample = runtime.reader(pipeline.data), request.sample
    if reader is None:  # a reader that is trained later must not redraw what this recipe draws
        sample = replace(sample, redraw_below=0.0)
    made_with = pipeline.weights, pipeline.compute_info, pipeline.data, VERSION, torch.__version__, device.processor(pipeline.device)
    recipe = Recipe(request.labels, indices, sample, *made_with, conditions=conditions)
    yield DrawStarted(recipe)
    with explain_out_of_memory(str(pipeline.device)):
        yield from _draw(pipeline, reader, recipe, request.fps, request.guesses)


def _draw(pipeline: Pipeline, reader: Classifier | None, recipe: Recipe, fps: float, with_guesses: bool) -> Iterator[Event]:
    """Frame…, DrawDone. An image that is redrawn takes its own place in every frame."""
    n, count = recipe.sample.steps, len(recipe.labels)
    small = count <= SMALL
    frame_steps = sorted({round(k * n / (FRAMES - 1)) for k in range(FRAMES)}) if small else [n]
    now = torch.empty(count, *recipe.data.pixel_shape, dtype=torch.uint8)
    frames = Frames(now, frame_steps)
    finished, guesses = frames.at[n], Guesses(now, frame_steps) if small and with_guesses else None
    interval = (1 / fps if fps else math.inf) if small else PROGRESS_EVERY
    next_frame = 0.0 if small and fps else interval
    watch, steps_done, redrawn, measured = Stopwatch(), 0, 0, list[Measured | None]()
    costs, evaluations = count_evaluations(pipeline, recipe.sample, recipe.conditions is not None), 0
    asked = recipe.labels, recipe.indices, recipe.sample
    for progress in draw_into(finished, pipeline, reader, *asked, SMALL if small else None, conditions=recipe.conditions, measured=measured):
        step, places = progress.step, progress.places
        steps_done += step > 0
        evaluations += costs[step - 1] * len(places) if step else 0
        redrawn = max(redrawn, progress.redrawing)
        # no frame of the last step, which DrawDone brings, nor of noise alone in place of an image that is redrawn
        shows_more = (step < n and (step > 0 or not progress.redrawing)) if small else step > 0
        frame_due = shows_more and watch.wall() >= next_frame
        if small:
            frames.record(progress, step, progress.x)
            if guesses:
                guesses.record(progress, step - 1, progress.x0)
            if step == n:
                now[places] = finished[places]
            elif frame_due:
                now[places] = to_pixels(progress.x)
        event: Event = Tick()
        if frame_due:
            next_frame = watch.wall() + interval
            pixels = to_images(now) if small else NO_IMAGES
            before, guess = (guesses and guesses.of_last_step(progress, now)) or (None, None)
            event = Frame(pixels, progress.done, progress.total, steps_done / watch.spent(), progress.redrawing, before, guess, evaluations / count)
        with watch.pause():
            yield event
    images = tuple(to_images(frames.at[step]) for step in frame_steps)
    x0s = guesses.finished(images[-1]) if guesses else ()
    seconds = watch.spent()
    figures = seconds, steps_done / seconds, redrawn, x0s, evaluations / count, tuple(measured)
    yield DrawDone(recipe, images[-1], images, tuple(frame_steps), *figures)
