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
from engine.storage.lettering import Lettering

if TYPE_CHECKING:
    from engine.storage.lettering import Font

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
    from PIL import Image, ImageDraw

    first = gallery[0].best
    scale = -(-TILE // max(first.height, first.width))
    width, height = first.width * scale + GAP, first.height * scale + LINE
    across = max(1, *(len(row.best) for row in gallery)), max(1, *(len(row.worst) for row in gallery))
    lefts = NAME_WIDTH, NAME_WIDTH + across[0] * width + 4 * GAP
    top = 3 * LINE + GAP
    sheet = Image.new("RGB", (lefts[1] + max(across[1], 3) * width, top + len(gallery) * height))
    draw, letters = ImageDraw.Draw(sheet), _letters(gallery)

    def write(x: float, y: float, text: str, color: tuple[int, int, int], room: float | None = None) -> None:
        text = letters.write(text)
        draw.text((x, y), text if room is None else _shortened(text, letters.font, room), fill=color, font=letters.font)

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
    if legend := _letters(gallery).legend:
        parts.append(f"Its font lacks some letters: {legend}.")
    return " ".join(parts)


def _letters(gallery: Sequence[ClassGallery]) -> Lettering:
    """The sheet's font. All names are numbered in the order of the rows, so that the sheet and its description agree."""
    letters = Lettering(14)
    for row in gallery:
        for name in (row.name, *row.best_read_as, *row.worst_read_as):
            letters.write(name)
    return letters


def _shortened(text: str, font: Font, room: float) -> str:
    """The text, without its end if it is wider than `room` pixels."""
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(f"{text}...") > room:
        text = text[:-1]
    return f"{text.rstrip()}..."
