"""Classifier-free guidance (Ho & Salimans 2022), within an interval of noise levels (Kynkäänniemi et al. 2024)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from engine.config.model import NO_LABEL
from engine.diffusion.denoiser import Answer
from engine.diffusion.schedule import NoiseSchedule

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


def guidance_interval(inside: Answer, outside: Answer, schedule: NoiseSchedule, low: float, high: float) -> Answer:
    """`inside` where low <= sigma / alpha < high, `outside` elsewhere: guidance within an interval of noise levels (Kynkäänniemi et al. 2024)."""

    def answer(x_t: Tensor, t: int) -> Tensor:
        alpha_bar = schedule.alpha_bar_at(t)
        return (inside if low <= math.sqrt((1 - alpha_bar) / alpha_bar) < high else outside)(x_t, t)

    return answer
