"""Images as a grid of tiles, as large as they fit. Sends only the lines that changed; does not know where the images come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.filter import ANSIToTruecolor, LineFilter
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from engine.protocol.recipe import Images
from tui.render.cells import BLACK, WHITE, Picture, tile_rows
from tui.render.tile import Tile, TileStyle, changed_lines
from tui.render.tiles import Tiles, fit
from tui.terminal.capabilities import Terminal
from tui.terminal.paced_app import PacedApp

INVERSE = bytes(range(255, -1, -1))
"""A translation table: black becomes white."""


class ImageView(Widget):
    """A grid of images. `content-align` places the grid; with `height: auto` or `width: auto` the widget takes the grid's size."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"image-view--caption"}
    DEFAULT_CSS = """
    ImageView {
        & > .image-view--caption { color: $text-muted; }
    }
    """

    class Chosen(Message):
        """Somebody clicked on an image."""

        def __init__(self, view: ImageView, index: int) -> None:
            super().__init__()
            self.view, self.index = view, index

        @property
        def control(self) -> ImageView:
            return self.view

    max_rows: reactive[int | None] = reactive(None, repaint=False, init=False)
    """Rows of cells that an automatic height may take; None takes the container's. A grid that is still larger scrolls with the container."""

    beside = 0
    """Columns of the container that an automatic width leaves to what stands beside the images, where they need not shrink for it."""

    def __init__(
        self, terminal: Terminal, *, columns: int | None = None, max_rows: int | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        """`columns` asks for a number of columns, which is kept where the width allows it."""
        super().__init__(id=id, classes=classes)
        self.set_reactive(ImageView.max_rows, max_rows)
        self.images: Images | None = None
        """The images on view. Only `show` and `clear` set it."""
        self.live = False
        """The images on view are not finished. Only `show` sets it."""
        self.page = 0
        """The page on view, from 0. Only the view sets it."""
        self.terminal = terminal
        self._columns = columns
        self._captions: tuple[str, ...] = ()
        self._grid: Tiles | None = None
        self._tiles: list[Tile] = []  # those of the current page
        self._paint: tuple[Style, TileStyle] | None = None
        self._layout_key = (Size(0, 0), 0, 0)  # the size, the page and the number of tiles that the grid was made for

    # --- contents -----------------------------------------------------------------------------------------------------

    def show(self, images: Images, captions: Sequence[str] = (), live: bool = False) -> None:
        """Show these images. The page stays where it still exists. A row below each tile is reserved for captions if any are given.

        `live` images are not finished: where tiles are larger than they are, each pixel is repeated, which takes few bytes.
        """
        before = self._layout_facts()
        self.images, self._captions, self.live = images, tuple(captions), live
        if before != self._layout_facts():
            self._update(resized=True)
        else:
            self._show_soon(live)

    def _show_soon(self, live: bool) -> None:
        """Show other contents of the same size."""
        self.live = live
        if isinstance(self.app, PacedApp):
            self.app.when_caught_up(self._update)  # do not spend time on frames that would be dropped
        else:
            self._update()

    def _layout_facts(self) -> tuple[object, ...]:
        """What the grid depends on."""
        images = self.images
        return (len(images), images.height, images.width, bool(self._captions)) if images else ()

    def ask_for_columns(self, columns: int | None) -> None:
        """The number of columns of images that are shown next."""
        self._columns = columns

    def clear(self) -> None:
        """Show nothing."""
        self.images, self._captions = None, ()
        self._update(resized=True)

    def watch_max_rows(self) -> None:
        self._update(resized=True)

    @property
    def tile(self) -> int | None:
        """The pixels of a tile's longer side."""
        return self._grid.size if self._grid else None

    @property
    def caption_width(self) -> int:
        """Columns of the caption of a tile; 0 while nothing is shown."""
        return self._grid.caption_width if self._grid else 0

    @property
    def pages(self) -> int:
        return self._grid.pages if self._grid else 0

    def page_next(self) -> bool:
        """Turn to the next page. False on the last page."""
        return self._turn(1)

    def page_prev(self) -> bool:
        """Turn to the previous page. False on the first page."""
        return self._turn(-1)

    def _turn(self, by: int) -> bool:
        page = self.page + by
        if not 0 <= page < self.pages:
            return False
        self.page = page
        self._update()
        return True

    # --- layout -------------------------------------------------------------------------------------------------------

    def _fit(self, width: int, height: int) -> Tiles | None:
        if not self.images:
            return None
        shrink = self.terminal.greys  # with few shades a digit needs many pixels
        size = self.images.height, self.images.width
        grid = fit(len(self.images), width, height, image=size, columns=self._columns, captions=bool(self._captions), shrink=shrink)
        return replace(grid, rows=ceil(grid.count / grid.columns)) if self.max_rows and grid.pages > 1 else grid

    def get_content_width(self, container: Size, viewport: Size) -> int:
        least = min(container.width, self.images.width if self.images else 0)
        grid = self._fit(max(container.width - self.beside, least), self.max_rows or container.height or viewport.height)
        return grid.width if grid else 0

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        grid = self._fit(width, self.max_rows or container.height or viewport.height)
        return grid.height if grid else 0

    def _origin(self, grid: Tiles) -> Offset:
        spare_x, spare_y = max(0, self.size.width - grid.width), max(0, self.size.height - grid.height)
        across = {"center": spare_x // 2, "right": spare_x}.get(self.styles.content_align_horizontal, 0)
        down = {"middle": spare_y // 2, "bottom": spare_y}.get(self.styles.content_align_vertical, 0)
        return Offset(across, down)

    def place_in_image(self, x: int, y: int) -> tuple[float, float] | None:
        """Which part of a picture a cell of this widget shows: across and down, as fractions; None between the pictures."""
        grid = self._grid
        if grid is None:
            return None
        origin = self._origin(grid)
        for i in range(len(self._tiles)):
            left, top = (a + b for a, b in zip(grid.place(i), origin, strict=True))
            across, down = (x - left + 0.5) / grid.tile_width, (y - top + 0.5) / (grid.tile_height - grid.caption)
            if 0 <= across < 1 and 0 <= down < 1:
                return across, down
        return None

    def tiles_on_view(self) -> Iterator[tuple[Region, Picture]]:
        """The regions of the pictures within the widget, without their captions, and what they show."""
        grid, images = self._grid, self.images
        if grid is None or images is None or self._layout_key[0] != self.size:
            return
        is_inverted = self.tile_style().ink == BLACK
        for i in range(len(self._tiles)):
            picture = Picture(images[self.page * grid.per_page + i], images.height, images.width, images.channels)
            region = Region(*grid.place(i), grid.tile_width, grid.tile_height - grid.caption).translate(self._origin(grid))
            yield region, picture.translate(INVERSE) if is_inverted else picture

    def index_at(self, x: int, y: int) -> int | None:
        """The image whose tile covers this cell of the widget."""
        if not self._grid:
            return None
        origin = self._origin(self._grid)
        for i, _ in enumerate(self._tiles):
            left, top = self._grid.place(i)
            if Region(left, top, self._grid.tile_width, self._grid.tile_height).translate(origin).contains(x, y):
                return self.page * self._grid.per_page + i
        return None

    def show_index(self, index: int) -> None:
        """Turn to the page with this image."""
        if self._grid:
            self._turn(index // self._grid.per_page - self.page)

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        if place is not None and (index := self.index_at(*place)) is not None:
            self.post_message(self.Chosen(self, index))

    # --- drawing ------------------------------------------------------------------------------------------------------

    def _update(self, resized: bool = False) -> None:
        """Lay out the current page and refresh the lines that changed."""
        key, grid, tiles = self._layout_key, self._grid, self._tiles
        self._paint = None
        self._arrange()
        if resized and self.styles.auto_dimensions:
            self.refresh(layout=True)
        elif (key, grid) != (self._layout_key, self._grid):
            self.refresh()
        elif self._grid and (lines := changed_lines(self._grid, tiles, self._tiles)):
            origin = self._origin(self._grid)
            self.refresh(*(Region(x1, y, x2 - x1, 1).translate(origin) for y, (x1, x2) in lines.items()))

    def _arrange(self) -> None:
        """Fit the grid into the widget's present size and make the tiles of the current page. The first image of the page stays on it."""
        first = self.page * self._grid.per_page if self._grid else 0
        self._grid = grid = self._fit(*self.size) if self.size else None
        self._tiles = []
        if grid and self.images:
            self.page = min(first // grid.per_page, grid.pages - 1)
            first = self.page * grid.per_page
            self._tiles = [self._make_tile(i, grid.size) for i in range(first, min(first + grid.per_page, len(self.images)))]
        self._layout_key = (self.size, self.page, len(self._tiles))

    def _make_tile(self, i: int, size: int) -> Tile:
        assert self.images is not None
        caption = self._captions[i] if i < len(self._captions) else ""
        picture = Picture(self.images[i], self.images.height, self.images.width, self.images.channels)
        return Tile(tile_rows(picture, size, self.terminal.color, self.terminal.blocks, smooth=not self.live), caption)

    def render_line(self, y: int) -> Strip:
        if self._layout_key[0] != self.size:
            self._arrange()
        base, style = self._paint = self._paint or (self.rich_style, self.tile_style())
        grid = self._grid
        if not grid:
            return Strip.blank(self.size.width, base)
        origin = self._origin(grid)
        row, dy = divmod(y - origin.y, grid.tile_height + grid.gap_y)
        line: list[Segment] = []
        x = 0
        if 0 <= row < grid.rows and dy < grid.tile_height:
            margin, width = (grid.margin, grid.caption_width) if grid.is_caption(dy) else (0, grid.tile_width)
            for i in range(row * grid.columns, min((row + 1) * grid.columns, len(self._tiles))):
                left = origin.x + grid.place(i)[0] - margin
                line += [Segment(" " * (left - x), base)] if left > x else []
                line += self._tiles[i].segments(dy, width, style)
                x = left + width
        strip = Strip(line, x).adjust_cell_length(self.size.width, base)
        is_last = y == min(origin.y + grid.height, self.size.height) - 1
        return self._with_page_number(strip, grid, origin) if grid.pages > 1 and is_last else strip

    def notify_style_update(self) -> None:
        self._paint = None
        super().notify_style_update()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Skip the filter for colours of the terminal's own theme. No image has any, and searching thousands of cells for one is slow."""
        return [line_filter for line_filter in super().get_line_filters() if not isinstance(line_filter, ANSIToTruecolor)]

    def tile_style(self) -> TileStyle:
        """White on black; black on white where the theme is light and the terminal has greys."""
        caption = self.get_component_rich_style("image-view--caption")
        if self.terminal.greys and not self.app.current_theme.dark:
            return TileStyle(self.terminal.color, caption, ink=BLACK, paper=WHITE)
        return TileStyle(self.terminal.color, caption)

    def _with_page_number(self, strip: Strip, grid: Tiles, origin: Offset) -> Strip:
        """The line with "page 1/3" at the grid's right end."""
        label = f"page {self.page + 1}/{grid.pages}"
        start = max(0, origin.x + grid.width - len(label))
        label_strip = Strip([Segment(label, self.get_component_rich_style("image-view--caption"))], len(label))
        return Strip.join([strip.crop(0, start), label_strip, strip.crop(start + len(label), self.size.width)])
