"""The part of the Gallery screen that changes files: favourites, the trash, contact sheets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.errors import DigittyError
from engine.storage import gallery as store
from engine.storage import paths
from engine.storage.gallery import Entry, Gallery
from tui.dialogs.choice import Choice, ChoiceDialog
from tui.screens.base import CHOOSE_FOLDER
from tui.screens.gallery_drawing import GalleryDrawing
from tui.studio.picture_reader import export_sheet

NO_PICTURE = "No picture here yet. Save one with s on Prompt, Generate or Grid."
SHEETS = "sheets"
"""The folder of contact sheets, inside the folder of pictures; the gallery does not list it."""
FAVOURITE = "f: favourite on/off; F: only favourites on/off"
DELETED = "u: bring back the last deleted; D: remove for good"


class GalleryFiles(GalleryDrawing):
    """Changes run in the background; afterwards the screen lists the files again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "favourite", "favourite", tooltip=FAVOURITE, id="favourite"),
        Binding("F", "only_favourites", show=False, tooltip=FAVOURITE, id="favourites"),
        Binding("space", "mark", show=False, tooltip="mark or unmark it, for d and x", id="mark"),
        Binding("d,delete", "delete", "delete", tooltip="delete it, or the marked pictures", id="delete"),
        Binding("u", "restore", "undo", tooltip=DELETED, id="undo"),
        Binding("x", "sheet", show=False, tooltip="write a contact sheet: all, favourites, marked", id="sheet"),
        Binding("D", "empty_trash", show=False, tooltip=DELETED, id="empty-trash"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.trash = 0
        """How many pictures can be brought back."""

    def gallery(self) -> Gallery:
        """The pictures that the command named, or the folder in which the screens save. Raises StorageError."""
        return Gallery(self.studio.opened_pictures or [self.studio.pictures_folder()])

    def change_files(self, work: Callable[[], str]) -> None:
        """Run `work` on the files in the background, then list them again and show the message that `work` returned."""

        def on_done(result: str | DigittyError) -> None:
            if isinstance(result, DigittyError):
                self.studio_app.notify_error(result)
            elif result:
                self.notify(result)
            self.rescan()

        self.in_background(work, on_done)

    def explain_no_picture(self) -> None:
        self.explain(NO_PICTURE, lambda: self.pictures.selected is None)

    def action_favourite(self) -> None:
        if entry := self.pictures.selected:
            favourite = entry.path not in self.pictures.favourites

            def work() -> str:
                store.set_favourite(entry.path, favourite)
                return ""

            self.change_files(work)
        else:
            self.explain_no_picture()

    def action_mark(self) -> None:
        self.pictures.toggle_mark()
        self.show_page()

    def action_delete(self) -> None:
        chosen = [entry.path for entry in self.pictures.chosen()]
        if chosen:
            self.forget_drawing()

            def work() -> str:
                count = store.delete_pictures(chosen)
                if len(chosen) == 1:
                    return f"Deleted {chosen[0].name}. u brings it back, for {store.KEEP_DAYS} days."
                return f"Deleted {count:,} pictures. u brings them back one by one, for {store.KEEP_DAYS} days."

            self.change_files(work)
        else:
            self.explain_no_picture()

    def action_restore(self) -> None:
        def work() -> str:
            path = self.gallery().restore()
            return f"Brought back {path.name}" if path else "There is no deleted picture to bring back."

        self.change_files(work)

    def action_empty_trash(self) -> None:
        def work() -> str:
            count = self.gallery().empty_trash()
            return f"Removed {count:,} deleted picture{'' if count == 1 else 's'} for good."

        def on_answer(answer: str | None) -> None:
            if answer:
                self.change_files(work)

        if not self.trash:
            self.notify(f"No deleted pictures. They are kept for {store.KEEP_DAYS} days, then removed for good.")
            return
        question = f"Remove {self.trash:,} deleted picture{'' if self.trash == 1 else 's'} for good?"
        self.app.push_screen(ChoiceDialog(question, [Choice("yes", "remove for good", ("y",))], "keep for now", safe=-1), on_answer)

    def action_sheet(self) -> None:
        shown = self.pictures.shown
        sets = {
            "marked": [entry for entry in shown if entry.path in self.pictures.marked],
            "favourites": [entry for entry in shown if entry.path in self.pictures.favourites],
            "all": shown,
        }
        words = {"marked": "the marked pictures", "favourites": "the favourites", "all": "all that are shown"}
        choices = [Choice(name, f"{words[name]} ({len(entries):,})", (name[0],)) for name, entries in sets.items() if entries]

        def on_answer(answer: str | None) -> None:
            if answer:
                self._write_sheet(sets[answer])

        if choices:
            self.app.push_screen(ChoiceDialog("Write a contact sheet of", choices, "write none"), on_answer)
        else:
            self.explain("No pictures for a contact sheet yet.", lambda: not self.pictures.shown)

    def _write_sheet(self, entries: list[Entry]) -> None:
        self.notify("Writing the contact sheet…")
        folder = self.gallery().folders()[0] / SHEETS

        def work() -> str:
            path = store.free_name(paths.ensure_folder(folder, CHOOSE_FOLDER) / time.strftime("sheet-%Y-%m-%d.png"))
            report = export_sheet(path, entries)
            self.studio.last_saved = path
            return f"Saved {path}{report}"

        self.change_files(work)
