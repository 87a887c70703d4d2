"""Distorts the images that classifiers learn from: small turns and shifts, and covered squares. Knows tensors only."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""From images (N, C, H, W) in [0, 1] to as many."""


def distort(x: Tensor, rng: torch.Generator) -> Tensor:
    """Turn each of x (N, C, H, W) by up to 10°, scale it by up to 10% and shift it by up to 2 pixels in each direction; the border is black."""
    u = torch.rand(4, len(x), device=x.device, generator=rng) * 2 - 1
    angle, scale = math.radians(10) * u[0], 1 + 0.1 * u[1]
    height, width = x.shape[2:]
    dx, dy = u[2] * 4 / width, u[3] * 4 / height  # affine_grid counts from -1 to 1, whatever the size
    across, down = -scale * angle.sin() * (height / width), scale * angle.sin() * (width / height)
    theta = torch.stack([scale * angle.cos(), across, dx, down, scale * angle.cos(), dy], 1)
    grid = nn.functional.affine_grid(theta.view(-1, 2, 3), list(x.shape), align_corners=False)
    return nn.functional.grid_sample(x, grid, align_corners=False)


def shift(x: Tensor, rng: torch.Generator, reach: int = 3, border: Literal["constant", "replicate"] = "constant") -> Tensor:
    """Shift each of x (N, C, H, W) by up to `reach` whole pixels in each direction; the border is black, or repeats the outermost pixels."""
    first_row, first_column = torch.randint(2 * reach + 1, (2, len(x), 1), device=x.device, generator=rng)
    rows, columns = (first + torch.arange(side, device=x.device) for first, side in ((first_row, x.shape[2]), (first_column, x.shape[3])))
    padded = nn.functional.pad(x, (reach, reach, reach, reach), border)
    own = torch.arange(len(x), device=x.device)[:, None, None]
    return padded[own, :, rows[:, :, None], columns[:, None, :]].movedim(3, 1)


def shift_slightly(x: Tensor, rng: torch.Generator) -> Tensor:
    """Shift each of x (N, C, H, W) by up to a fourteenth of its shorter side, 2 pixels of 28; the border repeats the outermost pixels."""
    return shift(x, rng, max(1, min(x.shape[2:]) // 14), "replicate")


def shift_and_cover(x: Tensor, rng: torch.Generator) -> Tensor:
    """`shift_slightly`, and then a square of a third of the shorter side is grey, at a random place (DeVries & Taylor 2017).

    Mild enough for any data set: nothing is turned or mirrored, since that changes what some images show, such as digits.
    """
    x = shift_slightly(x, rng)
    side = max(1, min(x.shape[2:]) // 3)
    covered = []
    for axis, length in ((2, x.shape[2]), (3, x.shape[3])):
        first = torch.randint(1 - side, length, (len(x), 1), device=x.device, generator=rng)  # may reach beyond the image
        place = torch.arange(length, device=x.device)
        covered.append(((place >= first) & (place < first + side)).unsqueeze(4 - axis))
    return torch.where((covered[0] & covered[1]).unsqueeze(1), x.mean((2, 3), keepdim=True), x)
