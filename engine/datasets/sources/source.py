"""What every source of pictures offers, wherever its pictures lie. Knows no format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from engine.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    Picture: TypeAlias = Image.Image | npt.NDArray[np.uint8]
    """A PIL image in mode L, LA, RGB or RGBA, or an array (H, W) or (H, W, 3)."""


class DamagedPictureError(InputError):
    """One picture can't be read. The others of its source may be good."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)  # so that it can be pickled
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture of a source, before it is read."""

    name: str
    """Its place within the source, safe to print."""
    label: int | None
    """Its class, an index into the source's `class_names`. None: it has no class."""
    text: str | None
    """The text that describes it, if there is one."""
    test: bool
    """Whether the source keeps it from training."""


class Source(Protocol):
    """Pictures with labels or texts, in a fixed order: the training pictures come first. It can be pickled, so that several processes can read it."""

    @property
    def name(self) -> str:
        """For people to read; fits a DataSpec."""

    @property
    def location(self) -> str:
        """`open_source(location)` opens the source again, from any folder."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Unique names that fit a DataSpec; empty if the pictures have no classes."""

    @property
    def warnings(self) -> list[str]:
        """What was found while opening it and left out, a sentence each."""

    def fingerprint(self) -> str:
        """Changes when a file is added, removed, renamed or written. Cheap: it depends on names, sizes and times, not on what the files hold."""

    def __len__(self) -> int: ...

    def entry(self, index: int) -> Entry: ...

    def read(self, index: int, least: int = 0) -> Picture:
        """The picture, upright. Raises DamagedPictureError.

        least: the height and width in pixels that are enough. Above 0, a large JPEG may be decoded at a half, a quarter or an eighth
        of its size, which is several times faster, as long as both sides keep at least that many pixels.
        """
