"""A source whose pictures are arrays of one size, as .npz files, IDX files and the known data sets have them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.config.data import MOST_CLASSES
from engine.datasets.sources.source import Entry
from engine.errors import SettingError, StorageError
from engine.formatting import printable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Part:
    """The training or the test pictures."""

    images: npt.NDArray[np.uint8]
    """(N, H, W) for grey or (N, H, W, 3) for colour."""
    labels: npt.NDArray[np.integer[Any]] | None
    """(N,), or None for pictures without classes."""

    def check(self, where: str) -> None:
        """Raises SettingError, which names `where`, if these are no images, or the labels don't belong to them."""
        images, labels = self.images, self.labels
        if images.dtype != "uint8" or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3) or not images.size:
            found = f"{images.dtype} {images.shape}"
            raise SettingError(f"the images of {where} are {found}; they must be uint8, (N, H, W) for grey or (N, H, W, 3) for colour")
        if labels is not None and (labels.dtype.kind not in "ui" or labels.shape != images.shape[:1] or labels.min() < 0):
            raise SettingError(f"the labels of {where} must give a class number, from 0, for each of the {len(images):,} images")


@dataclass(frozen=True)
class ArraySource:
    """See `source.Source`. Raises SettingError where the parts don't fit each other or the class names."""

    name: str
    location: str
    class_names: tuple[str, ...]
    train: Part
    test: Part | None
    files: tuple[Path, ...]
    """What it was read from."""
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        where = printable(self.name)
        self.train.check(where)
        if self.test is not None:
            self.test.check(f"{where}'s test part")
            if self.test.images.shape[1:] != self.train.images.shape[1:]:
                raise SettingError(f"{where} has test images of another size or kind than its training images")
            if (self.test.labels is None) != (self.train.labels is None):
                raise SettingError(f"{where} has labels for only one of its two parts")
        for part in self.parts:
            if part.labels is not None and part.labels.max() >= len(self.class_names):
                raise SettingError(f"{where} has a label {part.labels.max()}, but its {len(self.class_names)} classes are numbered from 0")

    @property
    def parts(self) -> tuple[Part, ...]:
        return (self.train,) if self.test is None else (self.train, self.test)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of each picture: (H, W) or (H, W, 3)."""
        return tuple(self.train.images.shape[1:])

    def fingerprint(self) -> str:
        return fingerprint(self.files)

    def __len__(self) -> int:
        return sum(len(part.images) for part in self.parts)

    def entry(self, index: int) -> Entry:
        part, at, test = self._find(index)
        label = None if part.labels is None else int(part.labels[at])
        return Entry(f"{'test ' if test else ''}image {at}", label, None, test)

    def read(self, index: int, least: int = 0) -> npt.NDArray[np.uint8]:
        part, at, _ = self._find(index)
        image: npt.NDArray[np.uint8] = part.images[at]
        return image

    def arrays(self, first: int, last: int) -> npt.NDArray[np.uint8]:
        """The pictures from `first` up to but without `last`: (N, H, W) or (N, H, W, 3), in C order."""
        import numpy as np

        if self.test is None:
            return np.ascontiguousarray(self.train.images[first:last])
        count = len(self.train.images)
        if last <= count:
            return np.ascontiguousarray(self.train.images[first:last])
        return np.concatenate([self.train.images[first:count], self.test.images[max(0, first - count) : last - count]])

    def _find(self, index: int) -> tuple[Part, int, bool]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        count = len(self.train.images)
        return (self.train, index, False) if self.test is None or index < count else (self.test, index - count, True)


def count_names(*parts: Part | None) -> tuple[str, ...]:
    """Names of classes that have none: 0, 1, … up to the largest label. Raises SettingError for more than digitty takes."""
    labels = [part.labels for part in parts if part is not None and part.labels is not None and part.labels.size]
    most = max((int(each.max()) for each in labels), default=-1)
    if most >= MOST_CLASSES:
        raise SettingError(f"a label is {most}; digitty takes at most {MOST_CLASSES:,} classes, numbered from 0")
    return tuple(str(label) for label in range(most + 1))


def fingerprint(files: Iterable[Path]) -> str:
    """Of the names, sizes and times of files. Raises StorageError if one is gone."""
    digest = hashlib.sha256()
    for path in files:
        try:
            status = path.stat()
        except OSError as error:
            raise StorageError(f"can't read {printable(path)}: {error.strerror or error}") from None
        digest.update(os.fsencode(path.name) + f"\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
