"""The samplers: functions of (denoise, x, schedule, timesteps, noise) that yield a Step each. They know no labels, guidance or network.

`a` is alpha_bar at t and `a_next` alpha_bar at `t_next`, the smaller timestep that a step leads to: -1, the clean image, after the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from engine.config.sampling import SampleConfig, Variance
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
def ddpm(denoise: Denoise, x: Tensor, schedule: NoiseSchedule, timesteps: Sequence[int], noise: Noise, variance: Variance = "beta") -> Iterator[Step]:
    """Ancestral sampling (Ho et al. 2020, algorithm 2), without noise in the last step.

    sigma² is beta (the guide's) or the posterior variance. Where timesteps are skipped, alpha is that of the whole gap; over all T it is the
    guide's loop.
    """
    for i, t, t_next in _steps(timesteps):
        a, a_next = schedule.alpha_bar_at(t), schedule.alpha_bar_at(t_next)
        alpha = a / a_next  # Nichol & Dhariwal 2021, eq. 19
        beta = 1 - alpha
        x0, eps = denoise(x, t)
        x = (x - beta / math.sqrt(1 - a) * eps) / math.sqrt(alpha)  # the mean: Ho et al. 2020, eq. 11
        if t_next >= 0:
            sigma2 = beta if variance == "beta" else beta * (1 - a_next) / (1 - a)  # section 3.2; eq. 7
            x = x + math.sqrt(sigma2) * noise()
        yield Step(i, len(timesteps), t, x, x0)


@torch.inference_mode()
def ddim(denoise: Denoise, x: Tensor, schedule: NoiseSchedule, timesteps: Sequence[int], noise: Noise, eta: float = 0.0) -> Iterator[Step]:
    """Song et al. 2021: deterministic at eta 0, DDPM's posterior form at eta 1."""
    for i, t, t_next in _steps(timesteps):
        a, a_next = schedule.alpha_bar_at(t), schedule.alpha_bar_at(t_next)
        sigma = eta * math.sqrt((1 - a_next) / (1 - a) * (1 - a / a_next))  # eq. 16
        x0, eps = denoise(x, t)
        x = math.sqrt(a_next) * x0 + math.sqrt(max(0.0, 1 - a_next - sigma**2)) * eps  # eq. 12, its noise in the next line
        if sigma > 0:
            x = x + sigma * noise()
        yield Step(i, len(timesteps), t, x, x0)


@torch.inference_mode()
def dpmpp_2m(denoise: Denoise, x: Tensor, schedule: NoiseSchedule, timesteps: Sequence[int], noise: Noise, eta: float = 0.0) -> Iterator[Step]:
    """DPM-Solver++(2M), midpoint form (Lu et al. 2022, algorithm 2). The first step and the last, to sigma = 0, are of first order.

    At eta 1 it solves the stochastic differential equation instead, SDE-DPM-Solver++(2M): the noise that each step adds corrects the errors
    of earlier steps.
    """
    x0_prev, h_prev = x, 0.0
    for i, t, t_next in _steps(timesteps):
        x0, _ = denoise(x, t)
        if t_next < 0:
            x = x0  # h is infinite: the factor of x vanishes, and first order gives x0
        else:
            a, a_next = schedule.alpha_bar_at(t), schedule.alpha_bar_at(t_next)
            h = _half_log_snr(a_next) - _half_log_snr(a)
            D = x0 if i == 1 else x0 + h / (2 * h_prev) * (x0 - x0_prev)  # algorithm 2's D_i, where r = h_prev / h
            # version 2 of the paper, eq. 19 at eta 1; at eta 0 algorithm 2: x <- sigma_next / sigma x - alpha_next (e^-h - 1) D
            x = math.sqrt((1 - a_next) / (1 - a)) * math.exp(-eta * h) * x - math.sqrt(a_next) * math.expm1(-(1 + eta) * h) * D
            if eta > 0:
                x = x + math.sqrt((1 - a_next) * -math.expm1(-2 * eta * h)) * noise()
            x0_prev, h_prev = x0, h
        yield Step(i, len(timesteps), t, x, x0)


@torch.inference_mode()
def one_step(denoise: Denoise, x: Tensor, schedule: NoiseSchedule, timesteps: Sequence[int], noise: Noise) -> Iterator[Step]:
    """For a distilled student, whose guess at x0 is the picture. With more steps it is noised and guessed again (Song et al. 2023, algorithm 1)."""
    for i, t, t_next in _steps(timesteps):
        a_next = schedule.alpha_bar_at(t_next)
        x0, _ = denoise(x, t)
        x = x0 if t_next < 0 else math.sqrt(a_next) * x0 + math.sqrt(1 - a_next) * noise()  # q(x_t_next | x0): Ho et al. 2020, eq. 4
        yield Step(i, len(timesteps), t, x, x0)


def sample(denoise: Denoise, x: Tensor, schedule: NoiseSchedule, config: SampleConfig, noise: Noise) -> Iterator[Step]:
    """The steps of the sampler and the timesteps that `config` names, from x at the first of them."""
    if config.sampler == "one-step":
        return one_step(denoise, x, schedule, schedule.student_timesteps(config.steps), noise)
    timesteps = schedule.timesteps(config.steps, config.spacing)
    if config.sampler == "ddpm":
        return ddpm(denoise, x, schedule, timesteps, noise, config.variance)
    if config.sampler == "ddim":
        return ddim(denoise, x, schedule, timesteps, noise, config.eta)
    return dpmpp_2m(denoise, x, schedule, timesteps, noise, config.eta)


def _steps(timesteps: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(number from 1, t, t_next) of each step."""
    pairs = zip(timesteps, [*timesteps[1:], -1], strict=True)
    return ((i, t, t_next) for i, (t, t_next) in enumerate(pairs, 1))


def _half_log_snr(alpha_bar: float) -> float:
    """lambda = log(alpha / sigma) in the letters of Lu et al. 2022, section 2.2."""
    return 0.5 * math.log(alpha_bar / (1 - alpha_bar))
