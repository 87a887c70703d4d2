"""The sheet of an evaluation, as a PNG: the best and the worst pictures of each class, with labels. Knows no tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import OutputError
from engine.protocol.events import ClassGallery
from engine.storage.atomic import write_atomic
from engine.storage.images import MODES

if TYPE_CHECKING:
    from PIL import ImageDraw

TILE = 112
"""Pixels of a picture's longer side, at least: pictures are enlarged by a whole number."""
GAP, NAME_WIDTH, LINE = 8, 120, 20
GREY, WHITE, RED = (150, 150, 150), (255, 255, 255), (255, 120, 110)


@dataclass(frozen=True)
class Ranking:
    """By what pictures are the best and the worst: a heading for either."""

    best: str = "the classifier is most sure of these"
    worst: str = "it is least sure of these"
    summary: str = "for each class, the {most} pictures that the classifier is most sure of, and those that it is least sure of"
    """With {most} for the number of the best."""


def save_gallery(path: Path, gallery: Sequence[ClassGallery], title: str, ranking: Ranking = Ranking()) -> None:
    """Write a row for each class: its name, its best pictures, its worst. Raises OutputError.

    Below a picture stands what the classifier reads in it, if that is another class.
    """
    from PIL import Image, ImageDraw, ImageFont

    first = gallery[0].best
    scale = -(-TILE // max(first.height, first.width))
    width, height = first.width * scale + GAP, first.height * scale + LINE
    across = max(1, *(len(row.best) for row in gallery)), max(1, *(len(row.worst) for row in gallery))
    lefts = NAME_WIDTH, NAME_WIDTH + across[0] * width + 4 * GAP
    top = 3 * LINE + GAP
    sheet = Image.new("RGB", (lefts[1] + max(across[1], 3) * width, top + len(gallery) * height))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)

    def write(x: float, y: float, text: str, color: tuple[int, int, int], room: float | None = None) -> None:
        _write(draw, font, (x, y), text if room is None else _shortened(text, font, room), color)

    write(GAP, GAP, title, WHITE)
    write(lefts[0], top - LINE, f"best: {ranking.best}", GREY)
    write(lefts[1], top - LINE, f"worst: {ranking.worst}, the last the worst", GREY)
    for number, row in enumerate(gallery):
        y = top + number * height
        write(GAP, y + GAP, row.name, WHITE, NAME_WIDTH - 2 * GAP)
        write(GAP, y + GAP + LINE, f"{row.drawn:,} drawn" if row.drawn else "none drawn", GREY)
        for left, images, read_as in ((lefts[0], row.best, row.best_read_as), (lefts[1], row.worst, row.worst_read_as)):
            for i, tile in enumerate(images):
                mode = MODES[images.channels]
                picture = Image.frombytes(mode, (images.width, images.height), tile)
                sheet.paste(picture.resize((width - GAP, height - LINE), Image.Resampling.NEAREST), (left + i * width, y))
                if read_as[i] != row.name:
                    write(left + i * width, y + height - LINE + 1, f"read as {read_as[i]}", RED, width - GAP)
    write_atomic(path, lambda file: sheet.save(file, "PNG", optimize=True), OutputError)


def describe_gallery(path: Path, gallery: Sequence[ClassGallery], ranking: Ranking = Ranking()) -> str:
    """A sentence or two for the user: what the sheet shows, and which classes it can't show in full."""
    most = max(len(row.best) for row in gallery)
    parts = [f"{path}: {ranking.summary.format(most=most)}."]
    missing = [row.name for row in gallery if not row.drawn]
    if missing:
        parts.append(f"Not drawn at all: {', '.join(missing)}; a larger --count draws every class.")
    return " ".join(parts)


def _shortened(text: str, font: object, room: float) -> str:
    """The text, without its end if it is wider than `room` pixels."""
    if _length(font, text) <= room:
        return text
    while text and _length(font, f"{text}...") > room:
        text = text[:-1]
    return f"{text.rstrip()}..."


def _length(font: object, text: str) -> float:
    """Pixels of a text in a font that may lack some letters."""
    try:
        length: float = font.getlength(text)  # type: ignore[attr-defined]
    except UnicodeEncodeError:
        length = font.getlength(text.encode("ascii", "replace").decode())  # type: ignore[attr-defined]
    return length


def _write(draw: ImageDraw.ImageDraw, font: object, at: tuple[float, float], text: str, color: tuple[int, int, int]) -> None:
    """Text in a font that may lack some letters: a class may have any name."""
    try:
        draw.text(at, text, fill=color, font=font)  # type: ignore[arg-type]
    except UnicodeEncodeError:
        draw.text(at, text.encode("ascii", "replace").decode(), fill=color, font=font)  # type: ignore[arg-type]
