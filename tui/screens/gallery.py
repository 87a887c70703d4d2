"""Gallery: every saved picture, newest first, with its recipe. Drawing again and changing files are in files of their own."""

from __future__ import annotations

from collections.abc import Iterable, Set
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Static

from engine.errors import DigittyError
from engine.formatting import printable
from engine.protocol.recipe import Images
from engine.storage.gallery import Entry
from tui.render.cells import Picture
from tui.render.recipe_text import file_lines, recipe_lines, short_lines
from tui.screens.gallery_first import GalleryFirst
from tui.studio.picture_reader import Item, read_images, read_item
from tui.terminal.literal import literal, literal_lines
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar
from tui.widgets.thumbnails import Thumbnail, Thumbnails

READ_AT_ONCE = 6
"""Pictures that are read between two updates of the page."""
RECIPE = 34
"""Columns that the recipe needs beside the pictures, with its margins."""
NARROW = 70
"""Columns below which the recipe stands below the pictures instead of beside them."""
MOVE = "select another picture"
Listing = tuple[list[Entry], frozenset[Path], int]


class GalleryScreen(GalleryFirst):
    """Thumbnails beside the recipe of the selected one, or that picture enlarged."""

    NAME = "gallery"
    ESCAPE = "stop drawing; go back to all pictures"
    ABOUT = "every saved picture, with its recipe"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enlarge", "enlarge", tooltip="enlarge the picture, and back; draw a first one"),
        Binding("left", "move(-1)", show=False, tooltip=MOVE),
        Binding("right", "move(1)", show=False, tooltip=MOVE),
        Binding("up", "move_row(-1)", show=False, tooltip=MOVE),
        Binding("down", "move_row(1)", show=False, tooltip=MOVE),
        Binding("home", "move(-1000000)", show=False, tooltip=MOVE),
        Binding("end", "move(1000000)", show=False, tooltip=MOVE),
        Binding("pageup", "move_page(-1)", show=False, tooltip="turn the page"),
        Binding("pagedown", "move_page(1)", show=False, tooltip="turn the page"),
    ]
    FOOTER_IDS: ClassVar[Set[str]] = {"help", "quit"}

    def __init__(self) -> None:
        super().__init__()
        self._items: dict[Entry, Item] = {}
        self._reading = False

    def footer_label(self, binding: Binding) -> str:
        if binding.action == "enlarge" and self.offers_first and not self.enlarged:
            return "first picture"
        picture = self.pictures.selected is not None
        useful = {"restore": self.trash > 0, "save('.png')": self.done is not None, "save('.gif')": self.done is not None}
        if not useful.get(binding.action, picture or binding.action not in ("enlarge", "again", "change", "favourite", "delete")):
            return ""
        return "back" if binding.action == "enlarge" and self.enlarged else binding.description

    def body(self) -> Iterable[Widget]:
        yield Static(id="where")
        with Horizontal(id="exhibition"):
            yield Thumbnails(self.studio.terminal, id="thumbnails")
            yield ImageView(self.studio.terminal, id="view")
            yield Static(id="recipe")
        yield JobBar(id="bar", ascii=not self.studio.terminal.unicode)

    def on_mount(self) -> None:
        self.in_background(lambda: self.gallery().tidy(), lambda _: None)

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        narrow = event.size.width < NARROW
        self.set_class(narrow, "-narrow")
        self.view.beside = self.query_one(Thumbnails).beside = 0 if narrow else RECIPE
        self.call_after_refresh(self.show_page)

    # --- reading, in the background -----------------------------------------------------------------------------------

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.rescan()

    def rescan(self) -> None:
        """Look for new and removed files."""

        def listing() -> Listing:
            gallery = self.gallery()
            return gallery.entries(), gallery.favourites(), gallery.trash_size()

        self.in_background(listing, self._show_listing)

    def _show_listing(self, listing: Listing | DigittyError) -> None:
        self.listed = True
        if isinstance(listing, DigittyError):
            self.problem = str(listing)
        else:
            entries, favourites, self.trash = listing
            self.problem = ""
            before = self.pictures.selected
            self.pictures.update(entries, favourites)
            there = set(entries)
            self._items = {entry: item for entry, item in self._items.items() if entry in there}
            if self.pictures.selected != before and self.job is None and self.done is None:
                self.show_enlarged()
        self.show_page()

    def _read_missing(self, page: list[Entry]) -> None:
        missing = [entry for entry in page if entry not in self._items][:READ_AT_ONCE]
        if not missing or self._reading:
            return
        self._reading = True

        def on_read(items: list[Item] | DigittyError) -> None:
            self._reading = False
            if not isinstance(items, DigittyError):
                self._items |= {item.entry: item for item in items}
                self.show_page()

        self.in_background(lambda: [read_item(entry) for entry in missing], on_read)

    # --- what is shown ------------------------------------------------------------------------------------------------

    def show_page(self) -> None:
        """Show the page of the selected picture, its recipe, and the numbers above."""
        pictures, thumbnails = self.pictures, self.query_one(Thumbnails)
        shown = pictures.shown
        grid = thumbnails.grid(len(shown))
        first = pictures.index // grid.per_page * grid.per_page
        page = shown[first : first + grid.per_page]
        if self.offers_first:
            examples = self.examples()
            grid = thumbnails.grid(len(examples))
            thumbnails.show(examples[: grid.per_page], -1, grid)
        else:
            thumbnails.show([self._thumbnail(entry) for entry in page], pictures.index - first, grid)
        self._read_missing(page)
        self.query_one("#where", Static).update(literal(self._heading(first // grid.per_page + 1, grid.pages)))
        self.query_one("#recipe", Static).update(literal_lines("\n".join(self._details())))
        if self.job is None and self.done is None:
            self.bar.fraction, self.bar.words = None, self._hint() if shown else ""
        self.refresh_bindings()

    def _thumbnail(self, entry: Entry) -> Thumbnail:
        item = self._items.get(entry)
        signs = ("*" if entry.path in self.pictures.favourites else "") + ("+" if entry.path in self.pictures.marked else "")
        caption = f"{signs} {printable(entry.path.stem.removeprefix('digitty-'))}".strip()
        if item is None:
            return Thumbnail(None, caption, "…")
        if item.thumbnail is None:
            return Thumbnail(None, caption, "not shown" if item.recipe else "unreadable")
        images = item.thumbnail
        return Thumbnail(Picture(images.data, images.height, images.width, images.channels), caption)

    def _heading(self, page: int, pages: int) -> str:
        folders = self.gallery_folders()
        count = len(self.pictures.shown)
        kind = "favourite" if self.pictures.only_favourites else "picture"
        parts = [f"{count:,} {kind}{'' if count == 1 else 's'}"] + ([f"page {page}/{pages}"] if pages > 1 and not self.enlarged else [])
        return " · ".join([*parts, ", ".join(map(str, folders))])

    def gallery_folders(self) -> list[Path]:
        try:
            return self.gallery().folders()
        except DigittyError:
            return []

    def _hint(self) -> str:
        if self.problem or not self.listed:
            return self.problem or "looking for pictures…"
        if not self.pictures.shown:
            return "No favourites yet. F shows all pictures; f marks one as a favourite."
        return "esc goes back" if self.enlarged else "enter enlarges · r draws it again · e changes one thing"

    def _details(self) -> list[str]:
        """The lines beside the pictures."""
        entry = self.pictures.selected
        if entry is None:
            return self.empty_words() if self.is_empty else [self._hint()]
        item = self._items.get(entry)
        if self.has_class("-narrow"):
            short = " · ".join(short_lines(self.done.recipe if self.done else item.recipe)) if item and item.recipe else ""
            return [entry.path.name, self.verdict or " · ".join(item.lines if item else ()) or (item.problem if item else "") or short]
        lines = file_lines(entry.path.name, entry.modified_ns, entry.size)
        lines += ["* favourite"] if entry.path in self.pictures.favourites else []
        lines += ["+ marked"] if entry.path in self.pictures.marked else []
        if item and item.recipe:
            lines += ["", *recipe_lines(self.done.recipe if self.done else item.recipe)]
        if item and item.lines:
            lines += ["", *item.lines]
        if item and item.problem:
            lines += ["", item.problem]
        return [*lines, "", self.verdict] if self.verdict else lines

    def picture_to_copy(self) -> Path | None:
        """The selected picture, or the new drawing of its recipe once that is saved."""
        entry = self.pictures.selected
        return entry.path if entry and self.saved is None else self.saved

    def selected_item(self) -> Item | None:
        entry = self.pictures.selected
        return self._items.get(entry) if entry else None

    def show_enlarged(self) -> None:
        """Show the selected picture in the size of the screen, if it is enlarged."""
        entry = self.pictures.selected
        if not self.enlarged:
            return
        if entry is None:
            self.set_enlarged(False)
            return

        def on_read(images: Images | DigittyError) -> None:
            if entry != self.pictures.selected or self.job is not None or self.done is not None:
                return
            if isinstance(images, DigittyError):
                self.view.clear()
            else:
                self.view.show(images, ())

        self.in_background(lambda: read_images(entry), on_read)

    def on_thumbnails_resized(self) -> None:
        self.show_page()

    def on_thumbnails_clicked(self, event: Thumbnails.Clicked) -> None:
        if self.pictures.selected is None:
            self.action_enlarge()
            return
        per_page = self.query_one(Thumbnails).grid(len(self.pictures.shown)).per_page
        by = self.pictures.index // per_page * per_page + event.index - self.pictures.index
        if by:
            self.select(by)
        else:
            self.action_enlarge()

    # --- keys ------------------------------------------------------------------------------------------

    def select(self, by: int) -> None:
        """Select another picture; a drawing of the one before ends."""
        if self.pictures.move(by):
            self.forget_drawing()
            self.show_enlarged()
            self.show_page()

    def action_move(self, by: int) -> None:
        self.select(by)

    def action_move_row(self, by: int) -> None:
        self.select(by if self.enlarged else by * self.query_one(Thumbnails).grid(len(self.pictures.shown)).columns)

    def action_move_page(self, by: int) -> None:
        self.select(by * self.query_one(Thumbnails).grid(len(self.pictures.shown)).per_page)

    def action_enlarge(self) -> None:
        if self.enlarged or self.pictures.selected:
            self.set_enlarged(not self.enlarged)
            self.forget_drawing()
            self.show_enlarged()
            self.show_page()
        elif self.offers_first:
            self.draw_first()
        else:
            self.explain_no_picture()

    def stop_work(self) -> None:
        """Stop the drawing, or go back to the thumbnails if there is none."""
        if self.job is not None:
            self.studio.worker.stop(self.job)
        elif self.enlarged:
            self.action_enlarge()

    def action_only_favourites(self) -> None:
        self.pictures.toggle_filter()
        self.forget_drawing()
        self.show_enlarged()
        self.show_page()
