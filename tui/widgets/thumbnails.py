"""A page of thumbnails, of which one is selected. Does not know where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.render.cells import BLACK, WHITE, Picture, Row, tile_rows
from tui.render.tile import Tile, TileStyle, shortened
from tui.render.tiles import Tiles
from tui.terminal.capabilities import Terminal

SIZES = (56, 42, 28, 20, 14, 10)
"""Pixels of a thumbnail's sides."""
WANTED = 6
"""The least number of thumbnails on a page, if that many fit."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    picture: Picture | None
    """None while it is being read, and for a file that is damaged."""
    caption: str
    note: str = ""
    """Shown in place of a picture."""


class Thumbnails(Widget):
    """Shows what `show` was given. Clicks become messages."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"thumbnails--caption", "thumbnails--selected"}
    DEFAULT_CSS = """
    Thumbnails {
        & > .thumbnails--caption { color: $text-muted; }
        & > .thumbnails--selected { color: $text; text-style: reverse bold; }
    }
    """

    class Clicked(Message):
        """A thumbnail was clicked; `index` counts on its page."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    class Resized(Message):
        """Another number of thumbnails fits."""

    def __init__(self, terminal: Terminal, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.terminal = terminal
        self._thumbnails: tuple[Thumbnail, ...] = ()
        self._tiles: list[Tile] = []
        self._selected = 0
        self._grid: Tiles | None = None
        self.beside = 0
        """Columns of the container that are left to what stands beside the thumbnails."""

    @property
    def _container_width(self) -> int:
        """Not `container_size`, which is that of the last layout of this widget."""
        return self.parent.size.width if isinstance(self.parent, Widget) else 0

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return min(self._wanted_width, container.width)

    @property
    def _wanted_width(self) -> int:
        return self._grid.width if self._grid and self._tiles else 0

    def grid(self, total: int) -> Tiles:
        """How `total` thumbnails are laid out in the present room: the largest of which some fit on a page, in no more columns than they need."""
        width, height = max(1, self._container_width - self.beside), max(1, self.size.height)
        for size in SIZES:
            tile = Tiles(max(1, total), size, 1, 1, caption=True, image=(size, size))
            columns, rows = (width + 1) // (tile.tile_width + 1), (height + 1) // (tile.tile_height + 1)
            if columns * rows >= min(total, WANTED) or size == SIZES[-1]:
                return Tiles(max(1, total), size, max(1, min(columns, total)), max(1, rows), caption=True, image=(size, size))
        raise AssertionError

    def show(self, thumbnails: Sequence[Thumbnail], selected: int, grid: Tiles) -> None:
        """Show a page of thumbnails, laid out as `grid` says."""
        shown = tuple(thumbnails)
        width = self._wanted_width
        known = dict(zip(self._thumbnails, self._tiles, strict=True)) if self._grid and grid.size == self._grid.size else {}
        self._tiles = [known.get(each) or Tile(self._rows(each, grid), each.caption) for each in shown]
        self._thumbnails, self._selected, self._grid = shown, selected, grid
        self.refresh(layout=width != self._wanted_width)

    def _rows(self, thumbnail: Thumbnail, grid: Tiles) -> tuple[Row, ...]:
        picture = thumbnail.picture or Picture(bytes(grid.size**2), grid.size, grid.size)
        return tile_rows(picture, grid.size, self.terminal.color, self.terminal.unicode)

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def on_click(self, event: events.Click) -> None:
        if self._grid is None:
            return
        grid, (x, y) = self._grid, event.get_content_offset_capture(self)
        column, row = x // (grid.tile_width + grid.gap_x), y // (grid.tile_height + grid.gap_y)
        index = row * grid.columns + column
        if column < grid.columns and row < grid.rows and index < len(self._tiles):
            self.post_message(self.Clicked(index))

    def render_line(self, y: int) -> Strip:
        base, grid = self.rich_style, self._grid
        if grid is None:
            return Strip.blank(self.size.width, base)
        row, dy = divmod(y, grid.tile_height + grid.gap_y)
        first, line, x = row * grid.columns, [Segment("", base)], 0
        if row < grid.rows and dy < grid.tile_height:
            for i in range(first, min(first + grid.columns, len(self._tiles))):
                left = grid.place(i)[0]
                line.append(Segment(" " * (left - x), base))
                line += self._segments(i, dy, grid)
                x = left + grid.tile_width
        return Strip(line).adjust_cell_length(self.size.width, base)

    def _segments(self, i: int, dy: int, grid: Tiles) -> list[Segment]:
        """Line `dy` of thumbnail i."""
        selected, thumbnail = i == self._selected, self._thumbnails[i]
        if dy == grid.tile_height - 1:
            style = self.get_component_rich_style("thumbnails--selected" if selected else "thumbnails--caption")
            text = f"{'▸' if self.terminal.unicode else '>'}{thumbnail.caption}" if selected else f" {thumbnail.caption}"
            return [Segment(set_cell_size(shortened(text, grid.tile_width), grid.tile_width), style)]
        if thumbnail.note and dy == (grid.tile_height - 1) // 2:
            text = thumbnail.note[: grid.tile_width]
            return [Segment(text.center(grid.tile_width), self.get_component_rich_style("thumbnails--caption"))]
        return self._tiles[i].segments(dy, grid.tile_width, self._style())

    def _style(self) -> TileStyle:
        caption = self.get_component_rich_style("thumbnails--caption")
        if self.terminal.greys and not self.app.current_theme.dark:
            return TileStyle(self.terminal.color, caption, ink=BLACK, paper=WHITE)
        return TileStyle(self.terminal.color, caption)
