"""Turn a grey or colour picture into terminal cells. Pure: bytes in, runs of characters out; knows neither widgets nor the terminal.

A cell is about twice as tall as wide, so an upper half block (foreground above, background below) makes two square pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from engine.config.data import MNIST
from tui.render.palettes import GREYS, to_palette
from tui.render.tiles import scale
from tui.terminal.capabilities import ColorDepth

RGB = tuple[int, int, int]
WHITE: RGB = (255, 255, 255)
BLACK: RGB = (0, 0, 0)

SMALL = 10
"""The size in pixels at which a digit needs every one of them."""
UPPER_HALF = "\N{UPPER HALF BLOCK}"
ASCII_RAMP = " .:-=+*#%@"
"""Ten even steps from background to foreground."""
SHADES = ((" ", 0, 0), ("░", 64, 64), ("▒", 128, 128), ("▓", 191, 191), ("█", 255, 255), ("▀", 255, 0), ("▄", 0, 255))
"""Characters of code page 437, which every font with block characters has, with the greys of their upper and lower halves."""

PALETTE_GREYS = (0, *GREYS, 255)
"""Black, the 24 greys and white of the 256 colours."""
TRUECOLOR_GREYS = tuple(min(PALETTE_GREYS, key=lambda grey: abs(grey - level)) for level in range(0, 256, 17))
"""16 levels, so that neighbouring cells are often equal and make one run. In a small digit more levels are invisible. All are in the palette."""


class Picture(NamedTuple):
    """One picture: rows from the top, one byte a pixel, or three for red, green and blue."""

    data: bytes
    height: int = MNIST.height
    width: int = MNIST.width
    channels: int = MNIST.channels

    @property
    def mode(self) -> str:
        """Pillow's name for this kind of pixels."""
        return "L" if self.channels == 1 else "RGB"

    def translate(self, table: bytes) -> Picture:
        """Replace each value by its entry in a table of 256."""
        return self._replace(data=self.data.translate(table))


Pixel = int | RGB
"""A grey, or red, green and blue."""


class CellRun(NamedTuple):
    """Neighbouring cells of the same character and colours. A blank shows only its `bg`."""

    text: str
    fg: Pixel
    bg: Pixel


Row = tuple[CellRun, ...]


def _nearest(greys: tuple[int, ...]) -> bytes:
    """A translation table: maps each of 256 values to the nearest of `greys`."""
    return bytes(min(greys, key=lambda level: abs(level - grey)) for grey in range(256))


_QUANTISE = {
    (ColorDepth.TRUECOLOR, 1): _nearest(TRUECOLOR_GREYS),
    (ColorDepth.COLORS_256, 1): _nearest(PALETTE_GREYS),
    (ColorDepth.TRUECOLOR, 3): _nearest(tuple(range(0, 256, 17))),
}
"""Translation tables by the terminal's colours and the picture's channels; for others see `to_palette`."""


@lru_cache(maxsize=256)
def resize(picture: Picture, size: int, smooth: bool = True) -> Picture:
    """The picture with `size` pixels along its longer side: shrunk by Lanczos, which gives the most legible digits, or enlarged.

    A finished digit looks best when it is enlarged smoothly (bicubic). Noise does not, and it takes several times the bytes: without `smooth`
    every pixel is repeated.

    A picture of MNIST's size shows strokes on black. At 10 pixels it loses the outermost pixel of each edge, which is empty in 99 of 100 images of
    MNIST: enlarged again, our classifier read 98.2% of its digits right, and 96.8% with the edges. Lanczos' ringing becomes black, and the
    brightest pixel is raised towards white (by at most half), because a thin stroke fades as it shrinks.
    """
    data, height, width, channels = picture
    if size == max(height, width):
        return picture
    if size > max(height, width):
        return _enlarge(picture, size, smooth)
    has_strokes = (channels, height, width) == MNIST.shape
    edge = int(has_strokes and size <= SMALL)
    from PIL import Image  # here, because the first screen needs no picture

    new_height, new_width = scale((height, width), size)
    whole = Image.frombytes(picture.mode, (width, height), data)
    small = whole.resize((new_width, new_height), Image.Resampling.LANCZOS, box=(edge, edge, width - edge, height - edge))
    resized = Picture(small.tobytes(), new_height, new_width, channels)
    return resized.translate(_brighten(max(170, *resized.data))) if has_strokes else resized


def _enlarge(picture: Picture, size: int, smooth: bool) -> Picture:
    from PIL import Image

    new_height, new_width = scale((picture.height, picture.width), size)
    method = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    large = Image.frombytes(picture.mode, (picture.width, picture.height), picture.data).resize((new_width, new_height), method)
    return Picture(large.tobytes(), new_height, new_width, picture.channels)


def _grey(picture: Picture) -> Picture:
    """The picture in greys, by the luma of its colours (ITU-R BT.601)."""
    if picture.channels == 1:
        return picture
    from PIL import Image

    grey = Image.frombytes(picture.mode, (picture.width, picture.height), picture.data).convert("L")
    return Picture(grey.tobytes(), picture.height, picture.width)


@cache
def _brighten(brightest: int) -> bytes:
    """A translation table that makes the brightest grey white and the faintest black."""
    return bytes(min(255, round(grey * 255 / brightest)) if grey >= 16 else 0 for grey in range(256))


def half_block_rows(picture: Picture, size: int, depth: ColorDepth, smooth: bool = True) -> tuple[Row, ...]:
    """Rows of half blocks in the greys or colours that the terminal has. An odd last row of pixels has black below it.

    Colours of a palette are dithered in a finished picture. In others they are the nearest ones, which take fewer bytes and don't shimmer.
    """
    pixels = resize(picture, size, smooth)
    if (depth, picture.channels) in _QUANTISE:
        pixels = pixels.translate(_QUANTISE[depth, picture.channels])
    else:
        pixels = pixels._replace(data=to_palette(pixels.data, pixels.width, pixels.height, depth, dither=smooth))
    return tuple(tuple(_half_blocks(len([*same]), *pair) for pair, same in groupby(pairs)) for pairs in _pixel_pairs(pixels))


def shade_rows(picture: Picture, size: int, unicode: bool = True, smooth: bool = True) -> tuple[Row, ...]:
    """Rows in one foreground and one background: for each pair of pixels the nearest of SHADES, or their mean on the ASCII ramp."""
    glyph = _nearest_shade if unicode else _nearest_ascii
    pixels = resize(_grey(picture), size, smooth)
    return tuple(_merge((glyph(top, bottom), 255, 0) for top, bottom in pairs) for pairs in _pixel_pairs(pixels))


@lru_cache(maxsize=256)
def tile_rows(picture: Picture, size: int, depth: ColorDepth = ColorDepth.TRUECOLOR, unicode: bool = True, smooth: bool = True) -> tuple[Row, ...]:
    """The picture with `size` pixels along its longer side, as the terminal shows it best. Each row of cells holds two rows of pixels."""
    if unicode and ((depth, picture.channels) in _QUANTISE or (picture.channels == 3 and depth is not ColorDepth.NONE)):
        return half_block_rows(picture, size, depth, smooth)
    return shade_rows(picture, size, unicode, smooth)


def segments(row: Row, depth: ColorDepth, ink: RGB = WHITE, paper: RGB = BLACK) -> list[Segment]:
    """The row for Rich and Textual. In greys, white becomes `ink` and black becomes `paper`."""
    return [_segment(run, depth, ink, paper) for run in row]


def _pixel_pairs(picture: Picture) -> Iterable[Iterable[tuple[Any, Any]]]:
    """For each row of cells, the upper and the lower pixel of each cell."""
    data, height, width, channels = picture
    pixels: Sequence[Pixel] = data if channels == 1 else list(zip(data[::3], data[1::3], data[2::3], strict=True))
    lines = [pixels[y * width : (y + 1) * width] for y in range(height)]
    if height % 2:
        lines.append(bytes(width) if channels == 1 else [BLACK] * width)
    return (zip(top, bottom, strict=True) for top, bottom in zip(lines[::2], lines[1::2], strict=True))


def _merge(cells: Iterable[tuple[str, Pixel, Pixel]]) -> Row:
    return tuple(CellRun(text * sum(1 for _ in same), fg, bg) for (text, fg, bg), same in groupby(cells))


@lru_cache(maxsize=8192)
def _half_blocks(length: int, top: Pixel, bottom: Pixel) -> CellRun:
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
def _style(fg: Pixel, bg: Pixel, depth: ColorDepth, ink: RGB, paper: RGB) -> Style:
    if depth is ColorDepth.NONE:  # the terminal's own foreground and background, whichever is lighter
        return Style(reverse=sum(ink) < sum(paper))
    return Style.from_color(_color(fg, depth, ink, paper), _color(bg, depth, ink, paper))


def _color(pixel: Pixel, depth: ColorDepth, ink: RGB, paper: RGB) -> Color:
    if isinstance(pixel, tuple):
        red, green, blue = pixel
    else:
        red, green, blue = (round(p + (i - p) * pixel / 255) for i, p in zip(ink, paper, strict=True))
    if red == green == blue:
        red = green = blue = greys_for_rich(depth)[red]
    return Color.from_rgb(red, green, blue)


@cache
def greys_for_rich(depth: ColorDepth) -> bytes:
    """A translation table: maps each of 256 greys to one for which Rich sends the nearest grey of the palette.

    In 256 colours Rich picks entry 231 + round(25 * lightness), which is not the nearest.
    """
    if depth is not ColorDepth.COLORS_256:
        return bytes(range(256))
    return bytes(round(PALETTE_GREYS.index(nearest) * 10.2) for nearest in _QUANTISE[depth, 1])
