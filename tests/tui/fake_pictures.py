"""Pictures without a network: real digits that come out of seeded noise."""

from __future__ import annotations

import gzip
import random
from functools import lru_cache

from engine.storage import paths


@lru_cache(maxsize=1)
def digits() -> tuple[bytes, ...]:
    """The first test image of each class."""
    folder = paths.ASSETS / "mnist"
    labels = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        images = file.read(16 + 784 * 100)[16:]
    return tuple(images[labels.index(label) * 784 :][:784] for label in range(10))


def blend(label: int | None, seed: int, index: int, share: float) -> bytes:
    """A digit of which `share` is there and the rest is noise."""
    noise = random.Random(f"{seed} {index}").randbytes(784)
    picture = bytes(784) if label is None else digits()[label]
    return bytes(round(share * p + (1 - share) * n) for p, n in zip(picture, noise, strict=True))
