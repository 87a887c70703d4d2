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
    Picture,
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
    rows = tile_rows(Picture(image), 28, depth)
    assert len(rows) == 14
    assert all(sum(len(run.text) for run in row) == 28 for row in rows)
    back = pixels_of(rows)
    # white is further from the last grey of the palette than the others are from each other
    assert all(abs(a - b) <= (8 if a > 238 and step == 10 else step / 2) for a, b in zip(image, back, strict=True))


@pytest.mark.parametrize(
    ("depth", "system"), [(ColorDepth.TRUECOLOR, ColorSystem.TRUECOLOR), (ColorDepth.COLORS_256, ColorSystem.EIGHT_BIT)], ids=["truecolor", "256"]
)
def test_the_terminal_paints_the_greys_that_the_rows_name(depth: ColorDepth, system: ColorSystem) -> None:
    for row in half_block_rows(Picture(GRADIENT), 28, depth):
        for run, segment in zip(row, segments(row, depth), strict=True):
            assert shown(segment, system) == ((run.fg, run.bg) if run.text[0] == UPPER_HALF else (run.bg, run.bg))


def test_neighbours_are_merged_and_flat_cells_are_blank() -> None:
    assert tile_rows(Picture(bytes(784)), 28) == (((" " * 28, 0, 0),),) * 14
    assert tile_rows(Picture(bytes(28) + b"\xff" * 28 + bytes(784 - 56)), 28)[0] == ((UPPER_HALF * 28, 0, 255),)
    for row in tile_rows(Picture(digits()[0]), 28):
        assert all((a.text[0], a.fg, a.bg) != (b.text[0], b.fg, b.bg) for a, b in pairwise(row))


def test_the_levels_are_those_promised() -> None:
    assert len(TRUECOLOR_GREYS) == 16
    assert len(PALETTE_GREYS) == 26
    assert (TRUECOLOR_GREYS[0], TRUECOLOR_GREYS[-1]) == (PALETTE_GREYS[0], PALETTE_GREYS[-1]) == (0, 255)


@pytest.mark.parametrize("size", [28, 14, 10])
def test_resized_pictures_keep_black_white_and_place(size: int) -> None:
    assert resize(Picture(bytes(784)), size) == Picture(bytes(size * size), size, size)
    assert resize(Picture(b"\xff" * 784), size).data == b"\xff" * size * size
    left = resize(Picture((b"\xff" * 14 + bytes(14)) * 28), size).data
    assert all(left[y * size] > 250 and left[y * size + size - 1] < 5 for y in range(size))
    whole = Picture(GRADIENT)
    assert resize(whole, 28) == whole


@pytest.mark.parametrize("size", [14, 10])
def test_small_digits_are_still_their_own_class(size: int) -> None:
    """Each small digit, blown up again, is nearest to its own original."""

    def distance(small: bytes, image: bytes) -> int:
        return sum((small[y * size // 28 * size + x * size // 28] - image[y * 28 + x]) ** 2 for y in range(28) for x in range(28))

    for digit, image in enumerate(digits()):
        small = resize(Picture(image), size).data
        assert min(range(10), key=lambda other: distance(small, digits()[other])) == digit


def test_ink_and_paper_tint_the_ends() -> None:
    row = tile_rows(Picture(b"\xff" * 28 + bytes(784 - 28)), 28)[0]
    (segment,) = segments(row, ColorDepth.TRUECOLOR, ink=(255, 200, 0), paper=(0, 0, 60))
    assert segment.style
    assert segment.style.color
    assert segment.style.bgcolor
    assert (segment.style.color.triplet, segment.style.bgcolor.triplet) == ((255, 200, 0), (0, 0, 60))


COVERAGE = {char: (above, below) for char, above, below in SHADES}


@pytest.mark.parametrize("depth", [ColorDepth.COLORS_16, ColorDepth.NONE])
def test_shades_come_as_near_as_their_characters_can(depth: ColorDepth) -> None:
    for digit, image in enumerate(digits()):
        rows = tile_rows(Picture(image), 28, depth)
        back = bytearray()
        for row in rows:
            assert {(run.fg, run.bg) for run in row} == {(255, 0)}
            halves = [COVERAGE[char] for run in row for char in run.text]
            back += bytes(above for above, _ in halves) + bytes(below for _, below in halves)
        nearest = min(range(10), key=lambda other: sum((a - b) ** 2 for a, b in zip(back, digits()[other], strict=True)))
        assert nearest == digit
        assert sum(abs(a - b) for a, b in zip(image, back, strict=True)) / 784 < 12


def test_shades_stay_ink_on_paper_in_sixteen_colors() -> None:
    for segment in segments(shade_rows(Picture(digits()[3]), 28)[7], ColorDepth.COLORS_16):
        assert segment.style
        assert segment.style.color
        assert segment.style.bgcolor
        assert segment.style.color.downgrade(ColorSystem.STANDARD).number == 15
        assert segment.style.bgcolor.downgrade(ColorSystem.STANDARD).number == 0


@pytest.mark.parametrize(("ink", "paper", "reverse"), [(WHITE, BLACK, False), (BLACK, WHITE, True)])
def test_without_colors_the_terminals_own_ink_is_used(ink: RGB, paper: RGB, reverse: bool) -> None:
    """A negative, as of the selected tile, by the one attribute that every terminal has."""
    for segment in segments(shade_rows(Picture(digits()[3]), 28)[7], ColorDepth.NONE, ink, paper):
        assert segment.style == Style(reverse=reverse)


def test_ascii_gets_darker_with_the_picture_and_needs_no_unicode() -> None:
    flat = ["".join(run.text for run in tile_rows(Picture(bytes([grey]) * 784), 28, unicode=False)[0])[0] for grey in range(256)]
    assert list(dict.fromkeys(flat)) == list(" .:-=+*#%@")
    assert "".join(run.text for row in shade_rows(Picture(digits()[8]), 28, unicode=False) for run in row).isascii()


def test_an_odd_size_has_black_below() -> None:
    assert pixels_of(half_block_rows(Picture(b"\xff" * 9, 3, 3), 3, ColorDepth.TRUECOLOR)) == b"\xff" * 9 + bytes(3)


# --- colour, and other sizes ------------------------------------------------------------------------------------------

FLAG = b"".join(bytes((255, 0, 0)) * 16 + bytes((0, 0, 255)) * 16 for _ in range(20))
"""20 rows of 32 pixels: red on the left, blue on the right."""


def seen(segment: Segment, system: ColorSystem) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """The colours above and below that a terminal of this kind paints for a segment."""
    assert segment.style
    both = []
    for color in (segment.style.color, segment.style.bgcolor):
        assert color
        both.append(tuple(color.downgrade(system).get_truecolor()))
    above, below = both if segment.text[0] == UPPER_HALF else (both[1], both[1])
    return above, below


@pytest.mark.parametrize(
    ("depth", "system"), [(ColorDepth.TRUECOLOR, ColorSystem.TRUECOLOR), (ColorDepth.COLORS_256, ColorSystem.EIGHT_BIT)], ids=["truecolor", "256"]
)
@pytest.mark.parametrize(("ink", "paper"), [(WHITE, BLACK), (BLACK, WHITE)], ids=["dark", "light"])
def test_colours_are_painted_as_they_are_whatever_ink_and_paper(depth: ColorDepth, system: ColorSystem, ink: RGB, paper: RGB) -> None:
    rows = tile_rows(Picture(FLAG, 20, 32, 3), 32, depth)
    assert len(rows) == 10
    for row in rows:
        left, right = segments(row, depth, ink, paper)
        assert (len(left.text), len(right.text)) == (16, 16)
        assert seen(left, system) == ((255, 0, 0),) * 2
        assert seen(right, system) == ((0, 0, 255),) * 2


@pytest.mark.parametrize(("depth", "step"), [(ColorDepth.TRUECOLOR, 8.5), (ColorDepth.COLORS_256, 51.0)])
def test_every_colour_is_painted_as_nearly_as_the_terminal_can(depth: ColorDepth, step: float) -> None:
    colours = [(r, g, b) for r in range(0, 256, 51) for g in range(0, 256, 51) for b in range(0, 256, 51)]
    data = bytes(value for colour in colours for value in colour)
    (row,) = half_block_rows(Picture(data, 1, len(colours), 3), len(colours), depth)
    painted = [run.fg for run in row for _ in run.text]
    for colour, pixel in zip(colours, painted, strict=True):
        assert isinstance(pixel, tuple)
        assert max(abs(a - b) for a, b in zip(colour, pixel, strict=True)) <= step


@pytest.mark.parametrize("unicode", [True, False])
def test_without_colours_one_sees_how_light_a_colour_is(unicode: bool) -> None:
    grey = bytes([76] * 16 + [29] * 16) * 20  # ITU-R BT.601: 0.299 of red, 0.114 of blue
    of_colour, of_grey = (tile_rows(picture, 32, ColorDepth.NONE, unicode) for picture in (Picture(FLAG, 20, 32, 3), Picture(grey, 20, 32)))
    assert of_colour == of_grey


@pytest.mark.parametrize(("size", "width", "rows"), [(32, 32, 10), (28, 28, 9), (10, 10, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_tile_keeps_the_picture_s_proportions(size: int, width: int, rows: int, channels: int) -> None:
    picture = Picture(bytes(range(256)) * 8, 20, 32, channels)._replace(data=bytes(i % 256 for i in range(20 * 32 * channels)))
    tile = tile_rows(picture, size)
    assert len(tile) == rows
    assert all(sum(len(run.text) for run in row) == width for row in tile)


def test_only_pictures_of_mnist_s_size_are_brightened() -> None:
    """A dim grey photograph stays dim; a dim stroke is raised."""
    assert max(resize(Picture(b"\x40" * 32 * 20, 20, 32), 16).data) == 0x40
    assert max(resize(Picture(b"\x40" * 784), 14).data) > 0x40


@pytest.mark.parametrize("times", [2, 3, 4])
def test_an_enlarged_live_picture_repeats_each_pixel(times: int) -> None:
    large = resize(Picture(GRADIENT), 28 * times, smooth=False)
    assert (large.height, large.width) == (28 * times, 28 * times)
    for y in range(28 * times):
        line = large.data[y * 28 * times : (y + 1) * 28 * times]
        assert line == b"".join(bytes([grey]) * times for grey in GRADIENT[y // times * 28 :][:28])


def test_an_enlarged_finished_picture_is_smooth_and_reads_as_the_same_picture() -> None:
    for digit in digits():
        large = resize(Picture(digit), 84)
        hardest = max(abs(a - b) for y in range(84) for a, b in pairwise(large.data[y * 84 : (y + 1) * 84]))
        assert hardest < max(abs(a - b) for y in range(28) for a, b in pairwise(digit[y * 28 : (y + 1) * 28])), "of all edges"
        back = bytes(large.data[(3 * y + 1) * 84 + 3 * x + 1] for y in range(28) for x in range(28))
        assert max(abs(a - b) for a, b in zip(back, digit, strict=True)) <= 1, "the middle of each enlarged pixel has its grey"


def test_an_enlarged_colour_picture_keeps_its_colours() -> None:
    picture = Picture(bytes((200, 40, 90)) * 64, 8, 8, 3)
    for smooth in (True, False):
        assert resize(picture, 24, smooth) == Picture(bytes((200, 40, 90)) * 24 * 24, 24, 24, 3)


def test_enlarged_noise_takes_few_more_runs_while_live() -> None:
    """A run of equal cells is what takes bytes."""
    noise = Picture(GRADIENT)
    runs = {size: sum(len(row) for row in half_block_rows(noise, size, ColorDepth.TRUECOLOR, smooth=False)) for size in (28, 56, 84)}
    assert runs[56] <= 28 * 28
    assert runs[84] <= 42 * 28
