"""Pictures without a network: real digits that come out of seeded noise."""

from __future__ import annotations

import gzip
import random
from collections.abc import Sequence
from functools import lru_cache

from engine.config.data import DataSpec
from engine.protocol.recipe import Images
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


def colour_images(data: DataSpec, labels: Sequence[int | None], share: float) -> Images:
    """A disc on a gradient for each label, in colours of its own, over noise that is the same for all."""
    noise = random.Random(1).randbytes(data.picture_bytes)
    pictures = (_disc(data, label or 0) for label in labels)
    mixed = (bytes(round(share * p + (1 - share) * n) for p, n in zip(picture, noise, strict=True)) for picture in pictures)
    return Images(b"".join(mixed), len(labels), data.height, data.width, data.channels)


@lru_cache(maxsize=64)
def _disc(data: DataSpec, label: int) -> bytes:
    height, width, channels = data.height, data.width, data.channels
    tint = [40 + (label * step) % 216 for step in (37, 71, 113)][:channels]
    inside = [[(2 * y - height) ** 2 + (2 * x - width) ** 2 < height * width // 2 for x in range(width)] for y in range(height)]
    pixels = ((tint if inside[y][x] else [255 * x // width, 255 * y // height, 128][:channels]) for y in range(height) for x in range(width))
    return bytes(value for pixel in pixels for value in pixel)
