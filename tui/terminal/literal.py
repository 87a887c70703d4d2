"""Foreign text on the screen: paths, names, errors, file contents, prompts. None of it is parsed as markup or controls the terminal."""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter

from engine.formatting import printable

LONGEST = 1000
"""Characters of a line that are kept, several times the width of a screen."""
HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"  # controls, separators of lines, surrogates
    "\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"  # what reorders or hides text
)
"""Characters that no cell may hold. Joiners of emoji are fine."""


def literal(text: object) -> Content:
    """One line of foreign text."""
    return Content(printable(text, LONGEST))


def literal_lines(text: str) -> Content:
    """Several lines of foreign text, which may be broken only where digitty itself put a line break."""
    return Content("\n".join(printable(line, LONGEST) for line in text.split("\n")))


def harmless(text: str) -> str:
    """Replace harmful characters, by as many cells as Textual counted for them."""
    return HARMFUL.sub(lambda match: "·" * cell_len(match[0]), text)


class Harmless(LineFilter):
    """The filter for a browser, where Textual itself writes. In a terminal the screen diff filters each cell."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() and segment.text.isprintable() else Segment(harmless(segment.text), segment.style, segment.control)
            for segment in segments
        ]
