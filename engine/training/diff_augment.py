"""Augmentation for the discriminator of a student: it sees real and drawn images changed at random, and can't learn a small set by heart.

DiffAugment (Zhao et al. 2020, arXiv 2006.10738): brightness, saturation and contrast, a shift, and a square that is cut out. Both kinds of images
are changed alike and the gradient passes through, so that the student need not draw changed pictures to please the discriminator.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

SHIFT, CUT = 1 / 8, 1 / 2
"""The farthest shift, and the sides of what is cut out, as shares of the image's sides."""


class Change(NamedTuple):
    """How each of N images is changed; all on one device."""

    brightness: Tensor
    """(N,) is added; 0 for none."""
    saturation: Tensor
    """(N,) multiplies the distance from grey; 1 for none."""
    contrast: Tensor
    """(N,) multiplies the distance from the mean; 1 for none."""
    shift: Tensor
    """(N, 2) pixels down and right, int64."""
    cut: Tensor
    """(N, 2) the row and the column at which what is cut out begins, int64; beyond the image for none."""


def draw_changes(n: int, height: int, width: int, probability: float, rng: torch.Generator) -> Change:
    """Changes for n images. Colour, shift and cut each happen to an image with this probability. `rng` is on the CPU, as the result is."""
    recolour, move, cut = (torch.rand(n, 3, generator=rng) < probability).unbind(1)
    brightness, saturation, contrast = torch.rand(n, 3, generator=rng).unbind(1)
    sides = torch.tensor([height, width])
    farthest = (sides * SHIFT + 0.5).long()
    shift = (torch.rand(n, 2, generator=rng) * (2 * farthest + 1)).long() - farthest
    holes = (sides * CUT + 0.5).long()
    corner = (torch.rand(n, 2, generator=rng) * (sides + 1 - holes % 2)).long() - holes // 2
    return Change(
        torch.where(recolour, brightness - 0.5, 0.0),
        torch.where(recolour, 2 * saturation, 1.0),
        torch.where(recolour, contrast + 0.5, 1.0),
        torch.where(move[:, None], shift, 0),
        torch.where(cut[:, None], corner, sides),
    )


def change_images(x: Tensor, change: Change) -> Tensor:
    """x (N, C, H, W), changed; what is shifted in and what is cut out is 0, as in the paper. The gradient reaches x."""
    brightness, saturation, contrast = (value.to(x.dtype).view(-1, 1, 1, 1) for value in change[:3])
    x = x + brightness
    grey = x.mean(1, keepdim=True)
    x = (x - grey) * saturation + grey
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * contrast + mean
    return _cut(_shift(x, change.shift), change.cut)


def _shift(x: Tensor, shift: Tensor) -> Tensor:
    n, _, height, width = x.shape
    most = int(max(height, width) * SHIFT + 0.5)
    rows = torch.arange(height, device=x.device) + most - shift[:, :1]  # (N, H): where each row comes from
    columns = torch.arange(width, device=x.device) + most - shift[:, 1:]
    padded = F.pad(x, (most,) * 4).movedim(1, 3)
    images = torch.arange(n, device=x.device).view(-1, 1, 1)
    return padded[images, rows[:, :, None], columns[:, None, :]].movedim(3, 1)


def _cut(x: Tensor, corner: Tensor) -> Tensor:
    height, width = x.shape[2:]
    rows = torch.arange(height, device=x.device) - corner[:, :1]  # (N, H), counted from the corner
    columns = torch.arange(width, device=x.device) - corner[:, 1:]
    inside_rows, inside_columns = ((at >= 0) & (at < int(side * CUT + 0.5)) for at, side in ((rows, height), (columns, width)))
    return x.masked_fill((inside_rows[:, :, None] & inside_columns[:, None, :])[:, None], 0.0)
