"""Keeps losses and gradients that are not finite out of the weights, without waiting for the device."""

from __future__ import annotations

import torch
from torch import Tensor


class FiniteGuard:
    """Remembers, on the device, the first step at which something was not finite.

    From that step on `check` returns 0, and every update that is given it leaves weights, optimiser and average as they were.
    """

    def __init__(self, device: torch.device) -> None:
        self.bad_step = torch.full((), -1, device=device, dtype=torch.long)
        """From 0; -1 while everything was finite."""

    def check(self, step: int, *values: Tensor) -> Tensor:
        """1 while every value so far was finite, else 0: a scalar on the device."""
        finite = torch.isfinite(values[0])
        for value in values[1:]:
            finite = finite & torch.isfinite(value)
        self.bad_step = torch.where((self.bad_step < 0) & ~finite, step, self.bad_step)
        return (self.bad_step < 0).float()
