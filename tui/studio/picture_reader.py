"""Reads pictures of a gallery for the screen: thumbnails and recipes, a few at a time, kept in memory. Its functions run in the background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DigittyError, PictureError
from engine.formatting import printable
from engine.protocol.recipe import Images, Recipe
from engine.protocol.recipe_check import describe_result
from engine.storage.contact_sheet import MOST, Exhibit, save_sheet, thumbnail
from engine.storage.gallery import Entry
from engine.storage.pictures import load_picture
from tui.render.recipe_text import short_lines


@dataclass(frozen=True)
class Item:
    """What the gallery shows of a file: its thumbnail and recipe, or what is wrong with it."""

    entry: Entry
    thumbnail: Images | None
    recipe: Recipe | None
    problem: str = ""


def read_item(entry: Entry) -> Item:
    """Never raises: a damaged file is an item with a problem."""
    try:
        stored = load_picture(entry.path)
    except DigittyError as error:
        return Item(entry, None, None, _shorter(error, entry))
    try:
        return Item(entry, thumbnail(stored.images()), stored.recipe)
    except DigittyError as error:
        return Item(entry, None, stored.recipe, _shorter(error, entry))


def _shorter(error: DigittyError, entry: Entry) -> str:
    """The message without the folder, which the screen shows anyway."""
    return str(error).replace(printable(entry.path), printable(entry.path.name))


def read_images(entry: Entry) -> Images:
    """The images of a picture. Raises PictureError."""
    return load_picture(entry.path).images()


def compare(entry: Entry, images: Images, recipe: Recipe) -> str:
    """One sentence: whether a drawing is the stored picture, and what differs. Raises PictureError."""
    stored = load_picture(entry.path)
    return describe_result(stored.comparable(), stored.recipe, images, recipe)


def export_sheet(path: Path, entries: Sequence[Entry]) -> str:
    """Write a contact sheet of the first MOST pictures; returns what else is to be said. Raises OutputError, or PictureError if none is readable."""
    exhibits, problem = [], ""
    for entry in entries[:MOST]:
        try:
            stored = load_picture(entry.path)
            exhibits.append(Exhibit(stored.images(), short_lines(stored.recipe)))
        except DigittyError as error:
            problem = str(error)
    if not exhibits:
        raise PictureError(problem)
    save_sheet(path, exhibits, len(exhibits))
    parts = [f"the newest {MOST:,} of {len(entries):,}"] if len(entries) > MOST else []
    missing = min(len(entries), MOST) - len(exhibits)
    parts += [f"without {missing:,} that can't be read"] if missing else []
    return f" ({', '.join(parts)})" if parts else ""
