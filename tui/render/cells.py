"""A grey picture -> terminal cells. Pure: bytes in, runs of characters out; knows neither widgets nor the terminal it is drawn on.

A cell is about twice as tall as wide, so an upper half block (foreground above, background below) makes two square pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import groupby
from math import isqrt
from typing import NamedTuple

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from tui.terminal.capabilities import ColorDepth

RGB = tuple[int, int, int]
WHITE: RGB = (255, 255, 255)
BLACK: RGB = (0, 0, 0)

SMALL = 10
"""Pixels at which each of them is needed for the digit."""
UPPER_HALF = "\N{UPPER HALF BLOCK}"
ASCII_RAMP = " .:-=+*#%@"
"""Ten even steps from paper to ink."""
SHADES = ((" ", 0, 0), ("░", 64, 64), ("▒", 128, 128), ("▓", 191, 191), ("█", 255, 255), ("▀", 255, 0), ("▄", 0, 255))
"""Characters of code page 437, which every font with block characters has, with the grey of their upper and lower half."""

PALETTE_GREYS = (0, *range(8, 239, 10), 255)
"""Black, the 24 greys and white of the 256 colours."""
TRUECOLOR_GREYS = tuple(min(PALETTE_GREYS, key=lambda grey: abs(grey - level)) for level in range(0, 256, 17))
"""16 levels: neighbouring cells are then often equal and go out as one run, and no eye misses the rest in a 28-pixel digit. All have a number."""


class CellRun(NamedTuple):
    """Neighbouring cells of the same character and greys. A blank one shows its `bg` alone."""

    text: str
    fg: int
    bg: int


Row = tuple[CellRun, ...]


def _nearest(greys: tuple[int, ...]) -> bytes:
    """A translation table: each of 256 greys -> the nearest of `greys`."""
    return bytes(min(greys, key=lambda level: abs(level - grey)) for grey in range(256))


_QUANTISE = {ColorDepth.TRUECOLOR: _nearest(TRUECOLOR_GREYS), ColorDepth.COLORS_256: _nearest(PALETTE_GREYS)}


@lru_cache(maxsize=256)
def resize(image: bytes, size: int) -> bytes:
    """A square grey picture at size x size pixels; at 10 without the outermost pixel of each edge, which is empty in 99 of 100 of MNIST's.

    Lanczos reads best, and so does that: of MNIST's digits at 10 pixels, blown up again, our classifier took 98.2% right, 96.8% with the edges.
    Its ringing is cut to black, and the brightest pixel raised towards white (by at most half again), because a thin stroke fades as it shrinks.
    """
    side = isqrt(len(image))
    if size == side:
        return image
    edge = int(size <= SMALL)
    from PIL import Image  # here, since the first screen shows no picture

    whole = Image.frombytes("L", (side, side), image)
    small = whole.resize((size, size), Image.Resampling.LANCZOS, box=(edge, edge, side - edge, side - edge))
    data = small.tobytes()
    return data.translate(_raised(max(170, *data)))


@cache
def _raised(brightest: int) -> bytes:
    """A translation table: each of 256 greys -> what it is where the brightest becomes white."""
    return bytes(min(255, round(grey * 255 / brightest)) if grey >= 16 else 0 for grey in range(256))


def half_block_rows(image: bytes, size: int, depth: ColorDepth) -> tuple[Row, ...]:
    """size/2 rows of half blocks in the greys that truecolor or 256 colours have. An odd last row of pixels has black below it."""
    pixels = resize(image, size).translate(_QUANTISE[depth])
    return tuple(tuple(_half_blocks(len([*same]), *pair) for pair, same in groupby(pairs)) for pairs in _pixel_pairs(pixels, size))


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
    return [_segment(run, depth, ink, paper) for run in row]


def _pixel_pairs(pixels: bytes, size: int) -> Iterable[Iterable[tuple[int, int]]]:
    """For each row of cells, the pixels above and below in each cell."""
    lines = [pixels[y * size : (y + 1) * size] for y in range(size)]
    if size % 2:
        lines.append(bytes(size))
    return (zip(top, bottom, strict=True) for top, bottom in zip(lines[::2], lines[1::2], strict=True))


def _merge(cells: Iterable[tuple[str, int, int]]) -> Row:
    return tuple(CellRun(text * sum(1 for _ in same), fg, bg) for (text, fg, bg), same in groupby(cells))


@lru_cache(maxsize=8192)
def _half_blocks(length: int, top: int, bottom: int) -> CellRun:
    return CellRun((" " if top == bottom else UPPER_HALF) * length, top, bottom)


@lru_cache(maxsize=8192)
def _segment(run: CellRun, depth: ColorDepth, ink: RGB, paper: RGB) -> Segment:
    return Segment(run.text, _style(run.fg, run.bg, depth, ink, paper))


@lru_cache(maxsize=4096)
def _nearest_shade(top: int, bottom: int) -> str:
    return min(SHADES, key=lambda shade: (shade[1] - top) ** 2 + (shade[2] - bottom) ** 2)[0]


def _nearest_ascii(top: int, bottom: int) -> str:
    return ASCII_RAMP[round((top + bottom) / 2 / 255 * (len(ASCII_RAMP) - 1))]


@lru_cache(maxsize=4096)
def _style(fg: int, bg: int, depth: ColorDepth, ink: RGB, paper: RGB) -> Style:
    if depth is ColorDepth.NONE:  # the terminal's own ink and paper, whichever of them is the lighter
        return Style(reverse=sum(ink) < sum(paper))
    return Style.from_color(_color(fg, depth, ink, paper), _color(bg, depth, ink, paper))


def _color(grey: int, depth: ColorDepth, ink: RGB, paper: RGB) -> Color:
    red, green, blue = (round(p + (i - p) * grey / 255) for i, p in zip(ink, paper, strict=True))
    if red == green == blue:
        red = green = blue = greys_for_rich(depth)[red]
    return Color.from_rgb(red, green, blue)


@cache
def greys_for_rich(depth: ColorDepth) -> bytes:
    """A translation table: each of 256 greys -> the one that makes Rich send the nearest that there is.

    Of the 256 colours Rich takes entry 231 + round(25 * lightness), which is not the nearest.
    """
    if depth is not ColorDepth.COLORS_256:
        return bytes(range(256))
    return bytes(round(PALETTE_GREYS.index(nearest) * 10.2) for nearest in _QUANTISE[depth])
