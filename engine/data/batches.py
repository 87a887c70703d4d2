"""The order of training images, and their pixels as a network takes them."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.compute.seeds import derive_seed


def epoch_order(seed: int, epoch: int, images: int) -> Tensor:
    """The order of an epoch, (images,) int64: a pure function of (seed, epoch), so that a run can resume in its middle."""
    return torch.randperm(images, generator=torch.Generator().manual_seed(derive_seed(seed, epoch, 1)))


def to_x0(images: Tensor) -> Tensor:
    """uint8 (N, H, W) or (N, H, W, 3) -> float32 (N, C, H, W) in [-1, 1]."""
    planes = images.unsqueeze(1) if images.ndim == 3 else images.movedim(3, 1)
    return planes.float() / 127.5 - 1
