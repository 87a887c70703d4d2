"""The images of any data set by its DataSpec, wherever they lie. Knows which module reads which source."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from engine.config.data import MNIST, DataSpec
from engine.data import mnist, npz, prepared
from engine.datasets import cache
from engine.datasets.prepare import restore
from engine.errors import StorageError
from engine.formatting import printable
from engine.protocol.events import Event


def load_images(
    spec: DataSpec, train: bool, device: torch.device | None = None, limit: int | None = None, stream: bool = False
) -> tuple[Tensor, Tensor]:
    """Images (N, H, W), or (N, H, W, 3) for colour, uint8 and labels (N,) int64 on the device: the first `limit` of training or test images.

    Images that are not in the cache are made again from their source first, as `fetch_images` does with progress. On a CPU the images are a map of
    the cached file, which takes no memory of its own. With `stream` they are also where they would fill much of another device's memory: the
    caller then copies each batch to the device.

    Raises SettingError where the data set is unknown, has no test images or is not what the spec says, StorageError where it can't be read.
    """
    if _is_mnist(spec):
        return mnist.load(train, device, limit)
    if _is_whole_file(spec):
        return npz.load(spec, train, device, limit)
    for _ in fetch_images(spec):
        pass
    found = cache.find_images(spec.digest, spec.test_images, spec.texts)
    if found is None:
        raise StorageError(f"the prepared images of {printable(spec.name)} were removed by another process; try again")
    return prepared.load(found, spec, train, device, limit, stream)


def fetch_images(spec: DataSpec) -> Iterator[Event]:
    """Makes sure that `load_images` finds the images at once: those missing from the cache are made again from their source.

    Raises SettingError, with both digests, where the source gives other images now, and as `load_images`.
    """
    if not _is_mnist(spec) and not _is_whole_file(spec):
        yield from restore(spec)


def _is_mnist(spec: DataSpec) -> bool:
    return (spec.digest, spec.shape) == (MNIST.digest, MNIST.shape)


def _is_whole_file(spec: DataSpec) -> bool:
    """Whether the digest is that of an .npz file, as earlier versions of digitty described it, rather than of its images."""
    return spec.source.lower().endswith(".npz") and spec.preparation is None and spec.test_images is None
