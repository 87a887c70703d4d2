"""The drawing job: labels and a recipe -> frames of a denoising -> finished pictures."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from engine.config import SampleConfig, suited
from engine.denoiser import between, clipped, conditional, from_answer, guided
from engine.device import clear_errors
from engine.events import DrawDone, DrawStarted, Event, Frame, Images, Recipe, Tick
from engine.images import to_uint8
from engine.jobs import DrawRequest
from engine.samplers import Noise, Step, walk
from engine.shelf import Artist, Shelf
from engine.unet import NO_LABEL

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
        yield from _draw_small(artist, recipe, request.fps) if len(indices) <= SMALL else _draw_many(artist, recipe)


def _draw_small(artist: Artist, recipe: Recipe, fps: float) -> Iterator[Event]:
    """One batch, with frames to look at."""
    n = recipe.sample.steps
    kept = {round(k * n / (FRAMES - 1)) for k in range(FRAMES)}
    watch = Stopwatch()
    noise = ImageNoise(recipe.sample.seed, recipe.indices, artist.device)
    x = noise()
    frames, steps = [to_uint8(x)], [0]
    told = 0.0
    if fps:
        with watch.away():
            yield Frame(frames[0], 0, n, 0.0)
    for step in denoising(artist, recipe.labels, recipe.sample, x, noise):
        due = fps > 0 and step.i < n and watch.wall() - told >= 1 / fps
        if step.i in kept or due:
            images = to_uint8(step.x)
            if step.i in kept:
                frames.append(images)
                steps.append(step.i)
        if due:
            told = watch.wall()
        with watch.away():
            yield Frame(images, step.i, n, step.i / watch.spent()) if due else Tick()
    yield DrawDone(recipe, frames[-1], tuple(frames), tuple(steps), watch.spent(), n / watch.spent())


def _draw_many(artist: Artist, recipe: Recipe) -> Iterator[Event]:
    """Batch by batch, with progress (steps of all batches together) and no pictures on the way."""
    size, n = BATCH[artist.device.type], recipe.sample.steps
    total = -(-len(recipe.labels) // size) * n
    nothing, done, told = Images(b"", 0), 0, 0.0
    watch, finished = Stopwatch(), []
    for first in range(0, len(recipe.labels), size):
        labels, indices = recipe.labels[first : first + size], recipe.indices[first : first + size]
        noise = ImageNoise(recipe.sample.seed, indices, artist.device)
        for step in denoising(artist, labels, recipe.sample, noise(), noise):
            done += 1
            due = watch.wall() - told >= 0.2
            if due:
                told = watch.wall()
            if step.i == n:
                finished.append(to_uint8(step.x).data)
            with watch.away():
                yield Frame(nothing, done, total, done / watch.spent()) if due else Tick()
    images = Images(b"".join(finished), len(recipe.labels))
    yield DrawDone(recipe, images, (images,), (n,), watch.spent(), done / watch.spent())


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
    """Standard normal noise (N, 1, 28, 28), image i from its own counter-based generator keyed (seed, index).

    So an image's noise is the same, to the bit, in any batch and on any device (Philox, Salmon et al. 2011).
    """

    def __init__(self, seed: int, indices: Sequence[int], device: torch.device) -> None:
        self._device = device
        self._own = {index: np.random.Generator(np.random.Philox(key=[seed, index])) for index in set(indices)}
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
