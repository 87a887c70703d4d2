"""Styled cells, and the fewest bytes that write some of them: cursor movements and SGR sequences (Select Graphic Rendition, ECMA-48)."""

from __future__ import annotations

from collections.abc import Sequence

MAX_GAP = 4
"""Unchanged cells that are written again rather than skipped: moving the cursor takes as many bytes."""
DEFAULT_FG, DEFAULT_BG = "39", "49"
ANY_FG = ""
"""The foreground of a blank, where any will do."""


class CellStyle:
    """The style of cells in parameters of SGR. There is one object for each style, so that styles, and cells, are compared by identity."""

    __slots__ = ("attributes", "bg", "bg_alone", "both", "cells", "fg", "fg_alone", "whole")

    def __init__(self, attributes: str, fg: str, bg: str) -> None:
        self.attributes, self.fg, self.bg = attributes, fg, bg
        self.fg_alone, self.bg_alone, self.both = f"\x1b[{fg}m", f"\x1b[{bg}m", f"\x1b[{fg};{bg}m"
        parts = ("0", attributes, "" if fg == DEFAULT_FG else fg, "" if bg == DEFAULT_BG else bg)
        self.whole = f"\x1b[{';'.join(part for part in parts if part)}m"
        self.cells = CellCache(self)


Cell = tuple[str, CellStyle]
"""The text is empty in the second cell of a wide character."""


class CellCache(dict[str, Cell]):
    """The one object for each cell of a style, by its text."""

    def __init__(self, style: CellStyle) -> None:
        self._style = style

    def __missing__(self, char: str) -> Cell:
        self[char] = cell = (char, self._style)
        return cell


def write_changes(y: int, row: Sequence[Cell], old_row: Sequence[Cell | None]) -> str:
    """What turns row `y` from `old_row` into `row`. Begins with a position and a whole style, so that it may follow any output.

    One loop over local variables: this runs for each cell of each frame.
    """
    output: list[str] = []
    write = output.append
    cursor = -1  # its column; -1 where it is not known
    last: CellStyle | None = None
    attributes: str | None = None
    fg = bg = ""
    for x, (old, new) in enumerate(zip(old_row, row, strict=True)):
        text, style = new
        if old is new or not text:
            continue
        if x != cursor:
            gap = row[cursor:x] if cursor >= 0 and x - cursor <= MAX_GAP else ()
            if gap and all(each.attributes == attributes and each.bg == bg and each.fg in (fg, ANY_FG) for _, each in gap):
                output += [skipped for skipped, _ in gap]  # needs no other style, and no more bytes than moving the cursor
            else:
                write(f"\x1b[{y + 1};{x + 1}H" if cursor < 0 else f"\x1b[{x + 1}G")
        if style is not last:
            last, new_fg, new_bg = style, style.fg or fg, style.bg
            if style.attributes != attributes:
                write(style.whole)
                attributes, new_fg = style.attributes, style.fg or DEFAULT_FG
            elif new_fg != fg:
                write(style.fg_alone if new_bg == bg else style.both)
            elif new_bg != bg:
                write(style.bg_alone)
            fg, bg = new_fg, new_bg
        write(text)
        cursor = x + 1 if len(text) == 1 else -1  # terminals disagree about the width of other texts
    return "".join(output)
