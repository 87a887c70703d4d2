"""What the cells show is the picture: rebuilt from the characters and colours that a terminal would get."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style

import engine
from tui.render.cells import (
    BLACK,
    PALETTE_GREYS,
    RGB,
    SHADES,
    TRUECOLOR_GREYS,
    UPPER_HALF,
    WHITE,
    Row,
    half_block_rows,
    resize,
    segments,
    shade_rows,
    tile_rows,
)
from tui.terminal.capabilities import ColorDepth

MNIST = Path(engine.__file__).parent / "assets" / "mnist"
GRADIENT = bytes((31 * i * i + 7 * i) % 256 for i in range(784))  # every grey, in no order


@cache
def digits() -> tuple[bytes, ...]:
    """The first test image of each class, 0 to 9."""
    pixels = gzip.decompress((MNIST / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((MNIST / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    return tuple(pixels[784 * i : 784 * (i + 1)] for i in (labels.index(digit) for digit in range(10)))


def pixels_of(rows: Sequence[Row]) -> bytes:
    """The greys of half blocks, upper and lower line of each row in turn."""
    out = bytearray()
    for row in rows:
        out += bytes(run.fg for run in row for _ in run.text)
        out += bytes(run.bg for run in row for _ in run.text)
    return bytes(out)


def shown(segment: Segment, system: ColorSystem) -> tuple[int, int]:
    """The greys above and below that a terminal of this kind paints for a segment."""
    assert segment.style
    greys = []
    for color in (segment.style.color, segment.style.bgcolor):
        assert color
        greys.append(_grey(color.downgrade(system)))
    return (greys[0], greys[1]) if segment.text[0] == UPPER_HALF else (greys[1], greys[1])


def _grey(color: Color) -> int:
    if color.number is not None:
        # xterm's own definition of its palette: 16 is black, 231 white, 232 … 255 are greys from 8 in steps of 10
        return {16: 0, 231: 255}.get(color.number, 8 + 10 * (color.number - 232))
    assert color.triplet
    assert len(set(color.triplet)) == 1
    return color.triplet.red


@pytest.mark.parametrize(("depth", "step"), [(ColorDepth.TRUECOLOR, 20), (ColorDepth.COLORS_256, 10)])
@pytest.mark.parametrize("image", [GRADIENT, *digits()[:3]])
def test_a_picture_survives_the_cells(image: bytes, depth: ColorDepth, step: int) -> None:
    rows = tile_rows(image, 28, depth)
    assert len(rows) == 14
    assert all(sum(len(run.text) for run in row) == 28 for row in rows)
    back = pixels_of(rows)
    # white is further from the last grey of the palette than the others are from each other
    assert all(abs(a - b) <= (8 if a > 238 and step == 10 else step / 2) for a, b in zip(image, back, strict=True))


@pytest.mark.parametrize(
    ("depth", "system"), [(ColorDepth.TRUECOLOR, ColorSystem.TRUECOLOR), (ColorDepth.COLORS_256, ColorSystem.EIGHT_BIT)], ids=["truecolor", "256"]
)
def test_the_terminal_paints_the_greys_that_the_rows_name(depth: ColorDepth, system: ColorSystem) -> None:
    for row in half_block_rows(GRADIENT, 28, depth):
        for run, segment in zip(row, segments(row, depth), strict=True):
            assert shown(segment, system) == ((run.fg, run.bg) if run.text[0] == UPPER_HALF else (run.bg, run.bg))


def test_neighbours_are_merged_and_flat_cells_are_blank() -> None:
    assert tile_rows(bytes(784), 28) == (((" " * 28, 0, 0),),) * 14
    assert tile_rows(bytes(28) + b"\xff" * 28 + bytes(784 - 56), 28)[0] == ((UPPER_HALF * 28, 0, 255),)
    for row in tile_rows(digits()[0], 28):
        assert all((a.text[0], a.fg, a.bg) != (b.text[0], b.fg, b.bg) for a, b in pairwise(row))


def test_the_levels_are_those_promised() -> None:
    assert len(TRUECOLOR_GREYS) == 16
    assert len(PALETTE_GREYS) == 26
    assert (TRUECOLOR_GREYS[0], TRUECOLOR_GREYS[-1]) == (PALETTE_GREYS[0], PALETTE_GREYS[-1]) == (0, 255)


@pytest.mark.parametrize("size", [28, 14, 10])
def test_resized_pictures_keep_black_white_and_place(size: int) -> None:
    assert resize(bytes(784), size) == bytes(size * size)
    assert resize(b"\xff" * 784, size) == b"\xff" * size * size
    left = resize((b"\xff" * 14 + bytes(14)) * 28, size)
    assert all(left[y * size] > 250 and left[y * size + size - 1] < 5 for y in range(size))
    assert resize(GRADIENT, 28) is GRADIENT


@pytest.mark.parametrize("size", [14, 10])
def test_small_digits_are_still_their_own_class(size: int) -> None:
    """Each small digit, blown up again, is nearest to its own original."""

    def distance(small: bytes, image: bytes) -> int:
        return sum((small[y * size // 28 * size + x * size // 28] - image[y * 28 + x]) ** 2 for y in range(28) for x in range(28))

    for digit, image in enumerate(digits()):
        small = resize(image, size)
        assert min(range(10), key=lambda other: distance(small, digits()[other])) == digit


def test_ink_and_paper_tint_the_ends() -> None:
    row = tile_rows(b"\xff" * 28 + bytes(784 - 28), 28)[0]
    (segment,) = segments(row, ColorDepth.TRUECOLOR, ink=(255, 200, 0), paper=(0, 0, 60))
    assert segment.style
    assert segment.style.color
    assert segment.style.bgcolor
    assert (segment.style.color.triplet, segment.style.bgcolor.triplet) == ((255, 200, 0), (0, 0, 60))


COVERAGE = {char: (above, below) for char, above, below in SHADES}


@pytest.mark.parametrize("depth", [ColorDepth.COLORS_16, ColorDepth.NONE])
def test_shades_come_as_near_as_their_characters_can(depth: ColorDepth) -> None:
    for digit, image in enumerate(digits()):
        rows = tile_rows(image, 28, depth)
        back = bytearray()
        for row in rows:
            assert {(run.fg, run.bg) for run in row} == {(255, 0)}
            halves = [COVERAGE[char] for run in row for char in run.text]
            back += bytes(above for above, _ in halves) + bytes(below for _, below in halves)
        nearest = min(range(10), key=lambda other: sum((a - b) ** 2 for a, b in zip(back, digits()[other], strict=True)))
        assert nearest == digit
        assert sum(abs(a - b) for a, b in zip(image, back, strict=True)) / 784 < 12


def test_shades_stay_ink_on_paper_in_sixteen_colors() -> None:
    for segment in segments(shade_rows(digits()[3], 28)[7], ColorDepth.COLORS_16):
        assert segment.style
        assert segment.style.color
        assert segment.style.bgcolor
        assert segment.style.color.downgrade(ColorSystem.STANDARD).number == 15
        assert segment.style.bgcolor.downgrade(ColorSystem.STANDARD).number == 0


@pytest.mark.parametrize(("ink", "paper", "reverse"), [(WHITE, BLACK, False), (BLACK, WHITE, True)])
def test_without_colors_the_terminals_own_ink_is_used(ink: RGB, paper: RGB, reverse: bool) -> None:
    """A negative, as of the selected tile, by the one attribute that every terminal has."""
    for segment in segments(shade_rows(digits()[3], 28)[7], ColorDepth.NONE, ink, paper):
        assert segment.style == Style(reverse=reverse)


def test_ascii_gets_darker_with_the_picture_and_needs_no_unicode() -> None:
    flat = ["".join(run.text for run in tile_rows(bytes([grey]) * 784, 28, unicode=False)[0])[0] for grey in range(256)]
    assert list(dict.fromkeys(flat)) == list(" .:-=+*#%@")
    assert "".join(run.text for row in shade_rows(digits()[8], 28, unicode=False) for run in row).isascii()


def test_an_odd_size_has_black_below() -> None:
    assert pixels_of(half_block_rows(b"\xff" * 9, 3, ColorDepth.TRUECOLOR)) == b"\xff" * 9 + bytes(3)
