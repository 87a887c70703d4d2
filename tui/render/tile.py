"""One tile as lines of segments: the picture and its caption. Knows no widget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from tui.render.cells import BLACK, RGB, WHITE, Row, segments
from tui.render.tiles import Tiles
from tui.terminal.capabilities import ColorDepth


@dataclass(frozen=True, slots=True)
class TileStyle:
    """The colours of tiles."""

    depth: ColorDepth
    caption: Style
    ink: RGB = WHITE
    """What white becomes."""
    paper: RGB = BLACK
    """What black becomes."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Everything that one tile shows; equal tiles look the same."""

    rows: tuple[Row, ...]
    caption: str = ""

    def line(self, y: int) -> Row | str:
        """Row y of the picture, or the caption below it. Equal lines look the same."""
        return self.rows[y] if y < len(self.rows) else self.caption

    def segments(self, y: int, width: int, style: TileStyle) -> list[Segment]:
        """Line y as `width` cells."""
        line = self.line(y)
        if isinstance(line, str):
            return [Segment(_centred(line, width), style.caption)]
        return segments(line, style.depth, style.ink, style.paper)


def changed_lines(grid: Tiles, before: Sequence[Tile], after: Sequence[Tile]) -> dict[int, tuple[int, int]]:
    """The lines of a grid that differ, each from the first tile that changed to the end of the last: its columns within the grid.

    One part a line: Textual has no cell diff and sends a line from the widget's left edge to a region's end, so two would cost twice.
    """
    lines: dict[int, tuple[int, int]] = {}
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        x, y = grid.place(i)
        for dy in range(grid.tile_height):
            if old.line(dy) != new.line(dy):
                margin = grid.margin if grid.is_caption(dy) else 0
                x1, x2 = lines.get(y + dy, (x, x))
                lines[y + dy] = min(x1, x - margin), max(x2, x + grid.tile_width + margin)
    return lines


def shortened(text: str, width: int) -> str:
    """The text in at most `width` cells, with … where its end is missing: of Sneaker and Sneakers one must not look like the other."""
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)).rstrip() + ("…" if width > 0 else "")


def _centred(text: str, width: int) -> str:
    text = shortened(text, width)
    return set_cell_size(" " * ((width - cell_len(text)) // 2) + text, width)
