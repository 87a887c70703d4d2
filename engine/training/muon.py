"""Muon: momentum whose matrices are made orthogonal before they are applied. Knows neither model nor schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""a, b, c of X <- a X + b (X Xᵀ) X + c (X Xᵀ)² X: five of them take every singular value to about 1 (Jordan et al. 2024)."""
ITERATIONS = 5
RMS = 0.2
"""The size of an update before the learning rate: as Adam's, so that one learning rate serves both (Liu et al. 2025, eq. 4)."""
NARROW = 8
"""A weight this narrow is not worth making orthogonal: the first and last layer's are left to Adam (Jordan et al. 2024)."""


class Muon:
    """Nesterov momentum for the weights of convolutions, each (out, in, h, w) taken as an (out, in h w) matrix and made orthogonal."""

    def __init__(self, weights: Sequence[Tensor], dtype: torch.dtype, momentum: float = 0.95) -> None:
        """`dtype` is that of the products: bfloat16 is enough where it is fast."""
        self.weights, self.dtype, self.momentum = list(weights), dtype, momentum
        self.buffers = [torch.zeros_like(w) for w in self.weights]

    @torch.no_grad()
    def step(self, lr: float, keep: Tensor) -> None:
        """Applies the gradients. `keep` is a scalar on the device: 0 leaves weights and momentum as they were, whatever the gradients hold."""
        for w, buffer in zip(self.weights, self.buffers, strict=True):
            assert w.grad is not None
            gradient = torch.where(keep > 0, w.grad, 0.0)
            buffer.lerp_(gradient, (1 - self.momentum) * keep)
            ahead = gradient.lerp(buffer, self.momentum).flatten(1)
            update = orthogonal(ahead, self.dtype).view(w.shape).to(w.dtype)
            w.sub_(update * (keep * (lr * RMS * math.sqrt(max(ahead.shape)))))

    def state(self) -> dict[int, Tensor]:
        """The momentum of each weight, in their order."""
        return dict(enumerate(self.buffers))

    def restore(self, state: Mapping[int, Tensor]) -> None:
        """In the layout of the weights. Raises KeyError, TypeError or RuntimeError where it does not fit."""
        for i, own in enumerate(self.buffers):
            if not isinstance(state[i], Tensor):
                raise TypeError("momentum that is no tensor")
            own.copy_(state[i].reshape(own.shape))


def orthogonal(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """(m, n) -> about the nearest matrix whose singular values are all 1 (they come out between 0.7 and 1.2), by Newton-Schulz in `dtype`."""
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    X = matrix.T if tall else matrix
    X = (X / (X.norm() + 1e-7)).to(dtype)
    for _ in range(ITERATIONS):
        A = X @ X.T
        X = torch.addmm(X, torch.addmm(A, A, A, beta=b, alpha=c), X, beta=a)
    return X.T if tall else X


def muon_parameters(model: nn.Module) -> list[Tensor]:
    """The weights of a model that Muon is for."""
    return [p for p in model.parameters() if p.ndim == 4 and min(p.shape[:2]) > NARROW]
