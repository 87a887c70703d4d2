"""The order of training images, and their pixels as a network takes them."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.compute.seeds import derive_seed


def epoch_order(seed: int, epoch: int, images: int) -> Tensor:
    """The order of an epoch, (images,) int64: a pure function of (seed, epoch), so that a run can go on in its middle."""
    return torch.randperm(images, generator=torch.Generator().manual_seed(derive_seed(seed, epoch, 1)))


def to_x0(images: Tensor) -> Tensor:
    """uint8 (N, 28, 28) -> float32 (N, 1, 28, 28) in [-1, 1]."""
    return images.unsqueeze(1).float() / 127.5 - 1
