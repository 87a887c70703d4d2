"""Turns tensors in [-1, 1] into bytes."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.protocol.recipe import Images


def to_pixels(x: Tensor) -> Tensor:
    """(N, C, H, W) in [-1, 1], values outside are clipped -> (N, H, W), or (N, H, W, 3) for colour, uint8 on the CPU."""
    planes = ((x.float().clamp(-1, 1) + 1) * 127.5).round().to("cpu", torch.uint8)
    return planes.squeeze(1) if planes.shape[1] == 1 else planes.movedim(1, 3)


def to_uint8(x: Tensor) -> Images:
    """(N, C, H, W) in [-1, 1] -> Images on the CPU."""
    return to_images(to_pixels(x))


def to_images(pixels: Tensor) -> Images:
    """(N, H, W) or (N, H, W, 3) uint8 on the CPU -> Images."""
    count, height, width, channels = pixels.shape if pixels.ndim == 4 else (*pixels.shape, 1)
    return Images(pixels.numpy().tobytes(), count, height, width, channels)
