"""Grid: an image of each class from the same noise, to show what the label does. Many classes are drawn in pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from engine.prompt.grammar import SHEET
from tui.render import captions
from tui.render.tiles import fit
from tui.screens.drawing import DrawScreen
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar

FEW = 20
"""Classes that are always drawn together."""
PAGES = (64, 60, 54, 50, 48, 45, 40, 36, 32, 30, 28, 24, 21, 20, 18, 16, 15, 12, 10)
"""Numbers of classes that look well on a page."""
COMFORTABLE = 14
"""Pixels of a tile, and columns of its caption, that a page has at least."""
CHROME = 5
"""Rows of the screen that are not for images."""


class GridScreen(DrawScreen):
    """2×5, captioned, drawn when the screen is first shown. Without classes: a sheet of pictures, each from its own noise."""

    NAME = "grid"
    ESCAPE = "stop drawing"
    ABOUT = "an image of each class from the same noise: only the label differs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "draw", show=False, tooltip="draw; enlarge what is drawn already"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._first = 0
        """The first class of the page."""

    def body(self) -> Iterable[Widget]:
        yield JobBar(id="how")
        yield ImageView(self.studio.terminal, columns=5, id="view")
        yield JobBar(id="bar", ascii=not self.studio.terminal.unicode)

    def on_mount(self) -> None:
        self.draw()

    @property
    def shares_noise(self) -> bool:
        return bool(self.studio.data.classes)

    def labels(self, seed: int) -> Sequence[int]:
        classes = self.studio.data.classes
        if self._first >= classes:
            self._first = 0
        return range(self._first, min(self._first + self._page_length(), classes)) if classes else (0,) * SHEET

    def _page_length(self) -> int:
        """Classes on a page: as many as have comfortable tiles."""
        data, (width, height) = self.studio.data, self.app.size
        if data.classes <= FEW:
            return FEW
        image = data.height, data.width
        sizes = ((count, fit(count, width, max(1, height - CHROME), image=image, captions=True)) for count in PAGES)
        return next((count for count, tiles in sizes if tiles.pages == 1 and min(tiles.size, tiles.tile_width) >= COMFORTABLE), PAGES[-1])

    def draw(self) -> None:
        self.view.ask_for_columns(5 if self.studio.data.classes <= 2 * 5 else None)
        super().draw()

    def heading(self) -> str:
        """Which classes these are, where they are not all."""
        drawn, classes = self.labels(0), self.studio.data.classes
        if not classes or len(drawn) == classes:
            return ""
        return f"classes {drawn[0] + 1:,} to {drawn[-1] + 1:,} of {classes:,} · pgdn pgup · "

    def captions_for(self, labels: Sequence[int]) -> Sequence[str]:
        data = self.studio.data
        return [captions.name_of(label, data).replace(" · ", " ") for label in labels] if data.classes else ()

    def action_page(self, by: int) -> None:
        """Turn a page of what is drawn; at its end, draw the next classes."""
        if self.view.page_next() if by > 0 else self.view.page_prev():
            return
        length, classes = self._page_length(), self.studio.data.classes
        first = max(0, self._first + by * length)
        if first != self._first and first < classes:
            self._first = first
            self.draw()

    def action_draw(self) -> None:
        self.draw_or_enlarge()
