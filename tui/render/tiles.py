"""How many tiles of which size fit a space, and where each lies. Pure arithmetic on cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, isqrt, sqrt

SIZES = (28, 22, 18, 14, 10)
"""Pixels a side, the largest first; a tile is that many columns and half as many rows."""
_GAPS = ((1, 1), (1, 0), (0, 0))
"""Between tiles, across and down: given up in this order before a tile shrinks."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """A grid of `count` tiles, paged where `columns * rows` hold fewer."""

    count: int
    size: int
    columns: int
    rows: int
    gap_x: int = 1
    gap_y: int = 1
    caption: bool = False
    """One more row below each tile."""

    @property
    def per_page(self) -> int:
        return self.columns * self.rows

    @property
    def pages(self) -> int:
        return ceil(self.count / self.per_page)

    @property
    def tile_height(self) -> int:
        """In rows of cells, with the caption."""
        return (self.size + 1) // 2 + self.caption

    @property
    def width(self) -> int:
        return self.columns * (self.size + self.gap_x) - self.gap_x

    @property
    def height(self) -> int:
        """With a row for the page mark where there are pages."""
        return self.rows * (self.tile_height + self.gap_y) - self.gap_y + (self.pages > 1)

    def place(self, i: int) -> tuple[int, int]:
        """Column and row of the upper left cell of tile i of a page."""
        row, column = divmod(i, self.columns)
        return column * (self.size + self.gap_x), row * (self.tile_height + self.gap_y)


@lru_cache(maxsize=256)
def fit(
    count: int, width: int, height: int, *, columns: int | None = None, captions: bool = False, largest: int = SIZES[0], shrink: bool = True
) -> Tiles:
    """The largest tiles, `largest` at most, that show all of `count` (1 or more) in width x height cells, else pages of the smallest.

    Without `shrink`, pages of the largest size of which one tile fits. `columns` is kept where the width allows it.
    """
    sizes = tuple(s for s in SIZES if s <= largest and s <= width and (s + 1) // 2 + captions <= height) or SIZES[-1:]
    if not shrink:
        sizes = sizes[:1]
    choices = [min(columns, count)] if columns else _columns_by_taste(count)
    for size in sizes:
        for across in choices:
            for gap_x, gap_y in _GAPS:
                tiles = Tiles(count, size, across, ceil(count / across), gap_x, gap_y, captions)
                if tiles.width <= width and tiles.height <= height:
                    return tiles
    return _paged(count, width, height, columns, captions, sizes[-1])


def _columns_by_taste(count: int) -> list[int]:
    """A row up to five; else what leaves the fewest holes, nearly square and rather wide (10: 5, 16: 4); then ever further from that."""
    best = count if count <= 5 else min(range(ceil(sqrt(count)), 2 * isqrt(count) + 1), key=lambda c: (-count % c, c))
    return sorted(range(1, count + 1), key=lambda c: (abs(c - best), -c))


def _paged(count: int, width: int, height: int, columns: int | None, captions: bool, size: int) -> Tiles:
    across = max(1, min(columns or count, count, (width + 1) // (size + 1)))
    tile = (size + 1) // 2 + captions
    needed = ceil(count / across)
    if needed * tile <= height:  # with fewer columns than asked for, one page may do
        return Tiles(count, size, across, needed, 1, int(needed * (tile + 1) - 1 <= height), captions)
    tight, loose = (height - 1) // tile, height // (tile + 1)  # without and with gaps; the page mark takes a row
    down = max(1, min(tight, needed))
    return Tiles(count, size, across, down, 1, int(down == 1 or loose >= down), captions)
