"""Accuracy intervals, Fréchet distance, precision, recall and memorisation. Knows tensors and pictures only, neither networks nor classifiers."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.evaluation.real_images import Pictures
from engine.protocol.events import Event, Tick

NEIGHBOURS = 5
"""The ball around a picture reaches to this nearest neighbour (Naeem et al. 2020 advise 5)."""
ROWS = 256
"""Rows of a distance matrix that are computed at once: 0.1 s on one CPU core against 10,000 pictures in pixels."""
NORMAL_QUANTILE = 1.959964
"""Of a two-sided 95% interval."""


@dataclass(frozen=True)
class Shares:
    """How two sets of pictures overlap, each from 0 to 1."""

    precision: float
    recall: float
    coverage: float


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95% score interval of the share right / n (Wilson 1927). Unlike p ± z sqrt(p (1 - p) / n), it is not a single point at 100%."""
    p, z = right / n, NORMAL_QUANTILE
    z2 = z * z
    centre, half = p + z2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, (centre - half) / (1 + z2 / n)), min(1.0, (centre + half) / (1 + z2 / n))


def frechet(a: Tensor, b: Tensor) -> float:
    """The squared distance between Gaussians fitted to a (N, d) and b (M, d) (Dowson & Landau 1982; Heusel et al. 2017, eq. 6):

    |mu_a - mu_b|² + tr(A + B - 2 (A B)^(1/2)). The trace of (A B)^(1/2) equals that of (A^(1/2) B A^(1/2))^(1/2), whose
    argument is symmetric, so that singular covariances do no harm.
    """
    a, b = a.double(), b.double()
    A, B = torch.cov(a.T), torch.cov(b.T)
    values, vectors = torch.linalg.eigh(A)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    both = torch.linalg.eigvalsh(root @ B @ root).clamp(min=0).sqrt().sum()
    return max(0.0, float((a.mean(0) - b.mean(0)).square().sum() + A.trace() + B.trace() - 2 * both))


def neighbourhoods(real: Tensor, fake: Tensor, k: int = NEIGHBOURS) -> Generator[Event, None, Shares]:
    """precision and recall (Kynkäänniemi et al. 2019, eq. 1 and 2) and coverage (Naeem et al. 2020); real (N, d), fake (M, d).

    The ball around a picture reaches to its k-th nearest neighbour of its own kind, not counting itself. Precision: the share of fakes within
    any real ball. Recall: the share of reals within any fake ball. Coverage: the share of real balls with a fake inside.
    """
    real_radii = yield from by_rows(real, lambda rows: _nearest(rows, real, k + 1))  # k + 1: each picture is its own nearest neighbour
    fake_radii = yield from by_rows(fake, lambda rows: _nearest(rows, fake, k + 1))
    precision = yield from by_rows(fake, lambda rows: (torch.cdist(rows, real) <= real_radii).any(1))
    recall = yield from by_rows(real, lambda rows: (torch.cdist(rows, fake) <= fake_radii).any(1))
    nearest_fake = yield from by_rows(real, lambda rows: _nearest(rows, fake, 1))
    return Shares(*(float(inside.double().mean()) for inside in (precision, recall, nearest_fake <= real_radii)))


def memorisation(drawn: Pictures, train: Pictures, test: Pictures) -> Generator[Event, None, float]:
    """Mean pixel distance from the drawn pictures to the nearest of `train`, divided by that to the nearest of `test`, which has as many.

    Near 1 if training images are no nearer than unseen ones, 0 for copies (after Meehan et al. 2020, who test ranks of these distances).
    """
    distances = []
    for others in (train, test):
        found: list[Tensor] = []
        for rows in drawn.batches(min(ROWS, drawn.chunk)):
            x = rows.flatten(1).float()
            least = torch.full((len(x),), math.inf, device=x.device)
            for some in others.batches(others.chunk):
                least = torch.minimum(least, _nearest(x, some.to(x.device).flatten(1).float(), 1))
                yield Tick()
            found.append(least)
        distances.append(float(torch.cat(found).double().mean()))
    return distances[0] / distances[1] if distances[1] > 0 else 1.0


def nearest(features: Tensor, others: Tensor) -> Generator[Event, None, Tensor]:
    """The distance from each of the features (N, d) to the nearest of the others (M, d): (N,)."""
    return (yield from by_rows(features, lambda rows: _nearest(rows, others, 1)))


def by_rows(x: Tensor, function: Callable[[Tensor], Tensor]) -> Generator[Event, None, Tensor]:
    """`function` applied to ROWS rows of x (N, d) at a time, concatenated: (N,)."""
    parts = []
    for rows in torch.split(x, ROWS):
        parts.append(function(rows))
        yield Tick()
    return torch.cat(parts)


def _nearest(rows: Tensor, others: Tensor, k: int) -> Tensor:
    """The distance from each row (R, d) to the k-th nearest of the others (N, d), or to the farthest if there are fewer than k: (R,)."""
    return torch.cdist(rows, others).topk(min(k, len(others)), largest=False).values[:, -1]
