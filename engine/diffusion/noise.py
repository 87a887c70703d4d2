"""Noise that belongs to an image, whatever batch it is drawn in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class ImageNoise:
    """Standard normal noise (N, C, H, W). Each image has its own counter-based generator (Philox, Salmon et al. 2011) with the key (seed, index).

    So the noise of an image is the same, to the bit, in any batch and on any device. Each `attempt` at an image uses another part of the counter.
    """

    def __init__(self, shape: tuple[int, int, int], seed: int, indices: Sequence[int], device: torch.device, attempt: int = 0) -> None:
        """`shape` is one image's, (C, H, W)."""
        self._shape, self._device = shape, device
        self._generators = {index: np.random.Generator(np.random.Philox(key=[seed, index], counter=[0, 0, 0, attempt])) for index in set(indices)}
        self._order = list(indices)

    def __call__(self) -> Tensor:
        noise = {index: rng.standard_normal(self._shape, np.float32) for index, rng in self._generators.items()}
        return torch.from_numpy(np.stack([noise[index] for index in self._order])).to(self._device, non_blocking=True)
