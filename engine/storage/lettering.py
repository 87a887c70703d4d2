"""Writes any text with the letters that Pillow's own font has, which are few: others are spelled with those, or numbered. Knows no pictures."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from engine.formatting import printable

if TYPE_CHECKING:
    from PIL import ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SPELLED = {
    **{"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "þ": "th"},
    **{"·": "-", "–": "-", "—": "-", "×": "x", "→": "->", "…": "...", "‘": "'", "’": "'", "“": '"', "”": '"', "°": " deg"},
}
"""Letters and signs that Unicode does not decompose, as ASCII spells them."""
MOST_LISTED = 40
"""Numbers in a legend."""
NO_LETTER = "\uffff"
"""No font has it: it shows what the font draws in place of letters that it lacks."""


class Lettering:
    """Texts as one font can write them. Parts that it can't are numbered: [1], [2], …, and `legend` says what they stand for."""

    def __init__(self, size: float | None = None) -> None:
        """With Pillow's own font, of this size in pixels."""
        from PIL import ImageFont

        self.font: Font = ImageFont.load_default(size)
        self._numbers: dict[str, int] = {}

    def write(self, text: str) -> str:
        """The text in the font's letters: é as e where there is no é, and a number for each run of letters that can't be spelled."""
        written, run = "", ""
        for char in unicodedata.normalize("NFC", text):
            spelled = self._spell(char)
            if spelled is None:
                run += char
                continue
            written += self._number(run) + spelled
            run = ""
        return written + self._number(run)

    @property
    def legend(self) -> str:
        """What the numbers of all texts so far stand for: [1] 靴, [2] 箱; empty where there are none."""
        entries = [f"[{number}] {printable(text, 60)}" for text, number in self._numbers.items()]
        more = f" and {len(entries) - MOST_LISTED} more" if entries[MOST_LISTED:] else ""
        return ", ".join(entries[:MOST_LISTED]) + more

    def _number(self, run: str) -> str:
        return f"[{self._numbers.setdefault(run, len(self._numbers) + 1)}]" if run else ""

    def _spell(self, char: str) -> str | None:
        """The letter itself, or others that stand for it; None where there are none."""
        if char.isspace():
            return " "
        if unicodedata.category(char) in ("Mn", "Me", "Cf"):  # an accent, a joiner
            return ""
        if has_letter(self.font, char):
            return char
        plain = SPELLED.get(char) or "".join(c for c in unicodedata.normalize("NFKD", char) if not unicodedata.combining(c))
        return plain if plain and plain.isascii() else None


@lru_cache(maxsize=4096)
def has_letter(font: Font, char: str) -> bool:
    """Whether the font draws this letter, and not the box that it draws for all that it lacks."""
    try:
        drawn, box = font.getmask(char), font.getmask(NO_LETTER)
    except UnicodeEncodeError:
        return _is_latin(font, char)
    return (drawn.size, bytes(drawn)) != (box.size, bytes(box))


def _is_latin(font: Font, char: str) -> bool:
    """For the font that Pillow has without FreeType: it holds Latin-1, and raises for anything else."""
    try:
        font.getmask(char)
    except UnicodeEncodeError:
        return False
    return True
