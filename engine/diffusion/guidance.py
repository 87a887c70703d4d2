"""Classifier-free guidance (Ho & Salimans 2022), within an interval of noise levels (Kynkäänniemi et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

from engine.config.model import NO_LABEL
from engine.diffusion.denoiser import Predict
from engine.diffusion.schedule import NoiseSchedule

Network = Callable[..., Tensor]
"""(x_t, t (N,), label (N,), told=) -> the prediction like x_t, in whatever precision its weights have. Training may add augmentation parameters."""


class Told(Protocol):
    """What a network is told of N images besides their labels."""

    def join(self, other: Self) -> Self:
        """That of both, one after the other."""


T = TypeVar("T", bound=Told)


def fix_labels(network: Network, labels: Tensor, dtype: torch.dtype, layout: torch.memory_format, told: Told | None = None) -> Predict:
    """The network's predictions for fixed labels (N,), and for what else it is told.

    It computes in its own precision and layout; the result has those of x_t.
    """
    more = {} if told is None else {"told": told}

    def predict(x_t: Tensor, t: int) -> Tensor:
        times = torch.full_like(labels, t)
        return network(x_t.to(dtype).contiguous(memory_format=layout), times, labels, **more).to(x_t.dtype)

    return predict


def apply_guidance(
    network: Network, labels: Tensor, scale: float | Tensor, dtype: torch.dtype, layout: torch.memory_format, told: tuple[T, T] | None = None
) -> Predict:
    """Classifier-free guidance, F_none + scale (F_label - F_none) (Ho & Salimans 2022, eq. 6, with scale = 1 + w). `scale` may be one for each image.

    Every kind of prediction is linear in the noise, so the formula is the same for all of them. Both halves go through the network in one
    batch. Scale 1 needs no second half, and scale 0 no first. `told` is what the network is told with the labels, and nothing for as many images.
    """
    none = torch.full_like(labels, NO_LABEL)
    if isinstance(scale, Tensor):
        scale = scale.view(-1, 1, 1, 1)
    elif scale == 1:
        return fix_labels(network, labels, dtype, layout, told and told[0])
    elif scale == 0:
        return fix_labels(network, none, dtype, layout)
    both = fix_labels(network, torch.cat([labels, none]), dtype, layout, told and told[0].join(told[1]))

    def predict(x_t: Tensor, t: int) -> Tensor:
        with_label, without = both(torch.cat([x_t, x_t]), t).chunk(2)
        return torch.lerp(without, with_label, scale)

    return predict


def guidance_interval(inside: Predict, outside: Predict, schedule: NoiseSchedule, low: float, high: float) -> Predict:
    """`inside` within the interval, `outside` elsewhere: guidance within an interval of noise levels (Kynkäänniemi et al. 2024)."""

    def predict(x_t: Tensor, t: int) -> Tensor:
        return (inside if within_interval(schedule, t, low, high) else outside)(x_t, t)

    return predict


def within_interval(schedule: NoiseSchedule, t: int, low: float, high: float) -> bool:
    """Whether low <= sigma / alpha < high at t, before the schedule's shift."""
    return low <= schedule.unshifted_ratio(t) < high
