"""The hands that a network which draws is told in training: for each image the hand of other digits by its writer, never that of the image itself."""

from __future__ import annotations

import hashlib
from collections.abc import Generator

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.checkpoints.encoder import HAND, shipped_encoder
from engine.config.data import MNIST, DataSpec
from engine.datasets.cache import key_of
from engine.datasets.kept_array import keep_array, kept_path, read_array
from engine.datasets.writers import UNKNOWN
from engine.errors import SettingError
from engine.formatting import printable
from engine.protocol.events import Event, Preparing
from engine.sampling.hands import encode

MOST = 10
"""Digits of a reference."""
BATCH = 1000
"""Images between two reports of progress."""
NOISE = 0.5
"""The length of the noise that hides an image's own code."""


class HandReferences:
    """Codes of training images, and references to draw them by. Drawing by an image's own code would teach a network to copy more than a hand."""

    def __init__(self, codes: Tensor, writers: Tensor | None = None) -> None:
        """codes (N, d) of length 1 and, if they are known, the writers (N,) int64 of the images, UNKNOWN for some.

        An image without a known writer, or without another image by its writer, has no other reference than its own code, with noise of length
        NOISE: what a network learns from it is worth less.
        """
        self.codes = codes
        writers = torch.full((len(codes),), UNKNOWN) if writers is None else writers
        self._order = writers.argsort(stable=True)
        known, place, counts = torch.unique(writers, return_inverse=True, return_counts=True)
        first = counts.cumsum(0) - counts
        self._first, self._count = first[place], counts[place]
        self._rank = torch.empty_like(self._order)
        self._rank[self._order] = torch.arange(len(writers))
        self._rank -= self._first  # the place of an image among those of its writer
        self.has_others = (known[place] != UNKNOWN) & (self._count > 1)

    def choose(self, places: Tensor, rng: torch.Generator) -> Tensor:
        """A reference for each of the images at `places` (n,): the mean hand of 1 to MOST other digits by its writer, (n, d).

        Places, codes and `rng` are on the CPU. How many digits, and which ones (some perhaps twice), depends on `rng` alone.
        """
        n, d = len(places), self.codes.shape[1]
        digits = torch.randint(1, MOST + 1, (n, 1), generator=rng)
        away = 1 + (torch.rand((n, MOST), generator=rng) * (self._count[places, None] - 1)).long()  # from 1 to count - 1
        chosen = self._order[self._first[places, None] + (self._rank[places, None] + away) % self._count[places, None]]
        counted = (torch.arange(MOST) < digits).float()
        others = (self.codes[chosen] * counted[:, :, None]).sum(1)
        own = self.codes[places] + torch.randn((n, d), generator=rng) * (NOISE / d**0.5)
        return F.normalize(torch.where(self.has_others[places, None], others, own), dim=1)


def shows_digits(data: DataSpec) -> bool:
    """Whether its images are such that the encoder which ships reads hands from them: digits as MNIST has them."""
    return (data.shape, data.class_names) == (MNIST.shape, MNIST.class_names)


def check_hands(data: DataSpec) -> None:
    """Raises SettingError for images without hands."""
    if not shows_digits(data):
        raise SettingError(
            f"hands are read from grey digits of 28x28 pixels with the classes 0 to 9, which {printable(data.name)} is not; leave out --hands"
        )


def read_codes(data: DataSpec, images: Tensor, labels: Tensor) -> Generator[Event, None, Tensor]:
    """Returns the codes (N, d) of the first N training images of a set, (N, 28, 28) uint8 with labels (N,), by the encoder that ships.

    They are rounded, so that another machine comes to the same ones, and kept for the next time, in the cache alone: where that is cleared, a resumed
    run reads the same ones again. Raises CheckpointError and StorageError.
    """
    encoder, images, labels = shipped_encoder(), images.cpu(), labels.cpu()
    shape = (len(images), encoder.config.emb_dim)
    path = kept_path(key_of("hands", hashlib.sha256(HAND.read_bytes()).hexdigest(), data.digest, shape))
    codes = read_array(path, shape, "float16")
    if codes is None:
        parts, done = [], 0
        for some, of in zip(torch.split(images, BATCH), torch.split(labels, BATCH), strict=True):
            yield Preparing(f"reading the hands of {done:,}/{len(images):,} digits", done / len(images))
            parts.append(encode(encoder, some, of).half())
            done += len(some)
        codes = torch.cat(parts).numpy()
        keep_array(path, codes)
    return F.normalize(torch.from_numpy(codes).float(), dim=1)
