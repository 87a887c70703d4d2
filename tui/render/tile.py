"""One tile as lines of segments: the picture, its caption, its highlight. Knows no widget."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from tui.render.cells import BLACK, RGB, WHITE, Row, segments
from tui.terminal.capabilities import ColorDepth


@dataclass(frozen=True, slots=True)
class TileStyle:
    """How tiles are painted."""

    depth: ColorDepth
    ink: RGB
    caption: Style
    highlight: Style
    """Of the selected tile."""
    paper: RGB = BLACK

    @property
    def selected(self) -> tuple[RGB, RGB]:
        """Ink and paper of the selected tile: the highlight for paper, or a negative where there are too few colours for it."""
        if self.depth in (ColorDepth.COLORS_16, ColorDepth.NONE):
            return BLACK, WHITE
        color = self.highlight.bgcolor
        red, green, blue = color.triplet if color and color.triplet else BLACK
        if self.depth is ColorDepth.COLORS_256:
            red = green = blue = (red + green + blue) // 3  # the palette has many greys, and few of anything else
        return self.ink, (red, green, blue)


@dataclass(frozen=True, slots=True)
class Tile:
    """All that one tile shows; equal faces look the same."""

    rows: tuple[Row, ...]
    caption: str = ""
    selected: bool = False

    def line(self, y: int) -> tuple[Row | str, bool]:
        """Row y of the tile, or its caption below, and whether it is highlighted: equal lines look the same."""
        return self.rows[y] if y < len(self.rows) else self.caption, self.selected

    def segments(self, y: int, size: int, look: TileStyle) -> list[Segment]:
        """The same as `size` cells."""
        content, selected = self.line(y)
        if isinstance(content, str):
            return [Segment(_centred(content, size), look.highlight if selected else look.caption)]
        return segments(content, look.depth, *(look.selected if selected else (look.ink, look.paper)))


def _centred(text: str, width: int) -> str:
    return set_cell_size(" " * ((width - cell_len(text)) // 2) + text, width)
