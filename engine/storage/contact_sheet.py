"""Small pictures of saved ones: thumbnails, and contact sheets of many with a line of text below each."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import OutputError
from engine.protocol.recipe import Images
from engine.storage.atomic import write_atomic
from engine.storage.images import columns_for, contact_sheet
from engine.storage.lettering import Lettering

if TYPE_CHECKING:
    from PIL import Image

SIDE = 56
"""Pixels of a thumbnail's sides."""
CELL, LINE, MARGIN = 168, 14, 8
"""Pixels of a picture's side in a contact sheet, of a line of text below it, and between pictures."""
MOST = 400
"""Pictures on one contact sheet."""


@dataclass(frozen=True)
class Exhibit:
    """A picture on a contact sheet."""

    images: Images
    lines: tuple[str, ...]
    """Two lines of text."""


def thumbnail(images: Images, side: int = SIDE) -> Images:
    """One square picture of them all, as large as they fit, on black."""
    from PIL import Image

    sheet = _fit(contact_sheet(images, columns_for(len(images)), gap=1), side)
    if images.channels == 1:  # strokes fade as they shrink
        brightest = max(1, *sheet.tobytes())
        sheet = sheet.point([min(255, value * 255 // brightest) for value in range(256)])
    square = Image.new(sheet.mode, (side, side))
    square.paste(sheet, ((side - sheet.width) // 2, (side - sheet.height) // 2))
    return Images(square.tobytes(), 1, side, side, images.channels)


def save_sheet(path: Path, exhibits: Iterable[Exhibit], most: int, letters: Lettering | None = None) -> int:
    """Write a PNG of the pictures in rows, each with its lines below; returns how many there were. Without a picture it writes nothing.

    Each picture is drawn before the next one is asked for, so that no two of them need be in memory. There are at most `most`. `letters` knows
    afterwards what the font could not write. Raises OutputError, also if `path` exists.
    """
    from PIL import Image, ImageDraw

    letters = letters or Lettering()
    columns, count = columns_for(most), 0
    rows, width, height = -(-most // columns), CELL + MARGIN, CELL + 2 * LINE + MARGIN
    sheet = Image.new("RGB", (columns * width + MARGIN, rows * height + MARGIN), "white")
    pen, font = ImageDraw.Draw(sheet), letters.font
    for i, exhibit in enumerate(exhibits):
        count = i + 1
        x, y = MARGIN + i % columns * width, MARGIN + i // columns * height
        picture = _fit(contact_sheet(exhibit.images, columns_for(len(exhibit.images)), gap=1), CELL)
        pen.rectangle((x, y, x + CELL - 1, y + CELL - 1), "black")
        sheet.paste(picture, (x + (CELL - picture.width) // 2, y + (CELL - picture.height) // 2))
        for number, line in enumerate(exhibit.lines[:2]):
            text = letters.write(line)
            while text and pen.textlength(text, font) > CELL:
                text = text[:-1]
            pen.text((x, y + CELL + 1 + number * LINE), text, "black", font)
    if not count:
        return 0
    sheet = sheet.crop((0, 0, min(columns, count) * width + MARGIN, -(-count // columns) * height + MARGIN))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    write_atomic(path, lambda file: file.write(buffer.getbuffer()), OutputError, follow_links=False)
    return count


def _fit(sheet: Image.Image, side: int) -> Image.Image:
    """The sheet as large as it fits a square: enlarged by a whole number, or else reduced."""
    from PIL import Image

    longest = max(sheet.size)
    if longest <= side:
        scale = side // longest
        return sheet.resize((sheet.width * scale, sheet.height * scale), Image.Resampling.NEAREST)
    size = (max(1, round(pixels * side / longest)) for pixels in sheet.size)
    return sheet.resize((next(size), next(size)), Image.Resampling.LANCZOS)
