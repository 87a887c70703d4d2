"""The data set `solids`, whose pictures digitty draws itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.datasets.sources.source import Entry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NAME = "solids"
CLASS_NAMES = ("ball", "capsule", "cone", "cube", "cylinder", "gem", "pyramid", "ring")
TRAINING, TEST = 20_000, 2_000
"""Pictures."""
VERSION = 1
"""Of what is drawn. Another version is other data."""


@dataclass(frozen=True)
class SolidsSource:
    """See `source.Source`."""

    name: str = "Solids"
    location: str = NAME
    class_names: tuple[str, ...] = CLASS_NAMES
    warnings: list[str] = field(default_factory=list)

    def fingerprint(self) -> str:
        return f"{NAME} {VERSION}"

    def __len__(self) -> int:
        return TRAINING + TEST

    def entry(self, index: int) -> Entry:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return Entry(f"picture {index}", index % len(CLASS_NAMES), None, index >= TRAINING)

    def read(self, index: int, least: int = 0) -> npt.NDArray[np.uint8]:
        from engine.solids.render import render
        from engine.solids.scene import random_scene

        return render(random_scene(CLASS_NAMES[index % len(CLASS_NAMES)], index))
