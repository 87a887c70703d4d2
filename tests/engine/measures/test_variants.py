"""Variants: strokes drawn as lines, with and without the bar or the loop that makes the difference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.measures.shape import Enlarged, enlarge
from engine.measures.variants import VARIANTS, holes

Line = Sequence[tuple[float, float]]
FINE = 8


def drawn(*lines: Line, thickness: float = 2.5) -> Enlarged:
    """Lines through points (x, y) of a 28-pixel image, y downwards."""
    picture = Image.new("L", (28 * FINE, 28 * FINE))
    pen = ImageDraw.Draw(picture)
    for line in lines:
        points = [(x * FINE, y * FINE) for x, y in line]
        pen.line(points, fill=255, width=round(thickness * FINE), joint="curve")
        for x, y in points:
            radius = thickness * FINE / 2
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    large = enlarge(np.asarray(picture.reduce(FINE)))
    assert large is not None
    return large


SEVEN = [(8, 5), (20, 5), (13, 23)]
CURVED_SEVEN = [(8, 6), (19, 5), (16, 12), (14.5, 17), (14, 23)]
ONE = [(14, 5), (14, 23)]
LEANING_ONE = [(17, 5), (11, 23)]
FLAG = [(14, 5), (10, 9)]


@pytest.mark.parametrize("thickness", [1.5, 2.5, 3.5])
@pytest.mark.parametrize("seven", [SEVEN, CURVED_SEVEN], ids=["straight", "curved"])
@pytest.mark.parametrize("bar", [[(11, 14), (20, 14)], [(11, 15.5), (20, 12.5)], [(10, 13), (20, 15)]], ids=["level", "rising", "falling"])
def test_a_crossed_seven(seven: Line, bar: Line, thickness: float) -> None:
    _, is_crossed = VARIANTS["crossed"]
    assert is_crossed(drawn(seven, bar, thickness=thickness))
    assert not is_crossed(drawn(seven, thickness=thickness))
    assert not is_crossed(drawn(seven, [(8, 5), (7, 10)], thickness=thickness))  # a serif


@pytest.mark.parametrize("one", [ONE, LEANING_ONE], ids=["upright", "leaning"])
def test_a_one_with_a_base(one: Line) -> None:
    _, has_base = VARIANTS["with a base"]
    x, y = one[-1]
    assert has_base(drawn(one, [(x - 5, y), (x + 5, y)]))
    assert not has_base(drawn(one))
    assert not has_base(drawn(one, FLAG))
    assert not has_base(drawn(one, [(x - 5, y), (x, y)]))  # a hook


def test_a_closed_four() -> None:
    _, is_closed = VARIANTS["closed"]
    stem = [(17, 4), (17, 24)]
    assert is_closed(drawn(stem, [(17, 4), (8, 16), (21, 16)]))
    assert not is_closed(drawn(stem, [(8, 6), (8, 16), (21, 16)]))


def test_a_looped_two() -> None:
    _, is_looped = VARIANTS["looped"]
    top = [(9, 7), (14, 4), (19, 8), (12, 18)]
    assert is_looped(drawn(top, [(12, 18), (8, 23), (4, 20), (8, 16), (21, 23)]))
    assert not is_looped(drawn(top, [(12, 18), (8, 23), (21, 23)]))


def test_holes_are_counted() -> None:
    def box(left: float, top: float, side: float) -> Line:
        return [(left, top), (left + side, top), (left + side, top + side), (left, top + side), (left, top)]

    assert holes(drawn(box(4, 4, 8), box(15, 15, 8)).ink) == 2
    assert holes(drawn([(4, 4), (4, 24)]).ink) == 0
    assert holes(drawn(box(10, 10, 2.6)).ink) == 0  # smaller than a pixel


def test_nothing_is_read_into_dots() -> None:
    dot = drawn([(14, 14), (14.5, 14)])
    assert not any(has(dot) for _, has in VARIANTS.values())
