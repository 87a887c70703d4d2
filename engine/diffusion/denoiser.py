"""What a sampler sees of a model: denoise(x_t, t) -> (x0, eps). Guidance and clipping wrap it; no sampler knows labels."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from engine.config.training import Prediction
from engine.diffusion.schedule import NoiseSchedule
from engine.models.unet import NO_LABEL

SIGMA_DATA = 0.6162
"""The standard deviation of MNIST in [-1, 1]."""

Denoise = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""x_t (N, 1, H, W) and t for all of it -> the guesses at x0 and eps, like x_t."""
Answer = Callable[[Tensor, int], Tensor]
"""x_t and t -> what the network answers, eps or another (`coefficients`)."""
Network = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(x_t, t (N,), label (N,)) -> the prediction like x_t, in whatever precision its weights have."""


def conditional(network: Network, labels: Tensor, dtype: torch.dtype, layout: torch.memory_format) -> Answer:
    """The network's answers for fixed labels (N,), called in its own precision and layout, given in x_t's."""

    def answer(x_t: Tensor, t: int) -> Tensor:
        times = torch.full_like(labels, t)
        return network(x_t.to(dtype).contiguous(memory_format=layout), times, labels).to(x_t.dtype)

    return answer


def guided(network: Network, labels: Tensor, scale: float, dtype: torch.dtype, layout: torch.memory_format) -> Answer:
    """Classifier-free guidance, F_none + scale (F_label - F_none) (Ho & Salimans 2022, eq. 6, with scale = 1 + w).

    Every prediction is linear in the noise, so this is the same of all of them. Both halves go through the network in one
    batch; scale 1 needs no second half, scale 0 no first.
    """
    none = torch.full_like(labels, NO_LABEL)
    if scale == 1:
        return conditional(network, labels, dtype, layout)
    if scale == 0:
        return conditional(network, none, dtype, layout)
    both = conditional(network, torch.cat([labels, none]), dtype, layout)

    def answer(x_t: Tensor, t: int) -> Tensor:
        with_label, without = both(torch.cat([x_t, x_t]), t).chunk(2)
        return torch.lerp(without, with_label, scale)

    return answer


def between(inside: Answer, outside: Answer, schedule: NoiseSchedule, low: float, high: float) -> Answer:
    """`inside` where low <= sigma / alpha < high, `outside` elsewhere: guidance within an interval of noise levels (Kynkäänniemi et al. 2024)."""

    def answer(x_t: Tensor, t: int) -> Tensor:
        alpha_bar = schedule.alpha_bar_at(t)
        return (inside if low <= math.sqrt((1 - alpha_bar) / alpha_bar) < high else outside)(x_t, t)

    return answer


def coefficients(prediction: Prediction, alpha_bar: float) -> tuple[float, float]:
    """(c_skip, c_out) with x0 = c_skip x_t + c_out F for the network's answer F (Karras et al. 2022, eq. 7, for x_t of kept variance).

    eps: F is the noise (Ho et al. 2020). v: F = sqrt(alpha_bar) eps - sigma x0 (Salimans & Ho 2022). edm: x0 - c_skip x_t is F times its
    standard deviation, for data of SIGMA_DATA and c_skip the linear regression of x0 on x_t.
    """
    a, s = math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)
    if prediction == "eps":
        return 1 / a, -s / a
    if prediction == "v":
        return a, -s
    variance = alpha_bar * SIGMA_DATA**2 + s * s
    return a * SIGMA_DATA**2 / variance, s * SIGMA_DATA / math.sqrt(variance)


def from_answer(answer: Answer, schedule: NoiseSchedule, prediction: Prediction = "eps") -> Denoise:
    """The guesses at x0 and eps from the network's answer; of eps-prediction, eps is the answer itself."""

    def denoise(x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
        alpha_bar = schedule.alpha_bar_at(t)
        skip, out = coefficients(prediction, alpha_bar)
        F = answer(x_t, t)
        x0 = skip * x_t + out * F
        return x0, F if prediction == "eps" else (x_t - math.sqrt(alpha_bar) * x0) / math.sqrt(1 - alpha_bar)

    return denoise


def clipped(denoise: Denoise, schedule: NoiseSchedule) -> Denoise:
    """x0 held to [-1, 1] and eps made to agree: without it |x0| reaches hundreds near t = T."""

    def clip(x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
        a = schedule.alpha_bar_at(t)
        x0 = denoise(x_t, t)[0].clamp(-1, 1)
        return x0, (x_t - math.sqrt(a) * x0) / math.sqrt(1 - a)

    return clip
