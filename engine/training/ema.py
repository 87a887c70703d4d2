"""The average of the weights, with which images are drawn."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class EMA:
    """An exponential moving average of a model's parameters, with warm-up: decay = min(d, (1 + step) / (10 + step)).

    A flat decay of 0.9999 over a short run would still hold the initial weights, 4,690 steps say.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._average: list[Tensor] = list(self.model.parameters())
        self._live: list[Tensor] = list(model.parameters())

    @torch.no_grad()
    def update(self, step: int, keep: Tensor) -> None:
        """After optimiser step `step` (from 0). `keep` is a scalar on the device: 1 to average, 0 to leave everything unchanged."""
        decay = min(self.decay, (1 + step) / (10 + step))
        change = torch._foreach_sub(self._live, self._average)
        torch._foreach_mul_(change, keep * (1 - decay))
        torch._foreach_add_(self._average, change)
