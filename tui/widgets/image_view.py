"""Pictures as a grid of tiles, as large as fit. Sends only the lines that changed; knows nothing of where the pictures come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.filter import ANSIToTruecolor, LineFilter
from textual.geometry import Offset, Region, Size
from textual.strip import Strip
from textual.widget import Widget

from engine.protocol.recipe import Images
from tui.render.cells import BLACK, RGB, WHITE, tile_rows
from tui.render.tile import Tile, TileStyle
from tui.render.tiles import SIZES, Tiles, fit
from tui.terminal.capabilities import ColorDepth, Terminal
from tui.terminal.paced_app import PacedApp


class ImageView(Widget):
    """A grid of grey pictures. `content-align` places the grid; with `height: auto` or `width: auto` the widget takes the grid's size."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"image-view--caption"}
    DEFAULT_CSS = """
    ImageView {
        & > .image-view--caption { color: $text-muted; }
    }
    """

    def __init__(
        self,
        terminal: Terminal,
        *,
        columns: int | None = None,
        max_tile: int = SIZES[0],
        max_rows: int | None = None,
        ink: RGB = WHITE,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """`max_tile` is in pixels; `ink` needs truecolor.

        An automatic height is bound by the container's, or by `max_rows`: what does not even fit those scrolls with the container.
        """
        super().__init__(id=id, classes=classes)
        self._terminal = terminal
        self._columns = columns
        self._max_tile = max_tile
        self._max_rows = max_rows
        self._ink = ink if terminal.color is ColorDepth.TRUECOLOR else WHITE
        self._images: Images | None = None
        self._captions: tuple[str, ...] = ()
        self._page = 0
        self._tiles: Tiles | None = None
        self._faces: list[Tile] = []  # what the current page shows
        self._paint: tuple[Style, TileStyle] | None = None
        self._arranged = (Size(0, 0), 0, 0)  # the size, page and number of faces that the layout was made for

    # --- what is shown ------------------------------------------------------------------------------------------------

    def show(self, images: Images, captions: Sequence[str] = ()) -> None:
        """Show these images. The page stays where it still exists. A row below each tile is reserved for captions if any are given."""
        before = len(self._images or ()), bool(self._captions)
        self._images, self._captions = images, tuple(captions)
        if before != (len(images), bool(captions)):
            self._changed(resized=True)
        elif isinstance(self.app, PacedApp):
            self.app.when_shown(self._changed)  # pictures that nobody would see take time, too
        else:
            self._changed()

    def clear(self) -> None:
        """Show nothing."""
        self._images, self._captions = None, ()
        self._changed(resized=True)

    @property
    def images(self) -> Images | None:
        return self._images

    @property
    def max_tile(self) -> int:
        """The largest tile to use, in pixels a side."""
        return self._max_tile

    @max_tile.setter
    def max_tile(self, size: int) -> None:
        if size != self._max_tile:
            self._max_tile = size
            self._changed(resized=True)

    @property
    def max_rows(self) -> int | None:
        """Rows of cells that the grid is fitted into."""
        return self._max_rows

    @max_rows.setter
    def max_rows(self, rows: int | None) -> None:
        if rows != self._max_rows:
            self._max_rows = rows
            self._changed(resized=True)

    @property
    def tile(self) -> int | None:
        """The size in use, in pixels a side."""
        return self._tiles.size if self._tiles else None

    @property
    def page(self) -> int:
        """From 0."""
        return self._page

    @property
    def pages(self) -> int:
        return self._tiles.pages if self._tiles else 0

    def page_next(self) -> bool:
        """Turn a page; False on the last."""
        return self._turn(1)

    def page_prev(self) -> bool:
        """Turn a page back; False on the first."""
        return self._turn(-1)

    def _turn(self, by: int) -> bool:
        page = self._page + by
        if not 0 <= page < self.pages:
            return False
        self._page = page
        self._changed()
        return True

    # --- layout -------------------------------------------------------------------------------------------------------

    def _fit(self, width: int, height: int) -> Tiles | None:
        if not self._images:
            return None
        shrink = self._terminal.greys  # few shades need many pixels
        tiles = fit(len(self._images), width, height, columns=self._columns, captions=bool(self._captions), largest=self._max_tile, shrink=shrink)
        return replace(tiles, rows=ceil(tiles.count / tiles.columns)) if self._max_rows and tiles.pages > 1 else tiles

    def get_content_width(self, container: Size, viewport: Size) -> int:
        tiles = self._fit(container.width, self._max_rows or container.height or viewport.height)
        return tiles.width if tiles else 0

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        tiles = self._fit(width, self._max_rows or container.height or viewport.height)
        return tiles.height if tiles else 0

    def _origin(self, tiles: Tiles) -> Offset:
        spare_x, spare_y = max(0, self.size.width - tiles.width), max(0, self.size.height - tiles.height)
        across = {"center": spare_x // 2, "right": spare_x}.get(self.styles.content_align_horizontal, 0)
        down = {"middle": spare_y // 2, "bottom": spare_y}.get(self.styles.content_align_vertical, 0)
        return Offset(across, down)

    # --- drawing ------------------------------------------------------------------------------------------------------

    def _changed(self, resized: bool = False) -> None:
        """Work out what the page shows now, and have what differs from before sent again."""
        before, tiles, faces = self._arranged, self._tiles, self._faces
        self._paint = None
        self._arrange()
        if resized and self.styles.auto_dimensions:
            self.refresh(layout=True)
        elif (before, tiles) != (self._arranged, self._tiles):
            self.refresh()
        elif self._tiles and (regions := self._differing(self._tiles, faces)):
            self.refresh(*regions)

    def _differing(self, tiles: Tiles, before: list[Tile]) -> list[Region]:
        """The lines that changed, from the first tile that did to the last.

        One region a line: Textual has no cell diff and sends a line from the widget's left edge to a region's end, so two would cost twice.
        """
        spans: dict[int, tuple[int, int]] = {}
        for i, (was, now) in enumerate(zip(before, self._faces, strict=True)):
            if was == now:
                continue
            x, y = tiles.place(i)
            for dy in range(tiles.tile_height):
                if was.line(dy) != now.line(dy):
                    x1, x2 = spans.get(y + dy, (x, x))
                    spans[y + dy] = min(x1, x), max(x2, x + tiles.size)
        origin = self._origin(tiles)
        return [Region(x1, y, x2 - x1, 1).translate(origin) for y, (x1, x2) in spans.items()]

    def _arrange(self) -> None:
        """The layout for the size the widget has now, and the faces of the current page; its first picture stays on it."""
        first = self._page * self._tiles.per_page if self._tiles else 0
        self._tiles = tiles = self._fit(*self.size) if self.size else None
        self._faces = []
        if tiles and self._images:
            self._page = min(first // tiles.per_page, tiles.pages - 1)
            first = self._page * tiles.per_page
            self._faces = [self._face(i, tiles.size) for i in range(first, min(first + tiles.per_page, len(self._images)))]
        self._arranged = (self.size, self._page, len(self._faces))

    def _face(self, i: int, size: int) -> Tile:
        assert self._images is not None
        caption = self._captions[i] if i < len(self._captions) else ""
        rows = tile_rows(self._images[i], size, self._terminal.color, self._terminal.unicode)
        return Tile(rows, caption)

    def render_line(self, y: int) -> Strip:
        if self._arranged[0] != self.size:
            self._arrange()
        base, look = self._paint = self._paint or (self.rich_style, self._look())
        tiles = self._tiles
        if not tiles:
            return Strip.blank(self.size.width, base)
        origin = self._origin(tiles)
        row, dy = divmod(y - origin.y, tiles.tile_height + tiles.gap_y)
        line: list[Segment] = []
        x = 0
        if 0 <= row < tiles.rows and dy < tiles.tile_height:
            for i in range(row * tiles.columns, min((row + 1) * tiles.columns, len(self._faces))):
                left = origin.x + tiles.place(i)[0]
                line += [Segment(" " * (left - x), base)] if left > x else []
                line += self._faces[i].segments(dy, tiles.size, look)
                x = left + tiles.size
        strip = Strip(line, x).adjust_cell_length(self.size.width, base)
        return self._marked(strip, tiles, origin) if tiles.pages > 1 and y == min(origin.y + tiles.height, self.size.height) - 1 else strip

    def notify_style_update(self) -> None:
        self._paint = None
        super().notify_style_update()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """No picture names a colour that depends on the terminal's theme: looking through thousands of cells for one takes long."""
        return [line_filter for line_filter in super().get_line_filters() if not isinstance(line_filter, ANSIToTruecolor)]

    def _look(self) -> TileStyle:
        caption = self.get_component_rich_style("image-view--caption")
        if self._terminal.greys and not self.app.current_theme.dark:
            return TileStyle(self._terminal.color, BLACK, caption, paper=WHITE)  # as ink on paper
        return TileStyle(self._terminal.color, self._ink, caption)

    def _marked(self, strip: Strip, tiles: Tiles, origin: Offset) -> Strip:
        """The line with "page 1/3" at the grid's right end."""
        mark = f"page {self._page + 1}/{tiles.pages}"
        start = max(0, origin.x + tiles.width - len(mark))
        label = Strip([Segment(mark, self.get_component_rich_style("image-view--caption"))], len(mark))
        return Strip.join([strip.crop(0, start), label, strip.crop(start + len(mark), self.size.width)])
