"""The strokes of a data set's training images, measured once and kept in the folder of prepared data sets.

What is kept is float32 (N, the names of ATTRIBUTES, then of VARIANTS); see kept_array.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.config.condition import ATTRIBUTES, VARIANTS
from engine.config.data import MNIST, DataSpec
from engine.datasets import cache
from engine.datasets.kept_array import keep_array, kept_path, read_array
from engine.datasets.lock import PrepareLock
from engine.datasets.sources.arrays import ArraySource, Part
from engine.datasets.sources.source import Source
from engine.datasets.workers import WorkerPool
from engine.errors import SettingError
from engine.formatting import format_duration, printable
from engine.process.processors import processors
from engine.protocol.events import Event, Preparing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

VERSION = 2
"""Counts up when the same images would be measured differently."""
LARGEST_SIDE = 128
"""Pixels. A larger drawing takes too long."""
IMAGES = 64
"""Images that a worker measures at once."""
FEW = 500
"""As many are measured without workers."""
MOST_WORKERS = 16
WAIT = 0.5
"""Seconds between two looks whether another process has finished."""


def check_measurable(name: str, height: int, width: int, channels: int) -> None:
    """Raises SettingError for images whose strokes can't be measured. `name` is what their data set is called."""
    if channels != 1:
        raise SettingError(f"{printable(name)} is in colour, and strokes are measured on grey images; prepare it with --grey")
    if max(height, width) > LARGEST_SIDE:
        raise SettingError(
            f"strokes are measured on images of at most {LARGEST_SIDE} pixels a side, and {printable(name)} has {height}x{width}; use --size"
        )


def has_variants(spec: DataSpec) -> bool:
    """Whether its images are digits, whose variants are known."""
    return spec.digest == MNIST.digest


def measure_images(spec: DataSpec, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> Generator[Event, None, npt.NDArray[np.float32]]:
    """Returns (N, A + V): the values of ATTRIBUTES, then 1 or 0 for each of VARIANTS.

    NaN stands for what an image does not have: a flat one has no strokes, and only sevens are crossed or not. Images (N, H, W) and labels (N,) are
    the first N of the data set's. Kept for the next time. Raises SettingError for images that can't be measured, and StorageError.
    """
    check_measurable(spec.name, spec.height, spec.width, spec.channels)
    key = cache.key_of("measures", VERSION, spec.digest, spec.shape, len(images))
    path, shape = kept_path(key), (len(images), len(ATTRIBUTES) + len(VARIANTS))
    found = read_array(path, shape, "float32")
    lock = PrepareLock(cache.lock_path(key))
    try:
        while found is None and not lock.acquire():
            yield Preparing(f"waiting for another process, which measures the images of {spec.name}")
            time.sleep(WAIT)
            found = read_array(path, shape, "float32")
        if found is None and (found := read_array(path, shape, "float32")) is None:  # not by that process either
            found = yield from _measure(spec, images, labels)
            keep_array(path, found)
    finally:
        lock.release()
    return found


@dataclass(frozen=True, slots=True)
class MeasureTask:
    """Some images to measure. They are part of the task, since a worker's copy of all would take much memory."""

    images: npt.NDArray[np.uint8]
    """(K, H, W)"""
    variants: tuple[tuple[str, ...], ...]
    """For each image the variants that it can have."""

    def run(self, source: Source) -> npt.NDArray[np.float32]:
        import numpy as np

        return np.stack([_values(image, names) for image, names in zip(self.images, self.variants, strict=True)])

    def split(self) -> list[MeasureTask]:
        return [MeasureTask(self.images[k : k + 1], self.variants[k : k + 1]) for k in range(len(self.images))]

    def give_up(self, source: Source) -> npt.NDArray[np.float32]:
        import numpy as np

        return np.full((len(self.images), len(ATTRIBUTES) + len(VARIANTS)), np.nan, np.float32)


def measure_now(spec: DataSpec, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """The same (N, A + V) of any images (N, H, W) with labels (N,) of the classes of `spec`, in this process; nothing of it is kept."""
    import numpy as np

    possible = _possible_variants(spec)
    return np.stack([_values(image, possible[label]) for image, label in zip(images, labels.tolist(), strict=True)])


def _possible_variants(spec: DataSpec) -> Sequence[tuple[str, ...]]:
    """The variants that digits of each class can have."""
    names = [tuple(name for name, digit in VARIANTS.items() if digit == label) for label in range(max(10, spec.classes))]
    return names if has_variants(spec) else [()] * len(names)


def _values(image: npt.NDArray[np.uint8], variants: Sequence[str]) -> npt.NDArray[np.float32]:
    """What was measured of one image."""
    import numpy as np

    from engine.measures.shape import enlarge, measure_enlarged
    from engine.measures.strokes import to_strokes
    from engine.measures.variants import VARIANTS as RULES

    values = dict.fromkeys((*ATTRIBUTES, *VARIANTS), math.nan)
    if (large := enlarge(to_strokes(image))) is not None:
        shape = measure_enlarged(large)
        values |= {name: getattr(shape, name) for name in ATTRIBUTES} | {name: float(RULES[name][1](large)) for name in variants}
    return np.array(list(values.values()), np.float32)


def _measure(spec: DataSpec, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> Generator[Event, None, npt.NDArray[np.float32]]:
    """Measures all of them, in several processes where they are many."""
    import numpy as np

    possible = _possible_variants(spec)
    tasks = (
        MeasureTask(np.ascontiguousarray(images[k : k + IMAGES]), tuple(possible[label] for label in labels[k : k + IMAGES]))
        for k in range(0, len(images), IMAGES)
    )
    workers = 0 if len(images) <= FEW else min(processors(), MOST_WORKERS)
    done, parts, started = 0, [], time.monotonic()
    unread = ArraySource(spec.name, spec.source, (), Part(images[:1], None), None, ())  # tasks hold their images
    with WorkerPool(unread, workers) as pool:
        for part in pool.run(tasks):
            if part is not None:
                parts.append(part)
                done += len(part)
            left = f"  left {format_duration((time.monotonic() - started) * (len(images) - done) / done)}" if done else ""
            yield Preparing(f"measuring the strokes of {done:,}/{len(images):,} images{left}", done / len(images))
    return np.concatenate(parts)
