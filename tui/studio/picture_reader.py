"""Reads pictures of a gallery for the screen: thumbnails and recipes, a few at a time, kept in memory. Its functions run in the background."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DigittyError, PictureError
from engine.formatting import printable
from engine.protocol.recipe import Images, Recipe
from engine.protocol.recipe_check import describe_result
from engine.storage.contact_sheet import MOST, SIDE, Exhibit, save_sheet, thumbnail
from engine.storage.gallery import Entry
from engine.storage.lettering import Lettering
from engine.storage.pictures import StoredPicture, StoredSheet, load_any, load_picture
from engine.storage.thumbnail_cache import ThumbnailCache
from tui.render.recipe_text import sheet_lines, short_lines

IS_SHEET = "This is the sheet of a sweep. Draw it again on Compare, or with digitty sweep."

THUMBNAILS = ThumbnailCache(SIDE)


@dataclass(frozen=True)
class Item:
    """What the gallery shows of a file: its thumbnail and recipe, or what is wrong with it."""

    entry: Entry
    thumbnail: Images | None
    recipe: Recipe | None
    """None for the sheet of a sweep, and for a file without one."""
    problem: str = ""
    """Why it can't be drawn again, or shown."""
    lines: tuple[str, ...] = ()
    """What a sheet compares."""


def read_item(entry: Entry) -> Item:
    """Never raises: a damaged file is an item with a problem."""
    try:
        stored = load_any(entry.path)
    except DigittyError as error:
        return Item(entry, None, None, _shorter(error, entry))
    if isinstance(stored, StoredSheet):
        return _read_sheet(entry, stored)
    try:
        return Item(entry, _thumbnail(entry, stored), stored.recipe)
    except DigittyError as error:
        return Item(entry, None, stored.recipe, _shorter(error, entry))


def _read_sheet(entry: Entry, stored: StoredSheet) -> Item:
    lines = tuple(sheet_lines(stored.axes, stored.recipes))
    try:
        return Item(entry, _thumbnail(entry, stored), None, IS_SHEET, lines)
    except DigittyError as error:
        return Item(entry, None, None, _shorter(error, entry), lines)


def _thumbnail(entry: Entry, stored: StoredPicture | StoredSheet) -> Images:
    """From the cache, or else decoded and put there. Raises PictureError."""
    found = THUMBNAILS.get(entry)
    if found is None:
        found = thumbnail(stored.images())
        THUMBNAILS.put(entry, found)
    return found


def _shorter(error: DigittyError, entry: Entry) -> str:
    """The message without the folder, which the screen shows anyway."""
    return str(error).replace(printable(entry.path), printable(entry.path.name))


def read_images(entry: Entry) -> Images:
    """The images of a picture, or a sheet as one image. Raises PictureError."""
    return load_any(entry.path).images()


def compare(entry: Entry, images: Images, recipe: Recipe) -> str:
    """One sentence: whether a drawing is the stored picture, and what differs. Raises PictureError."""
    stored = load_picture(entry.path)
    return describe_result(stored.comparable(), stored.recipe, images, recipe)


def export_sheet(path: Path, entries: Sequence[Entry]) -> str:
    """Write a contact sheet of the first MOST pictures; returns what else is to be said. Raises OutputError, or PictureError if none is readable."""
    problems: list[str] = []

    def exhibits() -> Iterator[Exhibit]:
        for entry in entries[:MOST]:
            try:
                stored = load_any(entry.path)
                lines = sheet_lines(stored.axes, stored.recipes) if isinstance(stored, StoredSheet) else short_lines(stored.recipe)
                yield Exhibit(stored.images(), (lines[0], lines[1]))
            except DigittyError as error:
                problems.append(str(error))

    letters = Lettering()
    count = save_sheet(path, exhibits(), min(len(entries), MOST), letters)
    if not count:
        raise PictureError(problems[-1])
    parts = [f"the newest {MOST:,} of {len(entries):,}"] if len(entries) > MOST else []
    missing = len(problems)
    parts += [f"without {missing:,} that can't be read"] if missing else []
    parts += [f"its font lacks some letters: {letters.legend}"] if letters.legend else []
    return f" ({', '.join(parts)})" if parts else ""
