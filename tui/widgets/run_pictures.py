"""The drawings of one run in a row, with its mark and its name above."""

from __future__ import annotations

from math import ceil

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from engine.protocol.events import DrawDone
from engine.protocol.recipe import Images
from engine.storage.sheet import measured
from tui.render.cells import SMALL
from tui.render.overlay_plot import mark_of
from tui.render.tiles import scale
from tui.terminal.capabilities import Terminal
from tui.terminal.literal import literal
from tui.widgets.overlay_chart import COLOURS
from tui.widgets.sheet_view import SheetView


class RunPictures(Vertical):
    """Knows a run only by its name."""

    DEFAULT_CSS = """
    RunPictures { height: auto; }
    RunPictures > Static { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    RunPictures > SheetView { height: auto; width: 1fr; }
    """

    rows: reactive[int] = reactive(8, init=False)
    """Rows of cells that the pictures may take."""

    def __init__(self, terminal: Terminal, run_name: str, number: int) -> None:
        super().__init__()
        self.run_name, self._number, self._terminal = run_name, number, terminal
        self._images: Images | None = None

    def compose(self) -> ComposeResult:
        yield Static(Content.assemble(self._line("not drawn yet")))
        yield SheetView(self._terminal, max_rows=self.rows)

    def watch_rows(self) -> None:
        if self.is_mounted:
            self.query_one(SheetView).max_rows = self.rows

    def show(self, images: Images) -> None:
        """Show a drawing in progress."""
        if self.is_mounted:
            self._images = images
            self.query_one(SheetView).show_cells(images, self._columns(images))

    def on_resize(self) -> None:
        if self._images is not None:
            self.show(self._images)

    def _columns(self, images: Images) -> int:
        """All in one row, if the smallest tiles fit, else in even rows."""
        smallest = scale((images.height, images.width), SMALL)[1]
        most = max(1, min(len(images), self.size.width // smallest))
        return ceil(len(images) / ceil(len(images) / most))

    def show_done(self, done: DrawDone) -> None:
        """Show the finished drawing."""
        self.show(done.images)
        self.show_words(f"{done.recipe.weights} · {measured(done)}".removeprefix(f"{self.run_name} · "))

    def show_words(self, words: str) -> None:
        """Say something beside the run's name."""
        if self.is_mounted:
            self.query_one(Static).update(Content.assemble(self._line(words)))

    def _line(self, words: str) -> Content:
        mark = (mark_of(self._number, self._terminal.unicode), f"b {COLOURS[self._number]}")
        return Content.assemble(mark, " ", (literal(self.run_name).plain, "b"), "  ", literal(words))
