"""Pictures in real pixels: what is sent by each protocol is decoded again and is the picture."""

from __future__ import annotations

import re

import pytest
from decoders import iterm2_images, kitty_images, sixel_images, unwrap_tmux
from fake_pictures import digits
from PIL import Image, ImageChops, ImageStat
from textual.geometry import Region

from tui.render import pixels
from tui.render.cells import Picture
from tui.render.painter import Painter
from tui.terminal.graphics import Graphics

SEVEN = Picture(digits()[7])
RED = Picture(bytes((220, 30, 60)) * 96, 8, 12, 3)
WAYS = [Graphics.KITTY, Graphics.ITERM2, Graphics.SIXEL]


def expected(picture: Picture, size: tuple[int, int]) -> Image.Image:
    """What Pillow makes of the picture at this size."""
    image = Image.frombytes(picture.mode, (picture.width, picture.height), picture.data)
    return image.resize(size, Image.Resampling.BICUBIC).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """The largest mean difference of a channel."""
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean)


def decoded(way: Graphics, text: str) -> list[Image.Image]:
    if way is Graphics.SIXEL:
        return list(sixel_images(text))
    return [image for _, image in (kitty_images(text) if way is Graphics.KITTY else iterm2_images(text))]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("picture", [SEVEN, RED], ids=["grey", "colour"])
def test_what_is_placed_is_the_picture(way: Graphics, picture: Picture) -> None:
    placement = Painter(way, cell=(9, 17)).place(Region(3, 2, 28, 14), picture)
    (image,) = decoded(way, placement.paint())
    if way is Graphics.SIXEL:
        assert image.size == (28 * 9, 14 * 17), "exactly the pixels of its cells"
    else:
        assert max(image.size) <= pixels.PNG_SIDE
        assert image.size[0] * picture.height == image.size[1] * picture.width
    assert difference(image, expected(picture, image.size)) < 4


@pytest.mark.parametrize("height", [1, 5, 6, 7, 12, 13])
def test_sixel_of_any_height_paints_every_pixel(height: int) -> None:
    (image,) = sixel_images(pixels.sixel_place(SEVEN, 31, height))
    assert image.size == (31, height)
    assert (255, 0, 255) not in image.get_flattened_data()


def test_few_colours_take_far_fewer_bytes() -> None:
    many, few = (pixels.sixel_place(SEVEN, 560, 560, most) for most in (pixels.COLOURS, pixels.FEW_COLOURS))
    assert len(few) < 0.6 * len(many)
    assert difference(sixel_images(few)[0], sixel_images(many)[0]) < 6
    assert len(pixels.sixel_place(SEVEN, 756, 756, pixels.FEW_COLOURS)) < 45_000, "one burst over SSH"


def test_a_long_run_of_equal_sixels_is_a_number() -> None:
    text = pixels.sixel_place(Picture(bytes(784)), 280, 12)
    assert text.count("!280~") == 2
    assert len(text) < 80


def test_kitty_is_placed_by_text_of_which_each_cell_names_its_part() -> None:
    placement = Painter(Graphics.KITTY).place(Region(5, 1, 28, 14), SEVEN)
    text = placement.paint()
    ((keys, _),) = kitty_images(text)
    number = int(keys["i"])
    assert (keys["U"], keys["c"], keys["r"], keys["q"]) == ("1", "28", "14", "2"), "and the terminal answers nothing"
    numbers = pixels.diacritics()
    rows = re.findall(r"\x1b\[(\d+);(\d+)H\x1b\[0;38;2;(\d+);(\d+);(\d+)m([^\x1b]*)", text)
    assert [(int(y), int(x)) for y, x, *_ in rows] == [(y + 2, 6) for y in range(14)]
    for y, (_, _, red, green, blue, cells) in enumerate(rows):
        assert (int(red) << 16) + (int(green) << 8) + int(blue) == number
        assert cells == "".join(f"\U0010eeee{numbers[y]}{numbers[x]}" for x in range(28))
    assert f"a=d,d=I,i={number}," in placement.erase()


def test_the_numbers_of_placeholders_are_distinct_marks() -> None:
    """kitty's list has 297 of them, from U+0305 to U+1D244."""
    import unicodedata

    numbers = pixels.diacritics()
    assert (len(numbers), len(set(numbers)), numbers[0], numbers[-1]) == (297, 297, "\u0305", "\U0001d244")
    assert all(unicodedata.combining(number) == 230 for number in numbers)


def test_pictures_have_different_numbers_and_the_same_one_again_the_same() -> None:
    painter = Painter(Graphics.KITTY)
    places = [(Region(0, 0, 4, 2), SEVEN), (Region(9, 0, 4, 2), SEVEN), (Region(0, 0, 4, 2), RED)]
    numbers = [kitty_images(painter.place(*place).paint())[0][0]["i"] for place in [*places, *places]]
    assert numbers[:3] == numbers[3:]
    assert len(set(numbers)) == 3


def test_through_tmux_only_the_pictures_are_wrapped() -> None:
    placement = Painter(Graphics.KITTY, tmux=True).place(Region(0, 0, 28, 14), SEVEN)
    text = placement.paint()
    assert text.startswith("\x1bPtmux;\x1b\x1b_G")
    ((_, image),) = kitty_images(unwrap_tmux(text))
    assert difference(image, expected(SEVEN, image.size)) < 4
    assert "\U0010eeee" not in "".join(re.findall(r"\x1bPtmux;.*?[^\x1b]\x1b\\", text)), "tmux has to know the text"
    assert placement.erase().startswith("\x1bPtmux;")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("tmux", [False, True])
def test_printed_lines_hold_the_pictures_and_end_below_them(way: Graphics, tmux: bool) -> None:
    text = Painter(way, cell=(10, 20), tmux=tmux).lines([SEVEN, Picture(digits()[2])], 28, 14, 1)
    images = decoded(way, unwrap_tmux(text))
    assert len(images) == 2
    for image, digit in zip(images, (7, 2), strict=True):
        assert difference(image, expected(Picture(digits()[digit]), image.size)) < 4
    assert text.count("\n") == 14, "as many lines as a picture has rows"
    if not (tmux and way is Graphics.KITTY):
        assert text.startswith("\r\n" * 14 + "\x1b[14A")
        assert text.endswith("\x1b[14B\r")
        assert text.count("\x1b7") == text.count("\x1b8") == 2
        assert "\x1b[29C" in text
