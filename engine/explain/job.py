"""The jobs of the screen How: a lesson, a guess, the loss at each noise level. Each pull is one forward of a small batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from engine.compute.device import explain_out_of_memory
from engine.config.data import DataSpec
from engine.data.batches import epoch_order, to_x0
from engine.data.registry import load_images
from engine.diffusion.denoiser import Denoise, to_denoiser
from engine.diffusion.guidance import fix_labels
from engine.diffusion.noise import ImageNoise
from engine.diffusion.schedule import NoiseSchedule
from engine.errors import SettingError
from engine.explain.attention import find_attention, recorded_attention
from engine.protocol.events import Event, Preparing, Tick
from engine.protocol.lesson import MOST_SHOWN, NOISE_SHOWN, Guess, GuessRequest, Lesson, LossByNoise
from engine.sampling.pipeline import Pipeline
from engine.sampling.pixels import to_uint8
from engine.sampling.runtime import Runtime

POINTS = 33
"""Timesteps at which the loss is computed."""
HELD_OUT, AT_ONCE = 32, 16
"""Test images of the loss, and those that go through the network at once."""
SEED = 0
"""The seed of the noise, fixed so that a page always shows the same."""
CPU = torch.device("cpu")


def lesson(runtime: Runtime, weights: str) -> Iterator[Event]:
    """See `Jobs.lesson`."""
    yield Preparing("reading the images")
    pipeline = yield from runtime.pipeline(weights)
    data, config = pipeline.data, pipeline.network.config
    x0, _ = example_of_each_class(data)
    noise = _noise(data, 1).movedim(1, 3).contiguous()
    yield Lesson(
        data,
        pipeline.weights,
        to_uint8(x0),
        noise.numpy().tobytes(),
        tuple(pipeline.schedule.alpha_bar.tolist()),
        find_attention(pipeline.network) is not None,
        config.one_step,
    )


def guess(runtime: Runtime, request: GuessRequest) -> Iterator[Event]:
    """See `Jobs.guess`."""
    pipeline = yield from runtime.pipeline(request.weights)
    with explain_out_of_memory(str(pipeline.device)):
        made = _guess(pipeline, request)
    yield made


@torch.inference_mode()
def _guess(pipeline: Pipeline, request: GuessRequest) -> Guess:
    data, schedule = pipeline.data, pipeline.schedule
    images, _ = example_of_each_class(data)
    if request.label >= len(images) or request.t >= schedule.T:
        raise SettingError(f"{request.weights} has no class {request.label} or no timestep {request.t}")
    x0, eps = images[request.label, None].to(pipeline.device), _noise(data, 1).to(pipeline.device)
    x_t = _add_noise(schedule, x0, eps, request.t)
    with recorded_attention(pipeline.network) as maps:
        guessed_x0, guessed_eps = _denoiser(pipeline, torch.tensor([request.label]))(x_t, request.t)
    pictures = [x_t, guessed_eps / NOISE_SHOWN, eps / NOISE_SHOWN, guessed_x0, x0]
    noise_error = float((guessed_eps - eps).square().mean())
    grey_error = 127.5 * float((guessed_x0.clamp(-1, 1) - x0).abs().mean())
    return Guess(request.label, request.t, to_uint8(torch.cat(pictures)), noise_error, grey_error, maps[-1] if maps else None)


def loss_by_noise(runtime: Runtime, weights: str) -> Iterator[Event]:
    """See `Jobs.loss_by_noise`."""
    yield Preparing("reading the images")
    pipeline = yield from runtime.pipeline(weights)
    x0, labels = held_out_images(pipeline.data)
    eps = _noise(pipeline.data, len(x0))
    losses: dict[int, float] = {}
    timesteps = coarse_to_fine(pipeline.schedule.T, POINTS)
    with explain_out_of_memory(str(pipeline.device)):
        for t in timesteps:
            squares = 0.0
            for rows in torch.split(torch.arange(len(x0)), AT_ONCE):
                squares += _squared_error(pipeline, x0[rows], eps[rows], labels[rows], t)
                yield Tick()
            losses[t] = squares / eps.numel()
            done = sorted(losses)
            yield LossByNoise(pipeline.weights, tuple(done), tuple(losses[t] for t in done), len(timesteps))


def coarse_to_fine(T: int, count: int) -> list[int]:
    """About `count` timesteps, evenly spaced from 0 to T-1: both ends, then the middle, then the quarters … A curve shows its shape early."""
    halvings = max(1, math.ceil(math.log2(max(2, count - 1))))
    fractions = [0.0, 1.0] + [k / 2**depth for depth in range(1, halvings + 1) for k in range(1, 2**depth, 2)]
    return list(dict.fromkeys(round(fraction * (T - 1)) for fraction in fractions))


@lru_cache(maxsize=2)
def example_of_each_class(data: DataSpec) -> tuple[Tensor, Tensor]:
    """The first test image of each class, (n, C, H, W) in [-1, 1], and its label (n,). A class without one shows the first image of all."""
    images, labels = _test_images(data)
    first = [torch.nonzero(labels == label)[:1, 0] for label in range(min(data.classes, MOST_SHOWN))]
    chosen = torch.cat([place if len(place) else torch.zeros(1, dtype=torch.long) for place in first])
    return to_x0(images[chosen]), labels[chosen]


@lru_cache(maxsize=2)
def held_out_images(data: DataSpec) -> tuple[Tensor, Tensor]:
    """HELD_OUT test images in a fixed random order, (n, C, H, W) in [-1, 1], and their labels (n,)."""
    images, labels = _test_images(data)
    chosen = epoch_order(SEED, 0, len(images))[:HELD_OUT]
    return to_x0(images[chosen]), labels[chosen]


def _test_images(data: DataSpec) -> tuple[Tensor, Tensor]:
    """The test images, or the training images of a data set without any. On the CPU."""
    try:
        return load_images(data, False, CPU)
    except SettingError:
        return load_images(data, True, CPU)


def _noise(data: DataSpec, count: int) -> Tensor:
    """Standard normal noise (count, C, H, W); the first image's is that of the lesson."""
    return ImageNoise(data.shape, SEED, range(count), CPU)()


def _add_noise(schedule: NoiseSchedule, x0: Tensor, eps: Tensor, t: int) -> Tensor:
    """x_t of Ho et al. 2020, eq. 4."""
    alpha_bar = schedule.alpha_bar_at(t)
    return math.sqrt(alpha_bar) * x0 + math.sqrt(1 - alpha_bar) * eps


def _denoiser(pipeline: Pipeline, labels: Tensor) -> Denoise:
    """The network alone, without guidance and clipping."""
    numerics, config = pipeline.numerics, pipeline.network.config
    predict = fix_labels(pipeline.network, labels.to(pipeline.device), numerics.dtype, numerics.format)
    return to_denoiser(predict, pipeline.schedule, config.prediction, pipeline.data.std)


@torch.inference_mode()
def _squared_error(pipeline: Pipeline, x0: Tensor, eps: Tensor, labels: Tensor, t: int) -> float:
    """The sum of the squared errors in the noise."""
    x0, eps = x0.to(pipeline.device), eps.to(pipeline.device)
    _, guessed = _denoiser(pipeline, labels)(_add_noise(pipeline.schedule, x0, eps, t), t)
    return float((guessed - eps).square().sum())
