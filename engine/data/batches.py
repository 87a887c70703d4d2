"""The order of training images, and their pixels as a network takes them."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.compute.seeds import derive_seed


def epoch_order(seed: int, epoch: int, images: int) -> Tensor:
    """The order of an epoch, (images,) int64: a pure function of (seed, epoch), so that a run can resume in its middle."""
    return torch.randperm(images, generator=torch.Generator().manual_seed(derive_seed(seed, epoch, 1)))


def balanced_order(seed: int, epoch: int, labels: Tensor) -> Tensor:
    """The order of an epoch in which all classes are equally frequent, (N,) int64 for labels (N,) on the CPU: a pure function of its arguments.

    The numbers of two classes differ by one at most. An image of a small class occurs as often as any other of it, give or take one; of a large
    class every epoch takes other images.
    """
    rng = torch.Generator().manual_seed(derive_seed(seed, epoch, 10))
    counts = torch.unique(labels, return_counts=True)[1]  # of the classes that occur
    by_class = torch.split(labels.argsort(stable=True), counts.tolist())
    least, more = divmod(len(labels), len(by_class))
    takes_one_more = torch.randperm(len(by_class), generator=rng) < more
    chosen = [_repeat_shuffled(own, least + int(one), rng) for own, one in zip(by_class, takes_one_more.tolist(), strict=True)]
    order = torch.cat(chosen)
    return order[torch.randperm(len(order), generator=rng)]


def _repeat_shuffled(values: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """n of the values: all of them as many times as n allows, and the rest without repetition, at random."""
    times, rest = divmod(n, len(values))
    return torch.cat([values.repeat(times), values[torch.randperm(len(values), generator=rng)[:rest]]])


def to_x0(images: Tensor) -> Tensor:
    """uint8 (N, H, W) or (N, H, W, 3) -> float32 (N, C, H, W) in [-1, 1]."""
    planes = images.unsqueeze(1) if images.ndim == 3 else images.movedim(3, 1)
    return planes.float() / 127.5 - 1
