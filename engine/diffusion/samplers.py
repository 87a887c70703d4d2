"""The samplers: functions of (denoise, x, schedule, timesteps, noise) that yield a Step each. They know no labels, guidance or network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from engine.config.sampling import SampleConfig
from engine.diffusion.denoiser import Denoise
from engine.diffusion.schedule import NoiseSchedule

Noise = Callable[[], Tensor]
"""Fresh standard normal noise like x; handed in, so that each image has its own seed."""


class Step(NamedTuple):
    """After step i of n (from 1), at timestep t: the new x and the guess x0 that led to it, each (N, C, H, W)."""

    i: int
    n: int
    t: int
    x: Tensor
    x0: Tensor


@torch.inference_mode()
def ddpm(denoise: Denoise, x: Tensor, schedule: NoiseSchedule, timesteps: Sequence[int], noise: Noise, variance: str = "beta") -> Iterator[Step]:
    """Ancestral sampling (Ho et al. 2020, algorithm 2): x <- (x - beta / sqrt(1 - alpha_bar) eps) / sqrt(alpha) + sigma z, no z at the end.

    sigma² is beta (the seed's) or the posterior variance beta (1 - alpha_bar_before) / (1 - alpha_bar). Where timesteps are
    skipped, alpha = alpha_bar / alpha_bar_before over the gap (Nichol & Dhariwal 2021, eq. 19); over all T it is the seed's loop.
    """
    for i, t, before in _steps(timesteps):
        a, a_before = schedule.alpha_bar_at(t), schedule.alpha_bar_at(before)
        alpha = a / a_before
        beta = 1 - alpha
        x0, eps = denoise(x, t)
        x = (x - beta / math.sqrt(1 - a) * eps) / math.sqrt(alpha)
        if before >= 0:
            sigma2 = beta if variance == "beta" else beta * (1 - a_before) / (1 - a)
            x = x + math.sqrt(sigma2) * noise()
        yield Step(i, len(timesteps), t, x, x0)


@torch.inference_mode()
def ddim(denoise: Denoise, x: Tensor, schedule: NoiseSchedule, timesteps: Sequence[int], noise: Noise, eta: float = 0.0) -> Iterator[Step]:
    """Song et al. 2021, eq. 12 and 16: deterministic at eta 0, DDPM's posterior form at eta 1."""
    for i, t, before in _steps(timesteps):
        a, a_before = schedule.alpha_bar_at(t), schedule.alpha_bar_at(before)
        sigma = eta * math.sqrt((1 - a_before) / (1 - a) * (1 - a / a_before))
        x0, eps = denoise(x, t)
        x = math.sqrt(a_before) * x0 + math.sqrt(max(0.0, 1 - a_before - sigma**2)) * eps
        if sigma > 0:
            x = x + sigma * noise()
        yield Step(i, len(timesteps), t, x, x0)


@torch.inference_mode()
def dpmpp_2m(denoise: Denoise, x: Tensor, schedule: NoiseSchedule, timesteps: Sequence[int], noise: Noise, eta: float = 0.0) -> Iterator[Step]:
    """DPM-Solver++(2M), midpoint form (Lu et al. 2022, algorithm 2); the first step and the last, to sigma = 0, are of first order.

    At eta 1 it solves the stochastic differential equation instead (SDE-DPM-Solver++(2M), the same, eq. 19 of version 2): the noise that each
    step adds corrects what earlier ones got wrong.
    """
    before_x0, before_h = x, 0.0
    for i, t, before in _steps(timesteps):
        x0, _ = denoise(x, t)
        if before < 0:
            x = x0  # h is infinite: sigma/sigma_t x vanishes, and first order gives x0
        else:
            h = _lambda(schedule, before) - _lambda(schedule, t)
            D = x0 if i == 1 else x0 + h / (2 * before_h) * (x0 - before_x0)  # eq. 16's D_i, r = before_h / h
            a_next, a = schedule.alpha_bar_at(before), schedule.alpha_bar_at(t)
            x = math.sqrt((1 - a_next) / (1 - a)) * math.exp(-eta * h) * x - math.sqrt(a_next) * math.expm1(-(1 + eta) * h) * D
            if eta > 0:
                x = x + math.sqrt((1 - a_next) * -math.expm1(-2 * eta * h)) * noise()
            before_x0, before_h = x0, h
        yield Step(i, len(timesteps), t, x, x0)


@torch.inference_mode()
def one_step(denoise: Denoise, x: Tensor, schedule: NoiseSchedule, timesteps: Sequence[int], noise: Noise) -> Iterator[Step]:
    """A distilled student's: the guess at x0 is the picture; with more steps it is noised again and guessed again (Song et al. 2023, algorithm 1)."""
    for i, t, before in _steps(timesteps):
        x0, _ = denoise(x, t)
        a = schedule.alpha_bar_at(before)
        x = x0 if before < 0 else math.sqrt(a) * x0 + math.sqrt(1 - a) * noise()
        yield Step(i, len(timesteps), t, x, x0)


def sample(denoise: Denoise, x: Tensor, schedule: NoiseSchedule, config: SampleConfig, noise: Noise) -> Iterator[Step]:
    """The sampler that `config` names, over the timesteps that it names."""
    if config.sampler == "one-step":
        return one_step(denoise, x, schedule, schedule.restarts(config.steps), noise)
    timesteps = schedule.timesteps(config.steps, config.spacing)
    if config.sampler == "ddpm":
        return ddpm(denoise, x, schedule, timesteps, noise, config.variance)
    if config.sampler == "ddim":
        return ddim(denoise, x, schedule, timesteps, noise, config.eta)
    return dpmpp_2m(denoise, x, schedule, timesteps, noise, config.eta)


def _steps(timesteps: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(number from 1, t, the timestep it leads to: -1 for the clean image)."""
    return ((i, t, before) for i, (t, before) in enumerate(zip(timesteps, [*timesteps[1:], -1], strict=True), 1))


def _lambda(schedule: NoiseSchedule, t: int) -> float:
    """Half the log signal-to-noise ratio (Lu et al. 2022, section 2.2)."""
    a = schedule.alpha_bar_at(t)
    return 0.5 * math.log(a / (1 - a))
