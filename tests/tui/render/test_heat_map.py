"""The heat map of attention: each place as bright as its weight, and a frame around the place that looks."""

from __future__ import annotations

import pytest

from engine.protocol.lesson import AttentionMap
from engine.protocol.recipe import Images
from tui.render.heat_map import heat_map
from tui.render.lesson_pages import moved


@pytest.mark.parametrize(("height", "width", "channels"), [(28, 28, 1), (20, 32, 3)])
def test_each_pixel_has_the_grey_of_its_place(height: int, width: int, channels: int) -> None:
    rows, columns = 4, 8
    count = rows * columns
    weights = tuple((j + 1) / (count * (count + 1) / 2) for _ in range(count) for j in range(count))
    attention = AttentionMap(rows, columns, weights)
    image = Images(bytes([9]) * height * width * channels, 1, height, width, channels)
    framed, heat = heat_map(image, attention, position=10)
    for y in range(height):
        for x in range(width):
            place = y * rows // height * columns + x * columns // width
            at = (y * width + x) * channels
            assert heat[at : at + channels] == bytes([round(255 * (place + 1) / count)]) * channels
            assert place == 10 or framed[at : at + channels] == image[0][at : at + channels]
    assert framed.count(255) > 0, "the frame is seen on a dark image"


def test_a_bright_image_has_a_dark_frame() -> None:
    attention = AttentionMap(7, 7, (1 / 49,) * 49**2)
    framed, _ = heat_map(Images(bytes([250]) * 784, 1), attention, position=24)
    assert framed.count(0) == 12, "the edge of 4x4 pixels"


def test_a_place_stays_within_the_grid() -> None:
    place = (0.5, 0.5)
    for _ in range(9):
        place = moved(place, 7, 7, 1, -1)
    assert (int(place[0] * 7), int(place[1] * 7)) == (6, 0)
