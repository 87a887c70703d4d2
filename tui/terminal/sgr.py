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


class SgrWriter:
    """Writes what changes in one row, from left to right, and keeps track of the terminal's cursor and style."""

    __slots__ = ("_attributes", "_bg", "_fg", "_output", "_row", "_style", "_y")

    def __init__(self, y: int, row: list[Cell]) -> None:
        self._y, self._row = y, row
        self._output: list[str] = []
        self._style: CellStyle | None = None
        self._attributes: str | None = None
        self._fg = self._bg = ""

    def write_changes(self, old_row: Sequence[Cell | None]) -> str:
        """Turns `old_row` into the row. Begins with a position and a whole style, so that it may follow any output."""
        output = self._output
        cursor = -1  # its column; -1 where it is not known
        for x, (old, new) in enumerate(zip(old_row, self._row, strict=True)):
            text, style = new
            if old is new or not text:
                continue
            if x != cursor:
                self._move(cursor, x)
            if style is not self._style:
                self._set_style(style)
            output.append(text)
            cursor = x + 1 if len(text) == 1 else -1  # terminals disagree about the width of other texts
        return "".join(output)

    def _move(self, cursor: int, x: int) -> None:
        """Move the cursor; across a short gap by writing its cells again, where they need no other style."""
        gap = self._row[cursor:x] if cursor >= 0 and x - cursor <= MAX_GAP else []
        if gap and all(style.attributes == self._attributes and style.bg == self._bg and style.fg in (self._fg, ANY_FG) for _, style in gap):
            self._output += [text for text, _ in gap]
        else:
            self._output.append(f"\x1b[{self._y + 1};{x + 1}H" if cursor < 0 else f"\x1b[{x + 1}G")

    def _set_style(self, style: CellStyle) -> None:
        """Change what differs from the style before."""
        self._style = style
        fg, bg = style.fg or self._fg, style.bg
        if style.attributes != self._attributes:
            self._output.append(style.whole)
            self._attributes, fg = style.attributes, style.fg or DEFAULT_FG
        elif fg == self._fg:
            if bg != self._bg:
                self._output.append(style.bg_alone)
        else:
            self._output.append(style.fg_alone if bg == self._bg else style.both)
        self._fg, self._bg = fg, bg
