"""One picture of any size and kind becomes the pixels of one image. Pillow does the work.

Pictures are shrunk by a Lanczos filter, which stays sharp and shows no aliasing. Box averaging is faster but blurs, and bicubic is not better
where pictures shrink a lot. Large JPEGs are first decoded at a fraction of their size that still has GAP times the pixels needed, as Pillow's own
thumbnails are. Values are averaged as they are stored, without undoing the display's gamma, as all common loaders of training images do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.config.data import Background, Fit

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from engine.datasets.sources.source import Picture

    Pixels = npt.NDArray[np.uint8]

GAP = 2.0
"""How many times the pixels of the image a picture keeps, in each direction, before the Lanczos filter: Pillow's own default for thumbnails."""
LOOK = 64
"""Pixels of a side in which a picture is searched for colour."""
COLOURFUL = 12
"""How far a pixel's red, green and blue lie apart, of 255, to count as colour. JPEG alone makes grey differ by a few."""


@dataclass(frozen=True, slots=True)
class Target:
    """What every picture becomes."""

    height: int
    width: int
    channels: int
    """1: grey, 3: colour."""
    fit: Fit = "crop"
    background: Background = "black"

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, 3)."""
        return (self.height, self.width) if self.channels == 1 else (self.height, self.width, self.channels)

    @property
    def least(self) -> int:
        """Pixels that both sides of a picture should have before it is resized."""
        return int(GAP * max(self.height, self.width))

    @property
    def image_bytes(self) -> int:
        return self.height * self.width * self.channels


@dataclass(frozen=True, slots=True)
class Look:
    """What a glance at a picture shows."""

    width: int
    height: int
    colour: bool
    transparent: bool


def to_pixels(picture: Picture, target: Target) -> Pixels:
    """uint8 (H, W) or (H, W, 3): the picture at the target's size, or the array itself where it has the target's shape."""
    import numpy as np
    from PIL import Image

    if isinstance(picture, np.ndarray):
        if picture.shape == target.shape:
            return picture
        picture = Image.fromarray(picture)
    mode: Literal["L", "RGB"] = "L" if target.channels == 1 else "RGB"
    if has_alpha(picture):
        picture = _over(picture, target.background)
    if picture.mode != mode:
        picture = picture.convert(mode)
    return np.asarray(_resize(picture, target, mode), dtype=np.uint8)


def original_size(picture: Picture) -> tuple[int, int]:
    """(width, height) of the picture as it lies in its file, even if it was decoded at a fraction of that."""
    import numpy as np

    if isinstance(picture, np.ndarray):
        return picture.shape[1], picture.shape[0]
    width, height = picture.info.get("original_size", picture.size)
    return int(width), int(height)


def holds_several(picture: Picture) -> bool:
    """Whether other pictures follow this one in its file, of which none is used."""
    import numpy as np

    return not isinstance(picture, np.ndarray) and bool(picture.info.get("animated"))


def look(picture: Picture) -> Look:
    """What the picture is."""
    import numpy as np
    from PIL import Image

    width, height = original_size(picture)
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    transparent = has_alpha(picture) and picture.getchannel("A").getextrema() != (255, 255)
    if picture.mode in ("L", "LA"):
        return Look(width, height, False, transparent)
    small = (_over(picture, "black") if has_alpha(picture) else picture.convert("RGB")).reduce(max(1, min(picture.size) // LOOK))
    pixels = np.asarray(small, dtype=np.int16)
    return Look(width, height, bool((pixels.max(axis=2) - pixels.min(axis=2) > COLOURFUL).any()), transparent)


def has_alpha(picture: Image.Image) -> bool:
    return picture.mode in ("LA", "RGBA")


def _over(picture: Image.Image, background: Background) -> Image.Image:
    """The picture without transparency."""
    from PIL import Image

    mode = picture.mode.removesuffix("A")
    below = Image.new(mode, picture.size, background)
    below.paste(picture.convert(mode), mask=picture.getchannel("A"))
    return below


def _resize(picture: Image.Image, target: Target, mode: Literal["L", "RGB"]) -> Image.Image:
    from PIL import Image

    size, lanczos = (target.width, target.height), Image.Resampling.LANCZOS
    if picture.size == size:
        return picture
    width, height = picture.size
    if target.fit == "stretch":
        return picture.resize(size, lanczos, reducing_gap=GAP)
    if target.fit == "crop":
        scale = min(width / target.width, height / target.height)
        left, top = (width - target.width * scale) / 2, (height - target.height * scale) / 2
        box = (max(0.0, left), max(0.0, top), min(float(width), width - left), min(float(height), height - top))
        return picture.resize(size, lanczos, box, reducing_gap=GAP)
    scale = min(target.width / width, target.height / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    padded = Image.new(mode, size, target.background)
    padded.paste(picture.resize(inner, lanczos, reducing_gap=GAP), ((target.width - inner[0]) // 2, (target.height - inner[1]) // 2))
    return padded
