"""What the user chooses about a data set: the size of its images, how pictures become images, grey or colour. Plain Python."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from engine.config.data import Preparation
from engine.config.fields import check_fields, setting
from engine.errors import SettingError
from engine.formatting import printable

SMALLEST_SIDE, LARGEST_SIDE, STEP = 16, 128, 4
"""Pixels of a side: a multiple of STEP, since networks halve it twice."""
USUAL_SIZES = (28, 32, 48, 64, 96, 128)
"""The sides that are chosen from where the user names none."""


@dataclass(frozen=True)
class DataOptions:
    """How the pictures of a source become images. Raises SettingError for what no data set can have."""

    size: str | None = setting(
        None,
        "The size of the images in pixels: a number such as 64, or HEIGHTxWIDTH such as 48x64; multiples of 4 from 16 to 128. "
        "By default, known data sets keep their own size, and others get the one of 28, 32, 48, 64, 96 and 128 nearest to their median picture.",
        hint="64 or 48x64; empty: fits the pictures",
        option="--size",
    )
    preparation: Preparation = field(default_factory=Preparation)
    grey: bool | None = setting(
        None,
        "Turn colours into grey. By default, images have colour if the pictures do.",
        kind=bool,
        option="--grey",
    )
    """True: grey. False: colour, even if the pictures are grey. None: as the pictures are."""

    def __post_init__(self) -> None:
        check_fields(self)
        _ = self.sides  # raises

    @property
    def sides(self) -> tuple[int, int] | None:
        """(height, width); None: the source decides."""
        return None if self.size is None else parse_size(self.size)


def parse_size(text: str) -> tuple[int, int]:
    """(height, width) of a size such as 64 or 48x64. Raises SettingError."""
    match = re.fullmatch(r"\s*(\d{1,6})\s*(?:[x×*]\s*(\d{1,6}))?\s*", text.lower())
    allowed = f"a side is a multiple of {STEP} from {SMALLEST_SIDE} to {LARGEST_SIDE}, as in 64 or 48x64"
    if not match:
        raise SettingError(f"size {printable(text, 40)!r} is not a size; {allowed}")
    height, width = int(match[1]), int(match[2] or match[1])
    for side in (height, width):
        if side % STEP or not SMALLEST_SIDE <= side <= LARGEST_SIDE:
            raise SettingError(f"size {printable(text, 40)} is not allowed; {allowed}")
    return height, width


def format_size(height: int, width: int) -> str:
    """64, or 48x64."""
    return str(height) if height == width else f"{height}x{width}"
