"""Foreign text on the screen: paths, names, errors, file contents, prompts. It is never parsed as markup and never controls the terminal."""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter

from engine.formatting import printable

LONGEST = 1000
"""Characters of a line: several times what a screen shows of it."""
HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"  # controls, separators of lines, surrogates
    "\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"  # what reorders or hides text
)
"""Characters that no cell may hold. What joins emoji may stay."""


def literal(text: object) -> Content:
    """One line."""
    return Content(printable(text, LONGEST))


def literal_lines(text: str) -> Content:
    """The same with line breaks, where we put some."""
    return Content("\n".join(printable(line, LONGEST) for line in text.split("\n")))


def harmless(text: str) -> str:
    """The text without control characters, in as many cells as Textual counted for it."""
    return HARMFUL.sub(lambda found: "·" * cell_len(found[0]), text)


class Harmless(LineFilter):
    """For a browser, which gets what Textual writes: our own screen is filtered where its cells are made."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() and segment.text.isprintable() else Segment(harmless(segment.text), segment.style, segment.control)
            for segment in segments
        ]
