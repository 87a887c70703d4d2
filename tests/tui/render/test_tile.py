"""A caption that has no room ends with a mark, and takes exactly the cells of its tile."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.style import Style

from tui.render.tile import Tile, TileStyle


@pytest.mark.parametrize("caption", ["7", "Ankle boot", "T-shirt/top", "長い名前です", "é" * 20, ""])
def test_a_caption_that_is_cut_says_so(caption: str) -> None:
    tile, style = Tile((), caption), TileStyle("truecolor", Style())
    for width in range(1, 24):
        (segment,) = tile.segments(0, width, style)
        assert cell_len(segment.text) == width
        text = segment.text.strip()
        if cell_len(caption) <= width:
            assert text == caption
        else:
            assert text.endswith("…")
            assert caption.startswith(text[:-1].rstrip())
