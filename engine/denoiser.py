"""What a sampler sees of a model: denoise(x_t, t) -> (x0, eps). Guidance and clipping wrap it; no sampler knows labels."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from engine.schedule import NoiseSchedule
from engine.unet import NO_LABEL

Denoise = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""x_t (N, 1, H, W) and t for all of it -> the guesses at x0 and eps, like x_t."""
Eps = Callable[[Tensor, int], Tensor]
"""The same, eps alone."""
Network = Callable[[Tensor, Tensor, Tensor], Tensor]
"""eps_theta(x_t, t (N,), label (N,)), in whatever precision its weights have."""


def conditional(network: Network, labels: Tensor, dtype: torch.dtype, layout: torch.memory_format) -> Eps:
    """eps_theta for fixed labels (N,), called in the network's own precision and layout, answered in x_t's."""

    def eps(x_t: Tensor, t: int) -> Tensor:
        times = torch.full_like(labels, t)
        return network(x_t.to(dtype).contiguous(memory_format=layout), times, labels).to(x_t.dtype)

    return eps


def guided(network: Network, labels: Tensor, scale: float, dtype: torch.dtype, layout: torch.memory_format) -> Eps:
    """Classifier-free guidance, eps_none + scale (eps_label - eps_none) (Ho & Salimans 2022, eq. 6, with scale = 1 + w).

    Both halves go through the network in one batch; scale 1 needs no second half, scale 0 no first.
    """
    none = torch.full_like(labels, NO_LABEL)
    if scale == 1:
        return conditional(network, labels, dtype, layout)
    if scale == 0:
        return conditional(network, none, dtype, layout)
    both = conditional(network, torch.cat([labels, none]), dtype, layout)

    def eps(x_t: Tensor, t: int) -> Tensor:
        with_label, without = both(torch.cat([x_t, x_t]), t).chunk(2)
        return torch.lerp(without, with_label, scale)

    return eps


def from_eps(eps_theta: Eps, schedule: NoiseSchedule) -> Denoise:
    """x0 = (x_t - sqrt(1 - alpha_bar) eps) / sqrt(alpha_bar) (Ho et al. 2020, eq. 4 solved for x_0)."""

    def denoise(x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
        a = schedule.alpha_bar_at(t)
        eps = eps_theta(x_t, t)
        return (x_t - math.sqrt(1 - a) * eps) / math.sqrt(a), eps

    return denoise


def clipped(denoise: Denoise, schedule: NoiseSchedule) -> Denoise:
    """x0 held to [-1, 1] and eps made to agree: without it |x0| reaches hundreds near t = T."""

    def clip(x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
        a = schedule.alpha_bar_at(t)
        x0 = denoise(x_t, t)[0].clamp(-1, 1)
        return x0, (x_t - math.sqrt(a) * x0) / math.sqrt(1 - a)

    return clip
