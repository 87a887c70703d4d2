"""Tiles take the largest size that fits, lie inside their space and do not overlap."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from textual.geometry import Region

from tui.render.tiles import Tiles, fit, sizes


@pytest.mark.parametrize(
    ("count", "width", "height", "size", "columns", "rows"),
    [
        (1, 80, 21, 28, 1, 1),
        (10, 80, 21, 14, 5, 2),
        (16, 80, 21, 10, 4, 4),
        (16, 120, 37, 18, 4, 4),
        (16, 120, 35, 18, 6, 3),  # rather than smaller ones four by four
        (10, 120, 36, 22, 5, 2),
        (10, 100, 26, 18, 5, 2),
        (16, 115, 59, 28, 4, 4),
        (10, 144, 29, 28, 5, 2),
        (10, 74, 15, 14, 5, 2),
        (10, 54, 11, 10, 5, 2),
        (16, 40, 20, 10, 4, 4),  # without gaps
        (2, 80, 21, 28, 2, 1),
        (3, 80, 21, 22, 3, 1),
        (64, 120, 41, 10, 8, 8),
        (64, 120, 37, 10, 10, 7),  # eight rows do not fit, ten columns do
    ],
)
def test_the_largest_tiles_that_fit(count: int, width: int, height: int, size: int, columns: int, rows: int) -> None:
    tiles = fit(count, width, height)
    assert (tiles.size, tiles.columns, tiles.rows, tiles.pages) == (size, columns, rows, 1)


def test_tiles_that_do_not_fit_are_paged() -> None:
    tiles = fit(64, 80, 21)
    assert (tiles.size, tiles.columns, tiles.rows, tiles.pages) == (10, 7, 4, 3)
    assert tiles.height <= 21


def test_columns_are_kept_where_the_width_allows_it() -> None:
    assert fit(16, 120, 37, columns=8).columns == 8
    assert fit(10, 40, 40, columns=5).columns == 3


@pytest.mark.parametrize(
    ("image", "longer_sides"),
    [((28, 28), (28, 22, 18, 14, 10)), ((20, 32), (32, 28, 22, 18, 14, 10)), ((64, 48), (64, 56, 44, 36, 28, 22, 18, 14, 10)), ((8, 8), (8,))],
)
def test_a_tile_is_as_large_as_the_image_or_smaller(image: tuple[int, int], longer_sides: tuple[int, ...]) -> None:
    assert sizes(image) == longer_sides


def test_tiles_keep_the_proportions_of_the_images() -> None:
    tiles = fit(3, 100, 12, image=(20, 32))
    assert (tiles.size, tiles.tile_width, tiles.tile_height, tiles.columns, tiles.width) == (32, 32, 10, 3, 98)
    smaller = fit(3, 97, 12, image=(20, 32), captions=True)
    assert (smaller.size, smaller.tile_width, smaller.tile_height) == (32, 32, 11)  # without gaps
    assert fit(3, 95, 12, image=(20, 32)).size == 28


def every_space() -> Iterator[tuple[Tiles, int, int]]:
    rng = random.Random(3)
    for _ in range(3000):
        count, width, height = rng.randint(1, 70), rng.randint(1, 200), rng.randint(1, 70)
        columns, captions, shrink = rng.choice([None, None, 3, 5]), rng.random() < 0.5, rng.random() < 0.8
        image = rng.choice([(28, 28), (28, 28), (20, 32), (64, 48), (8, 12)])
        tiles = fit(count, width, height, columns=columns, captions=captions, image=image, shrink=shrink)
        again = fit(count, tiles.width, tiles.height, columns=columns, captions=captions, image=image, shrink=shrink)
        too_small = tiles.width > width or tiles.height > height  # for a single tile, its caption and the page mark
        assert too_small or again == tiles, "a widget that gets the size it asked for shows the same tiles"
        yield tiles, width, height


def test_tiles_lie_inside_and_apart_in_any_space() -> None:
    for tiles, width, height in every_space():
        regions = [Region(*tiles.place(i), tiles.tile_width, tiles.tile_height) for i in range(min(tiles.count, tiles.per_page))]
        assert tiles.pages * tiles.per_page >= tiles.count
        if width >= 10 and height >= 7:  # room for one tile, its caption and the page mark
            assert tiles.width <= width
            assert tiles.height <= max(height, tiles.tile_height + 1)
        assert all(region.right <= tiles.width and region.bottom <= tiles.height for region in regions)
        assert not any(a.overlaps(b) for a, b in pairwise(regions))
