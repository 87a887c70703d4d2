"""Augmentation that does not leak into what is drawn: training images are scaled, turned and shifted, and the network is told how.

Karras et al. 2022, appendix F.2: the parameters of the augmentation enter the network through a linear layer without bias, and are zero when it
draws. So it learns what images look like as they are, from others as well.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.config.model import AUGMENT_PARAMETERS

SCALE, ANGLE, SHIFT = 0.15, math.radians(8), 1 / 20
"""Standard deviations: of log2 of the scale, of the angle, and of either shift as a share of the side. Small, so that images stay in view."""
FARTHEST = 2.5
"""Standard deviations at most."""


def draw_parameters(n: int, probability: float, seed: int) -> Tensor:
    """(n, AUGMENT_PARAMETERS) on the CPU: scale, angle, shift down, shift right, in standard deviations. Either happens with this probability.

    Both shifts happen together. Where something does not happen, its parameters are zero.
    """
    rng = torch.Generator().manual_seed(seed)
    values = torch.randn((n, AUGMENT_PARAMETERS), generator=rng).clamp(-FARTHEST, FARTHEST)
    happens = torch.rand((n, 3), generator=rng) < probability
    return values * happens[:, [0, 1, 2, 2]]


def augment(x0: Tensor, parameters: Tensor) -> Tensor:
    """x0 (N, C, H, W) scaled about its centre, turned clockwise and shifted by `parameters` (N, AUGMENT_PARAMETERS). Borders are mirrored.

    Images whose parameters are all zero stay as they are, to the bit.
    """
    height, width = x0.shape[2:]
    scale, angle = (parameters[:, 0] * SCALE).exp2(), parameters[:, 1] * ANGLE
    down, right = parameters[:, 2] * 2 * SHIFT, parameters[:, 3] * 2 * SHIFT  # of half sides, as grid_sample counts
    cos, sin = angle.cos() / scale, angle.sin() / scale
    # where each pixel of the result comes from: the inverse of scale, turn and shift, in half sides
    across = torch.stack([cos, sin * height / width, -(cos * right + sin * height / width * down)], 1)
    along = torch.stack([-sin * width / height, cos, -(cos * down - sin * width / height * right)], 1)
    grid = F.affine_grid(torch.stack([across, along], 1), list(x0.shape), align_corners=False)
    moved = F.grid_sample(x0, grid, "bilinear", "reflection", align_corners=False)
    return torch.where((parameters == 0).all(1).view(-1, 1, 1, 1), x0, moved)
