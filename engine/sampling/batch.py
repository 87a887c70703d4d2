"""One batch of images from noise, as a generator of its steps."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from engine.config.model import NO_LABEL
from engine.config.sampling import SampleConfig, fit_sampler
from engine.diffusion.denoiser import clip_x0, to_denoiser
from engine.diffusion.guidance import conditional, guidance_interval, guided
from engine.diffusion.noise import ImageNoise
from engine.diffusion.samplers import Noise, Step
from engine.diffusion.samplers import sample as walk
from engine.models.classifier import Classifier
from engine.protocol.events import Event, Tick
from engine.protocol.recipe import Images
from engine.sampling.pipeline import Pipeline
from engine.sampling.pixels import to_pixels, to_uint8
from engine.sampling.rejection import Attempts

BATCH = {"cpu": 32, "cuda": 512, "mps": 64}
"""Pictures through the network at once (twice as many with guidance)."""
PREVIEWED = 20
"""Classes that a run's previews show at most."""


class Progress(NamedTuple):
    """How far `draw_into` is: steps of all batches together; of those that are drawn again, where there are any."""

    step: int
    steps: int
    again: int


def draw_into(
    images: Tensor, pipeline: Pipeline, reader: Classifier | None, labels: Sequence[int | None], indices: Sequence[int], sample: SampleConfig
) -> Iterator[Progress]:
    """Fills images (N, H, W) or (N, H, W, 3) uint8 on the CPU, batch by batch; yields after each step of one."""
    size = BATCH[pipeline.device.type]
    attempts = Attempts(reader, labels, indices, sample)
    for attempt, places in attempts:
        batches = [places[first : first + size] for first in range(0, len(places), size)]
        for i, batch in enumerate(batches):
            noise = ImageNoise(pipeline.data.shape, sample.seed, [indices[place] for place in batch], pipeline.device, attempt)
            for step in sample_batch(pipeline, [labels[place] for place in batch], sample, noise(), noise):
                if step.i == step.n:
                    images[batch] = to_pixels(step.x)
                    attempts.read(images[batch], batch)
                yield Progress(i * step.n + step.i, len(batches) * step.n, attempt and len(places))


def sample_batch(pipeline: Pipeline, labels: Sequence[int | None], sample: SampleConfig, x: Tensor, noise: Noise) -> Iterator[Step]:
    """The steps of one batch from x at the first timestep. Fast samplers clip x0; DDPM does not, as in the seed."""
    wanted = torch.tensor([NO_LABEL if label is None else label for label in labels], device=pipeline.device)
    numerics = pipeline.numerics.dtype, pipeline.numerics.format
    answer = alone = conditional(pipeline.network, wanted, *numerics)
    if sample.sampler != "one-step":  # whose student has guidance folded in
        answer = guided(pipeline.network, wanted, sample.guidance, *numerics)
        if sample.guidance > 1:
            answer = guidance_interval(answer, alone, pipeline.schedule, sample.guided_from, sample.guided_to)
    denoise = to_denoiser(answer, pipeline.schedule, pipeline.network.config.prediction, pipeline.data.std)
    if sample.sampler != "ddpm":
        denoise = clip_x0(denoise, pipeline.schedule)
    return walk(denoise, x, pipeline.schedule, sample, noise)


def preview(pipeline: Pipeline, seed: int) -> Generator[Event, None, Images]:
    """An image of each class, of many the first, from the fixed noise of a run: yields Ticks, returns the pictures."""
    labels = range(min(pipeline.data.classes, PREVIEWED))
    noise = ImageNoise(pipeline.data.shape, seed, labels, pipeline.device)
    last: Step | None = None
    sample = fit_sampler(SampleConfig(), pipeline.network.config.one_step)
    for step in sample_batch(pipeline, labels, sample, noise(), noise):
        last = step
        yield Tick()
    assert last is not None
    return to_uint8(last.x)
