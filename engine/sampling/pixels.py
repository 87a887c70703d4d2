"""From tensors in [-1, 1] to bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.protocol.recipe import Images

if TYPE_CHECKING:
    from torch import Tensor


def to_pixels(x: Tensor) -> Tensor:
    """(N, 1, H, W) in [-1, 1], clipped -> (N, H, W) uint8 on the CPU."""
    import torch

    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().to("cpu", torch.uint8).squeeze(1)


def to_uint8(x: Tensor) -> Images:
    """(N, 1, H, W) in [-1, 1], clipped -> Images on the CPU."""
    return to_images(to_pixels(x))


def to_images(pixels: Tensor) -> Images:
    """(N, H, W) uint8 on the CPU -> Images."""
    return Images(pixels.numpy().tobytes(), *pixels.shape)
