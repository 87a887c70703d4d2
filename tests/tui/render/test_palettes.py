"""Colour pictures in palettes: every pixel is in the palette, a dithered area has the right mean, and the terminal gets what was meant."""

from __future__ import annotations

import pytest
from rich.color import ColorSystem

from tui.render.cells import Picture, segments, tile_rows
from tui.render.palettes import GREYS, LEVELS, STANDARD, to_palette
from tui.terminal.capabilities import ColorDepth

SIDE = 32
GRADIENT = bytes(value for y in range(SIDE) for x in range(SIDE) for value in (60 + 5 * x, 40 + 4 * y, 200 - 3 * x))
SYSTEMS = {ColorDepth.COLORS_256: ColorSystem.EIGHT_BIT, ColorDepth.COLORS_16: ColorSystem.STANDARD}


def pixels(data: bytes) -> list[tuple[int, ...]]:
    return list(zip(data[::3], data[1::3], data[2::3], strict=True))


def means(data: bytes) -> list[float]:
    """The mean colour of the quarters of the picture."""
    rows = [data[y * SIDE * 3 : (y + 1) * SIDE * 3] for y in range(SIDE)]
    corners = ((x, y) for x in (0, 16) for y in (0, 16))
    quarters = (b"".join(row[x * 3 : (x + 16) * 3] for row in rows[y : y + 16]) for x, y in corners)
    return [sum(quarter[channel::3]) / 256 for quarter in quarters for channel in range(3)]


@pytest.mark.parametrize("dither", [True, False])
@pytest.mark.parametrize("depth", SYSTEMS)
def test_all_pixels_are_in_the_palette(depth: ColorDepth, dither: bool) -> None:
    found = set(pixels(to_palette(GRADIENT, SIDE, SIDE, depth, dither)))
    if depth is ColorDepth.COLORS_16:
        assert found <= set(STANDARD)
    else:
        assert all(set(pixel) <= set(LEVELS) or (len(set(pixel)) == 1 and pixel[0] in GREYS) for pixel in found)
    assert len(found) > 4


@pytest.mark.parametrize(("depth", "within"), [(ColorDepth.COLORS_256, 5), (ColorDepth.COLORS_16, 16)])
def test_dithering_keeps_the_mean_of_each_quarter(depth: ColorDepth, within: float) -> None:
    wanted, dithered, nearest = means(GRADIENT), *(means(to_palette(GRADIENT, SIDE, SIDE, depth, dither)) for dither in (True, False))
    assert max(abs(a - b) for a, b in zip(wanted, dithered, strict=True)) <= within
    assert sum(abs(a - b) for a, b in zip(wanted, dithered, strict=True)) < sum(abs(a - b) for a, b in zip(wanted, nearest, strict=True)) / 2


@pytest.mark.parametrize("depth", SYSTEMS)
def test_the_terminal_paints_the_colours_that_the_rows_name(depth: ColorDepth) -> None:
    picture = Picture(GRADIENT, SIDE, SIDE, 3)
    for row in tile_rows(picture, SIDE, depth):
        for run, segment in zip(row, segments(row, depth), strict=True):
            assert segment.style is not None
            for pixel, color in ((run.fg, segment.style.color), (run.bg, segment.style.bgcolor)):
                assert color is not None
                painted = color.downgrade(SYSTEMS[depth]).get_truecolor()
                if isinstance(pixel, tuple) and len(set(pixel)) > 1:
                    assert painted == pixel or depth is ColorDepth.COLORS_16  # whose colours Rich's theme shows otherwise
                    number = color.downgrade(SYSTEMS[depth]).number
                    assert depth is not ColorDepth.COLORS_16 or number == (*range(3), *range(4, 16))[STANDARD.index(pixel)]


@pytest.mark.parametrize("depth", SYSTEMS)
def test_live_frames_do_not_shimmer(depth: ColorDepth) -> None:
    """Where a pixel stays the same, so does its cell, whatever changes beside it."""
    other = bytes(255 - value if i % (3 * SIDE) >= 3 * 16 else value for i, value in enumerate(GRADIENT))
    first, second = (pixels(to_palette(data, SIDE, SIDE, depth, dither=False)) for data in (GRADIENT, other))
    assert all(a == b for i, (a, b) in enumerate(zip(first, second, strict=True)) if i % SIDE < 16)


def test_without_colours_a_colour_picture_is_shades_of_its_luma() -> None:
    rows = tile_rows(Picture(GRADIENT, SIDE, SIDE, 3), SIDE, ColorDepth.NONE)
    assert {character for row in rows for run in row for character in run.text} <= set(" ░▒▓█▀▄")
    ascii_rows = tile_rows(Picture(GRADIENT, SIDE, SIDE, 3), SIDE, ColorDepth.COLORS_16, unicode=False)
    assert all(character.isascii() for row in ascii_rows for run in row for character in run.text)
