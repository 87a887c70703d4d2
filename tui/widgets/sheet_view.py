"""Pictures as tiles in rows, each with the longest caption for which there is room. The tiles move apart for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len

from engine.protocol.recipe import Images
from tui.render.tiles import Tiles
from tui.widgets.image_view import ImageView

SHORTEST = 6
"""Rows of cells below which there is no room for captions."""
CAPTION_WIDTH = 48
"""Columns to which tiles move apart at most. It does not depend on the captions, which change while tiles are drawn."""


class SheetView(ImageView):
    """Call `show_cells` for every change."""

    _variants: Sequence[Sequence[str]] = ()

    def show_cells(self, pictures: Images, columns: int, variants: Sequence[Sequence[str]] = ()) -> None:
        """Show a tile for each picture. `variants` are the captions of all of them in fewer and fewer words; none: no captions."""
        if self._columns != columns:
            self._columns = columns
            self.clear()
        self._variants = variants
        self._show(pictures)

    def on_resize(self) -> None:
        if self.images is not None:
            self._show(self.images)

    def _show(self, pictures: Images) -> None:
        """Show the tiles, then other captions if their width asks for them."""
        self.show(pictures, self._captions_that_fit(pictures))
        if (texts := self._captions_that_fit(pictures)) != self._captions:
            self.show(pictures, texts)

    def _captions_that_fit(self, pictures: Images) -> tuple[str, ...]:
        if not self._variants or self.size.height < SHORTEST:
            return ()
        width = self.caption_width
        fitting = (texts for texts in self._variants if max(map(cell_len, texts), default=0) <= width)
        return tuple(next(fitting, self._variants[-1]))

    def _fit(self, width: int, height: int) -> Tiles | None:
        grid = super()._fit(width, height)
        if grid is None:
            return None
        wanted = min(CAPTION_WIDTH, self._caption_room(grid, width)) - grid.tile_width if self._captions else 0
        return replace(grid, margin=max(0, wanted // 2))

    def _caption_room(self, grid: Tiles, width: int) -> int:
        """Columns that a caption may take at most."""
        return (width + grid.gap_x) // grid.columns - grid.gap_x
