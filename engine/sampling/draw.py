"""The drawing job: labels and a recipe -> frames of a denoising -> finished pictures."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from engine.compute.device import explain_out_of_memory
from engine.compute.stopwatch import Stopwatch
from engine.diffusion.noise import ImageNoise
from engine.errors import SettingError
from engine.models.classifier import Classifier
from engine.protocol.events import DrawDone, DrawStarted, Event, Frame, Tick
from engine.protocol.recipe import Images, Recipe
from engine.protocol.requests import DrawRequest
from engine.sampling.batch import draw_into, sample_batch
from engine.sampling.pipeline import Pipeline
from engine.sampling.pixels import to_images, to_pixels
from engine.sampling.rejection import Attempts
from engine.sampling.runtime import Runtime

FRAMES = 64
"""Evenly spaced frames that a finished drawing hands over."""
SMALL = 64
"""Pictures up to which frames are told and kept; more than a screen shows is drawn without."""


def draw(runtime: Runtime, request: DrawRequest) -> Iterator[Event]:
    """See `Jobs.draw`."""
    pipeline = yield from runtime.pipeline_for(request.weights, request.sample.sampler)
    if any(label is not None and label >= pipeline.data.classes for label in request.labels):
        raise SettingError(f"{request.weights} draws the classes 0 to {pipeline.data.classes - 1} of {pipeline.data.name}")
    indices = request.indices or tuple(range(len(request.labels)))
    recipe = Recipe(request.labels, indices, request.sample, pipeline.weights, pipeline.compute_info, pipeline.data)
    yield DrawStarted(recipe)
    with explain_out_of_memory(str(pipeline.device)):
        reader = runtime.reader(recipe.data)
        yield from _draw_small(pipeline, reader, recipe, request.fps) if len(indices) <= SMALL else _draw_many(pipeline, reader, recipe)


def _draw_small(pipeline: Pipeline, reader: Classifier | None, recipe: Recipe, fps: float) -> Iterator[Event]:
    """One batch, with frames to look at. What is drawn again takes its own place in every frame."""
    n, count = recipe.sample.steps, len(recipe.labels)
    kept = sorted({round(k * n / (FRAMES - 1)) for k in range(FRAMES)})
    frames = {step: torch.empty(count, *recipe.data.pixel_shape, dtype=torch.uint8) for step in kept}
    shown, finished = torch.empty_like(frames[0]), frames[n]
    watch, told, done, again = Stopwatch(), 0.0, 0, 0
    attempts = Attempts(reader, recipe.labels, recipe.indices, recipe.sample)
    for attempt, places in attempts:
        again = len(places) if attempt == 1 else again
        labels = [recipe.labels[place] for place in places]
        noise = ImageNoise(recipe.data.shape, recipe.sample.seed, [recipe.indices[place] for place in places], pipeline.device, attempt)
        x = noise()
        frames[0][places] = shown[places] = to_pixels(x)
        if fps and not attempt:
            with watch.away():
                yield Frame(to_images(shown), 0, n, 0.0)
        for step in sample_batch(pipeline, labels, recipe.sample, x, noise):
            done += 1
            due = fps > 0 and step.i < n and watch.wall() - told >= 1 / fps
            if step.i in frames or due:
                shown[places] = to_pixels(step.x)
            if step.i in frames:
                frames[step.i][places] = shown[places]
            if due:
                told = watch.wall()
            with watch.away():
                yield Frame(to_images(shown), step.i, n, done / watch.spent(), attempt and len(places)) if due else Tick()
        attempts.read(finished[places], places)
    pictures = tuple(to_images(frames[step]) for step in kept)
    yield DrawDone(recipe, pictures[-1], pictures, tuple(kept), watch.spent(), done / watch.spent(), again)


def _draw_many(pipeline: Pipeline, reader: Classifier | None, recipe: Recipe) -> Iterator[Event]:
    """With progress and no pictures on the way."""
    watch, told, done, again = Stopwatch(), 0.0, 0, 0
    nothing, finished = Images(b"", 0), torch.empty(len(recipe.labels), *recipe.data.pixel_shape, dtype=torch.uint8)
    for part in draw_into(finished, pipeline, reader, recipe.labels, recipe.indices, recipe.sample):
        done += 1
        again = max(again, part.again)
        due = watch.wall() - told >= 0.2
        if due:
            told = watch.wall()
        with watch.away():
            yield Frame(nothing, part.step, part.steps, done / watch.spent(), part.again) if due else Tick()
    images = to_images(finished)
    yield DrawDone(recipe, images, (images,), (recipe.sample.steps,), watch.spent(), done / watch.spent(), again)
