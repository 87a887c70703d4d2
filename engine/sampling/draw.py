"""The drawing job: labels and a recipe -> frames of a denoising -> finished pictures."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.compute.device import clear_errors
from engine.config.training import SampleConfig, suited
from engine.diffusion.denoiser import between, clipped, conditional, from_answer, guided
from engine.diffusion.samplers import Noise, Step, walk
from engine.jobs.jobs import DrawRequest
from engine.models.classifier import Classifier
from engine.models.unet import NO_LABEL
from engine.protocol.events import DrawDone, DrawStarted, Event, Frame, Images, Recipe, Tick
from engine.sampling.rejection import Attempts
from engine.sampling.runtime import Artist, Shelf
from engine.storage.images import to_images, to_pixels, to_uint8

FRAMES = 64
"""Evenly spaced frames that a finished drawing hands over."""
SMALL = 64
"""Pictures up to which frames are told and kept; more than a screen shows is drawn without."""
BATCH = {"cpu": 32, "cuda": 512, "mps": 64}
"""Pictures through the network at once (twice as many with guidance)."""


def draw(shelf: Shelf, request: DrawRequest) -> Iterator[Event]:
    """See `Jobs.draw`."""
    artist = yield from shelf.artist_for(request.weights, request.sample.sampler)
    indices = request.indices or tuple(range(len(request.labels)))
    recipe = Recipe(request.labels, indices, request.sample, artist.weights, artist.told)
    yield DrawStarted(recipe)
    with clear_errors(str(artist.device)):
        yield from _draw_small(artist, shelf.reader, recipe, request.fps) if len(indices) <= SMALL else _draw_many(artist, shelf.reader, recipe)


def _draw_small(artist: Artist, reader: Classifier, recipe: Recipe, fps: float) -> Iterator[Event]:
    """One batch, with frames to look at. What is drawn again takes its own place in every frame."""
    n, count = recipe.sample.steps, len(recipe.labels)
    kept = sorted({round(k * n / (FRAMES - 1)) for k in range(FRAMES)})
    frames = {step: torch.empty(count, 28, 28, dtype=torch.uint8) for step in kept}
    shown, finished = torch.empty_like(frames[0]), frames[n]
    watch, told, done, again = Stopwatch(), 0.0, 0, 0
    attempts = Attempts(reader, recipe.labels, recipe.indices, recipe.sample)
    for attempt, places in attempts:
        again = len(places) if attempt == 1 else again
        labels = [recipe.labels[place] for place in places]
        noise = ImageNoise(recipe.sample.seed, [recipe.indices[place] for place in places], artist.device, attempt)
        x = noise()
        frames[0][places] = shown[places] = to_pixels(x)
        if fps and not attempt:
            with watch.away():
                yield Frame(to_images(shown), 0, n, 0.0)
        for step in denoising(artist, labels, recipe.sample, x, noise):
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


def _draw_many(artist: Artist, reader: Classifier, recipe: Recipe) -> Iterator[Event]:
    """With progress and no pictures on the way."""
    watch, told, done, again = Stopwatch(), 0.0, 0, 0
    nothing, finished = Images(b"", 0), torch.empty(len(recipe.labels), 28, 28, dtype=torch.uint8)
    for part in draw_into(finished, artist, reader, recipe.labels, recipe.indices, recipe.sample):
        done += 1
        again = max(again, part.again)
        due = watch.wall() - told >= 0.2
        if due:
            told = watch.wall()
        with watch.away():
            yield Frame(nothing, part.step, part.steps, done / watch.spent(), part.again) if due else Tick()
    images = to_images(finished)
    yield DrawDone(recipe, images, (images,), (recipe.sample.steps,), watch.spent(), done / watch.spent(), again)


class Part(NamedTuple):
    """How far `draw_into` is: steps of all batches together; of those that are drawn again, where there are any."""

    step: int
    steps: int
    again: int


def draw_into(
    images: Tensor, artist: Artist, reader: Classifier, labels: Sequence[int | None], indices: Sequence[int], sample: SampleConfig
) -> Iterator[Part]:
    """Fills images (N, 28, 28) uint8 on the CPU, batch by batch; yields after each step of one."""
    size = BATCH[artist.device.type]
    attempts = Attempts(reader, labels, indices, sample)
    for attempt, places in attempts:
        batches = [places[first : first + size] for first in range(0, len(places), size)]
        for i, batch in enumerate(batches):
            noise = ImageNoise(sample.seed, [indices[place] for place in batch], artist.device, attempt)
            for step in denoising(artist, [labels[place] for place in batch], sample, noise(), noise):
                if step.i == step.n:
                    images[batch] = to_pixels(step.x)
                    attempts.read(images[batch], batch)
                yield Part(i * step.n + step.i, len(batches) * step.n, attempt and len(places))


def denoising(artist: Artist, labels: Sequence[int | None], sample: SampleConfig, x: Tensor, noise: Noise) -> Iterator[Step]:
    """The steps of one batch from x at the first timestep. Fast samplers clip x0; DDPM does not, as in the seed."""
    wanted = torch.tensor([NO_LABEL if label is None else label for label in labels], device=artist.device)
    numerics = artist.how.dtype, artist.how.format
    answer = alone = conditional(artist.network, wanted, *numerics)
    if sample.sampler != "one-step":  # whose student has guidance folded in
        answer = guided(artist.network, wanted, sample.guidance, *numerics)
        if sample.guidance > 1:
            answer = between(answer, alone, artist.schedule, sample.guided_from, sample.guided_to)
    denoise = from_answer(answer, artist.schedule, artist.network.config.prediction)
    if sample.sampler != "ddpm":
        denoise = clipped(denoise, artist.schedule)
    return walk(denoise, x, artist.schedule, sample, noise)


class ImageNoise:
    """Standard normal noise (N, 1, 28, 28), image i from its own counter-based generator keyed (seed, index), from its counter's part `attempt`.

    So an image's noise is the same, to the bit, in any batch and on any device (Philox, Salmon et al. 2011).
    """

    def __init__(self, seed: int, indices: Sequence[int], device: torch.device, attempt: int = 0) -> None:
        self._device = device
        self._own = {index: np.random.Generator(np.random.Philox(key=[seed, index], counter=[0, 0, 0, attempt])) for index in set(indices)}
        self._order = list(indices)

    def __call__(self) -> Tensor:
        drawn = {index: rng.standard_normal((1, 28, 28), np.float32) for index, rng in self._own.items()}
        return torch.from_numpy(np.stack([drawn[index] for index in self._order])).to(self._device, non_blocking=True)


class Stopwatch:
    """Seconds spent on the work itself: what passes while a job is not pulled does not count."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._away = 0.0

    def wall(self) -> float:
        return time.perf_counter() - self._start

    def spent(self) -> float:
        return max(1e-9, self.wall() - self._away)

    def away(self) -> Stopwatch.Away:
        return Stopwatch.Away(self)

    class Away:
        """A `with` around a yield."""

        def __init__(self, watch: Stopwatch) -> None:
            self._watch = watch

        def __enter__(self) -> None:
            self._from = time.perf_counter()

        def __exit__(self, *_: object) -> None:
            self._watch._away += time.perf_counter() - self._from


def preview(artist: Artist, seed: int) -> Generator[Event, None, Images]:
    """The ten digits from the fixed noise of a run: yields Ticks, returns the pictures."""
    noise = ImageNoise(seed, range(10), artist.device)
    last: Step | None = None
    sample = suited(SampleConfig(), artist.network.config.one_step)
    for step in denoising(artist, tuple(range(10)), sample, noise(), noise):
        last = step
        yield Tick()
    assert last is not None
    return to_uint8(last.x)
