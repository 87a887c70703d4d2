"""Noise that depends on an image alone, whatever batch it is drawn in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class ImageNoise:
    """Standard normal noise (N, C, H, W), image i from its own counter-based generator keyed (seed, index), from its counter's part `attempt`.

    So an image's noise is the same, to the bit, in any batch and on any device (Philox, Salmon et al. 2011).
    """

    def __init__(self, shape: tuple[int, int, int], seed: int, indices: Sequence[int], device: torch.device, attempt: int = 0) -> None:
        """`shape` is one image's, (C, H, W)."""
        self._shape, self._device = shape, device
        self._own = {index: np.random.Generator(np.random.Philox(key=[seed, index], counter=[0, 0, 0, attempt])) for index in set(indices)}
        self._order = list(indices)

    def __call__(self) -> Tensor:
        drawn = {index: rng.standard_normal(self._shape, np.float32) for index, rng in self._own.items()}
        return torch.from_numpy(np.stack([drawn[index] for index in self._order])).to(self._device, non_blocking=True)
