"""Colours of a picture by the palettes of terminals with 256 or 16 colours. Pure: bytes in, bytes out."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from tui.terminal.capabilities import ColorDepth

if TYPE_CHECKING:
    from PIL import Image

LEVELS = (0, 95, 135, 175, 215, 255)
"""The levels of red, green and blue in the cube of the 256 colours."""
GREYS = tuple(range(8, 239, 10))
"""The 24 greys of the 256 colours."""
STANDARD = (
    *((0, 0, 0), (170, 0, 0), (0, 170, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170)),
    *((85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255), (255, 85, 255), (85, 255, 255), (255, 255, 255)),
)
"""The 16 colours as the Linux console and Rich have them; those of other terminals are near. Colour 3 is left out: it is brown or yellow."""


def to_palette(data: bytes, width: int, height: int, depth: ColorDepth, dither: bool) -> bytes:
    """Red, green and blue of each pixel, all in the palette of this depth: the nearest, or with `dither` so that their mean is right.

    Errors are diffused (Floyd and Steinberg 1976), which looks better than an ordered pattern at these sizes, but costs more bytes and moves
    with the picture; so live frames take the nearest.
    """
    from PIL import Image

    method = Image.Dither.FLOYDSTEINBERG if dither else Image.Dither.NONE
    picture = Image.frombytes("RGB", (width, height), data)
    return picture.quantize(palette=_palette(depth), dither=method).convert("RGB").tobytes()


@cache
def _palette(depth: ColorDepth) -> Image.Image:
    """A picture with this palette, as Pillow takes it."""
    from PIL import Image

    colours = STANDARD if depth is ColorDepth.COLORS_16 else (*product(LEVELS, repeat=3), *((grey,) * 3 for grey in GREYS))
    flat = [value for colour in colours for value in colour]
    holder = Image.new("P", (1, 1))
    holder.putpalette(flat + flat[-3:] * (256 - len(colours)))
    return holder
