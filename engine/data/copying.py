"""Whether drawn pictures copy training images: how near they come to them, and how near to images that training never saw. Knows no network."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from engine.protocol.events import Event, Tick
from engine.protocol.validated import COPYING as COPYING  # what to say where `is_copying`

COPIES_BELOW = 0.75
"""A run copies where its distance ratio is lower."""
LEAST_HELD_OUT = 10
"""Fewer held-out images say too little about how near images come by chance."""
BOUND = 10.0
"""One picture's distances count as at most this many times each other, so that a few duplicates in the data don't decide."""
ROWS, OTHERS = 256, 8192
"""The part of a distance matrix that is computed at once …"""
MOST_BYTES = 128 << 20
"""… of fewer others if they take more bytes than this as float32."""


class DistanceRatio:
    """How much nearer drawn pictures are to training images than unseen images are: about 1 where nothing is copied, towards 0 for copies.

    Each picture gives d(training) / d(held out): its pixel distances to the nearest image of either set. The ratio is the geometric mean of
    that over all drawn pictures, divided by the same mean over the held-out images, each of which is compared with the others. Where nothing is
    copied, a drawn picture is as near to both sets as an unseen one is, whatever their sizes; so it does not matter that they differ.

    Meehan et al. 2020 (data copying) also judge drawn pictures by held-out ones, but by the distance to the training images alone, which is
    small for typical pictures too. Yoon et al. 2023 compare the two nearest training images, which fails where the data has duplicates.
    """

    def __init__(self, train: Tensor, held_out: Tensor) -> None:
        """Both uint8, (N, H, W) or (N, H, W, 3), on any device. `train` may be a memory map, of which a part is read at a time."""
        self.train, self.held_out = train, held_out
        self._by_chance: Tensor | None = None

    @property
    def possible(self) -> bool:
        """Whether there are enough held-out images."""
        return len(self.held_out) >= LEAST_HELD_OUT

    def of(self, drawn: Tensor) -> Generator[Event, None, float | None]:
        """Returns the ratio for drawn pictures, uint8 like the others; None with fewer than LEAST_HELD_OUT held-out images. Yields Ticks."""
        if not self.possible or not len(drawn):
            return None
        if self._by_chance is None:
            self._by_chance = yield from self._mean_log_ratio(self.held_out, itself=True)
        of_drawn = yield from self._mean_log_ratio(drawn)
        return float((of_drawn - self._by_chance).exp())

    def _mean_log_ratio(self, pictures: Tensor, itself: bool = False) -> Generator[Event, None, Tensor]:
        """With `itself`, the pictures are the held-out images, and none is compared with itself."""
        to_train = yield from _nearest(pictures, self.train, 1)
        to_held_out = yield from _nearest(pictures, self.held_out, 2 if itself else 1)
        least = 1e-6  # so that two distances of 0 are equal
        return ((to_train + least) / (to_held_out + least)).clamp(1 / BOUND, BOUND).log().mean()


def is_copying(ratio: float | None) -> bool:
    """Whether a run with this DistanceRatio copies its training images."""
    return ratio is not None and ratio < COPIES_BELOW


def evenly_spaced(n: int, most: int) -> Tensor:
    """The indices of at most `most` of n images, int64, from everywhere in their order: files are often sorted by class."""
    return torch.arange(min(n, most)) * n // max(1, min(n, most))


def _nearest(pictures: Tensor, others: Tensor, k: int) -> Generator[Event, None, Tensor]:
    """The distance from each picture to its k-th nearest of the others, in grey levels: (N,) float32 on the CPU."""
    found = []
    for rows in torch.split(pictures, ROWS):
        x = rows.flatten(1).float()
        nearest = torch.full((len(x), k), torch.inf, device=x.device)
        for part in torch.split(others, min(OTHERS, max(1, MOST_BYTES // (4 * x.shape[1])))):
            distances = torch.cdist(x, part.to(x.device).flatten(1).float())
            nearest = torch.cat([nearest, distances], 1).topk(k, largest=False).values
            yield Tick()
        found.append(nearest[:, k - 1].cpu())
    return torch.cat(found)
