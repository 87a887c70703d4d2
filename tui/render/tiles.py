"""The size, the number and the places of tiles in a given space. Pure arithmetic on cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, isqrt, sqrt

from engine.config.data import MNIST

STEPS = (10, 14, 18, 22, 28, 36, 44, 56, 72, 88, 112, 144, 176, 224, 288, 352, 448)
"""Pixels of the longer side of a tile that is smaller than its image. Each step is about a quarter more."""
LARGEST_ENLARGED = 448
"""Pixels up to which a tile is enlarged."""
_GAPS = ((1, 1), (1, 0), (0, 0))
"""Gaps between tiles, across and down. Tiles move together in this order before they shrink."""


def sizes(image: tuple[int, int]) -> tuple[int, ...]:
    """The pixels that the longer side of an image (height, width) may have in a tile, descending: multiples of its own, then smaller STEPS."""
    whole = max(image)
    multiples = range(whole * max(1, LARGEST_ENLARGED // whole), 0, -whole)
    return *multiples, *(step for step in reversed(STEPS) if step < whole)


def scale(image: tuple[int, int], size: int) -> tuple[int, int]:
    """(height, width) of the image in pixels when its longer side has `size`."""
    height, width = (max(1, round(side * size / max(image))) for side in image)
    return height, width


@dataclass(frozen=True, slots=True)
class Tiles:
    """A grid of `count` tiles, in pages if `columns * rows` is less. A tile has a column for each pixel across and a row for two pixels down."""

    count: int
    size: int
    """Pixels of the longer side."""
    columns: int
    rows: int
    gap_x: int = 1
    gap_y: int = 1
    caption: bool = False
    """Whether each tile has one more row, for its caption."""
    image: tuple[int, int] = MNIST.height, MNIST.width
    """Height and width of the images, whose proportions the tiles keep."""
    margin: int = 0
    """Columns on both sides of each tile, for captions that are wider than it."""

    @property
    def per_page(self) -> int:
        return self.columns * self.rows

    @property
    def pages(self) -> int:
        return ceil(self.count / self.per_page)

    @property
    def tile_width(self) -> int:
        """In columns of cells, without the margin."""
        return scale(self.image, self.size)[1]

    def is_caption(self, y: int) -> bool:
        """Whether row y of a tile is its caption."""
        return self.caption and y == self.tile_height - 1

    @property
    def caption_width(self) -> int:
        return self.tile_width + 2 * self.margin

    @property
    def tile_height(self) -> int:
        """In rows of cells, with the caption."""
        return (scale(self.image, self.size)[0] + 1) // 2 + self.caption

    @property
    def width(self) -> int:
        return self.columns * (self.caption_width + self.gap_x) - self.gap_x

    @property
    def height(self) -> int:
        """With a row for the page number if there are several pages."""
        return self.rows * (self.tile_height + self.gap_y) - self.gap_y + (self.pages > 1)

    def place(self, i: int) -> tuple[int, int]:
        """Column and row of the upper left cell of tile i of a page."""
        row, column = divmod(i, self.columns)
        return column * (self.caption_width + self.gap_x) + self.margin, row * (self.tile_height + self.gap_y)


@lru_cache(maxsize=256)
def fit(
    count: int,
    width: int,
    height: int,
    *,
    image: tuple[int, int] = (MNIST.height, MNIST.width),
    columns: int | None = None,
    captions: bool = False,
    shrink: bool = True,
) -> Tiles:
    """The largest tiles that show all `count` images (at least 1) in width x height cells, else pages of the smallest tiles.

    `image` is the images' height and width in pixels. Without `shrink`: pages of the largest tiles of which one fits, but not enlarged ones.
    `columns` is kept where the width allows it.
    """
    one_each = [Tiles(1, size, 1, 1, caption=captions, image=image) for size in sizes(image)]
    fitting = [tile for tile in one_each if tile.width <= width and tile.height <= height] or one_each[-1:]
    choices = [min(columns, count)] if columns else _columns_by_preference(count)
    least = fitting[-1].size if shrink else next(tile.size for tile in fitting if tile.size <= max(image))
    candidates = [tile for tile in fitting if tile.size >= least]
    for tile in candidates:
        if tile.tile_width * tile.tile_height * count > width * height:
            continue
        for across in choices:
            for gap_x, gap_y in _GAPS:
                tiles = replace(tile, count=count, columns=across, rows=ceil(count / across), gap_x=gap_x, gap_y=gap_y)
                if tiles.width <= width and tiles.height <= height:
                    return tiles
    return _paged(replace(candidates[-1], count=count), width, height, columns)


def _columns_by_preference(count: int) -> list[int]:
    """Numbers of columns, the best first: one row of up to five; else the fewest holes, nearly square and rather wide (10: 5, 16: 4)."""
    best = count if count <= 5 else min(range(ceil(sqrt(count)), 2 * isqrt(count) + 1), key=lambda c: (-count % c, c))
    return sorted(range(1, count + 1), key=lambda c: (abs(c - best), -c))


def _paged(tile: Tiles, width: int, height: int, columns: int | None) -> Tiles:
    """Pages with as many tiles of this size as fit."""
    count, tile_height = tile.count, tile.tile_height
    across = max(1, min(columns or count, count, (width + 1) // (tile.tile_width + 1)))
    needed = ceil(count / across)
    if needed * tile_height <= height:  # fewer columns than asked for may make one page enough
        return replace(tile, columns=across, rows=needed, gap_y=int(needed * (tile_height + 1) - 1 <= height))
    tight, loose = (height - 1) // tile_height, height // (tile_height + 1)  # without and with gaps; the page number takes a row
    down = max(1, min(tight, needed))
    return replace(tile, columns=across, rows=down, gap_y=int(down == 1 or loose >= down))
