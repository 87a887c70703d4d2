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
    ("image", "smaller"),
    [((28, 28), (22, 18, 14, 10)), ((20, 32), (28, 22, 18, 14, 10)), ((64, 48), (56, 44, 36, 28, 22, 18, 14, 10)), ((8, 8), ())],
)
def test_a_tile_is_a_whole_multiple_of_the_image_or_smaller(image: tuple[int, int], smaller: tuple[int, ...]) -> None:
    whole = max(image)
    larger = [size for size in sizes(image) if size >= whole]
    assert larger == [whole * k for k in range(len(larger), 0, -1)]
    assert 448 - whole < larger[0] <= 448
    assert sizes(image)[len(larger) :] == smaller


def test_an_image_larger_than_the_largest_enlargement_keeps_its_own_size() -> None:
    assert sizes((512, 300))[:2] == (512, 448)


@pytest.mark.parametrize(
    ("count", "width", "height", "size"),
    [(1, 198, 52, 84), (1, 120, 32, 56), (1, 80, 16, 28), (16, 200, 58, 28), (4, 120, 60, 56), (10, 300, 90, 56), (1, 240, 120, 224)],
)
def test_tiles_are_enlarged_where_all_images_fit(count: int, width: int, height: int, size: int) -> None:
    for shrink in (True, False):
        tiles = fit(count, width, height, shrink=shrink)
        assert (tiles.size, tiles.pages) == (size, 1)


def test_without_shrinking_pages_hold_images_of_their_own_size() -> None:
    tiles = fit(16, 120, 50, shrink=False)
    assert (tiles.size, tiles.per_page, tiles.pages) == (28, 12, 2), "not one enlarged image a page"


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


@pytest.mark.slow
def test_tiles_lie_inside_and_apart_in_any_space() -> None:
    for tiles, width, height in every_space():
        regions = [Region(*tiles.place(i), tiles.tile_width, tiles.tile_height) for i in range(min(tiles.count, tiles.per_page))]
        assert tiles.pages * tiles.per_page >= tiles.count
        if width >= 10 and height >= 7:  # room for one tile, its caption and the page mark
            assert tiles.width <= width
            assert tiles.height <= max(height, tiles.tile_height + 1)
        assert all(region.right <= tiles.width and region.bottom <= tiles.height for region in regions)
        assert not any(a.overlaps(b) for a, b in pairwise(regions))
