"""A source of pictures in memory, for tests of what is done with pictures of any source."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from engine.datasets.sources.source import DamagedPictureError, Entry


@dataclass
class MemorySource:
    """Pictures that `paint` makes; a test says which of them are damaged, slow or deadly."""

    count: int
    class_names: tuple[str, ...] = ("dark", "light")
    labels: Sequence[int | None] | None = None
    first_test: int | None = None
    """The place of the first test picture."""
    damaged: frozenset[int] = frozenset()
    deadly: frozenset[int] = frozenset()
    """Reading one of these ends the process."""
    size: tuple[int, int] = (48, 40)
    mode: str = "RGB"
    same: int = 0
    """How many pictures at the end are as the first one."""
    texts: bool = False
    seconds: float = 0.0
    """How long reading one takes."""
    version: str = "1"
    """The fingerprint, or the file that holds it."""
    order: Sequence[int] | None = None
    """The number of the picture at each place."""
    name: str = "memory"
    location: str = "/memory"
    warnings: list[str] = field(default_factory=list)

    def fingerprint(self) -> str:
        return Path(self.version).read_text() if os.path.isabs(self.version) else self.version

    def __len__(self) -> int:
        return self.count

    def _number(self, index: int) -> int:
        number = index if self.order is None else self.order[index]
        return 0 if number >= self.count - self.same else number

    def entry(self, index: int) -> Entry:
        label = None if not self.class_names else (self._number(index) % len(self.class_names) if self.labels is None else self.labels[index])
        test = self.first_test is not None and index >= self.first_test
        return Entry(f"{index:05}.png", label, f"picture {index}" if self.texts else None, test)

    def read(self, index: int, least: int = 0) -> Image.Image:
        time.sleep(self.seconds)
        if index in self.deadly:
            os._exit(9)
        if index in self.damaged:
            raise DamagedPictureError(self.entry(index).name, "it is truncated")
        return paint(self._number(index), self.size, self.mode)


def paint(number: int, size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """A picture that no other number gives: two colours that depend on it, side by side."""
    picture = Image.new("RGB", size, (number % 251, number * 7 % 256, number // 251 % 256))
    picture.paste((number * 31 % 256, 255 - number % 256, 128), (0, 0, size[0] // 2, size[1]))
    return picture.convert(mode)
