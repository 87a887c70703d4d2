"""What the terminal shows and what it should show, cell by cell, and the sequences that make one into the other.

Textual has no such comparison: whatever is refreshed, it sends again. Here its updates are only noted; what differs is sent in as many pieces as
the link takes, the newest state of each row whenever its turn comes. Knows neither the link nor the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import repeat

from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate  # what a screen hands to `App._display`
from textual.geometry import Size
from textual.strip import Strip

from tui.terminal.literal import harmless

LIGHT = 24
"""Sequences up to which a row is let before others: text has seldom more, and noise has one for nearly each cell."""
HOP = 4
"""Cells that are sent again rather than leapt over: a leap takes as many bytes."""
DEFAULT_FG, DEFAULT_BG = "39", "49"
KEPT = ""
"""The ink of a blank: any does."""
SEEN = frozenset(("4", "5", "7", "9", "21", "51", "52", "53"))
"""Attributes that show on a blank."""
PALETTE = {8 + 10 * i: 232 + i for i in range(24)} | {255: 231}
"""The greys of the 256 colours: the same grey in fewer bytes than its red, green and blue. (Black has none that themes leave alone.)"""
MOST = 10_000
"""Columns that no terminal has."""
ERASE = "\x1b[K"
"""The rest of the line."""
STYLES = 10_000
"""Remembered at most."""
NO_STYLE = Style()


class CellStyle:
    """How cells are painted, in parameters of SGR. There is one of each kind, so that pens, and cells, can be told apart quickly."""

    __slots__ = ("attributes", "bg", "bg_alone", "both", "cells", "fg", "fg_alone", "whole")

    def __init__(self, attributes: str, fg: str, bg: str) -> None:
        self.attributes, self.fg, self.bg = attributes, fg, bg
        self.fg_alone, self.bg_alone, self.both = f"\x1b[{fg}m", f"\x1b[{bg}m", f"\x1b[{fg};{bg}m"
        parts = ("0", attributes, "" if fg == DEFAULT_FG else fg, "" if bg == DEFAULT_BG else bg)
        self.whole = f"\x1b[{';'.join(part for part in parts if part)}m"
        self.cells = Cells(self)


Cell = tuple[str, CellStyle]
"""The second cell of a wide character is empty."""


class Cells(dict[str, Cell]):
    """Those of one pen."""

    def __init__(self, pen: CellStyle) -> None:
        self._pen = pen

    def __missing__(self, char: str) -> Cell:
        self[char] = cell = (char, self._pen)
        return cell


class ScreenDiff:
    """`note` what is wanted; `rows` says what is due, `sent` that it went out."""

    def __init__(self, system: ColorSystem = ColorSystem.TRUECOLOR, erases: bool = True) -> None:
        """`erases`: what the terminal erases takes the background's colour."""
        self.size = Size(0, 0)
        self._system, self._erases = system, erases
        self._wanted: list[list[Cell]] = []
        self._shown: list[Sequence[Cell | None]] = []  # None where nobody knows
        self._due: dict[int, str | None] = {}  # rows that may differ, with what would mend them where that is known
        self._next = 0
        self._pens: dict[int, tuple[Style | None, CellStyle, CellStyle]] = {}

    def note(self, update: LayoutUpdate | ChopsUpdate) -> None:
        """What should be shown from now on."""
        if isinstance(update, LayoutUpdate):
            if update.region.size != self.size:
                self.size = update.region.size
                blank = _only("", KEPT, DEFAULT_BG).cells[" "]
                self._wanted = [[blank] * self.size.width for _ in range(self.size.height)]
                self.forget()
            for y, strips in enumerate(update.strips, update.region.y):
                self._put(y, update.region.x, strips)
            return
        for y, x1, x2 in update.spans:
            for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if strip is not None and x < x2 and end > x1:
                    self._put(y, x, [strip], x2)

    def forget(self) -> None:
        """Nobody knows what the terminal shows: a new size, somebody else's screen, a wish to see it all again."""
        self._shown = [[None] * self.size.width for _ in range(self.size.height)]
        self._due = dict.fromkeys(range(self.size.height))

    def rows(self) -> list[tuple[int, str]]:
        """What is due, light rows first, the others going round: where there is never room for all, none has to wait for ever."""
        found = []
        for y, known in [*self._due.items()]:
            mends = self._due[y] = self._mends(y) if known is None else known
            if mends:
                found.append((y, mends))
            else:
                del self._due[y]
        height = self.size.height
        return sorted(found, key=lambda row: (heavy(row[1]), (row[0] - self._next) % height))

    def _mends(self, y: int) -> str:
        """Blanks at the end are erased at once, where they are of a colour."""
        shown, wanted = self._shown[y], self._wanted[y]
        text, pen = blank = wanted[-1]
        start = len(wanted)
        if text == " " and pen.fg == KEPT and (self._erases or pen.bg == DEFAULT_BG):
            while start and wanted[start - 1] is blank:
                start -= 1
        if len(wanted) - start > len(ERASE) and shown[start:] != wanted[start:]:
            return _mended(y, [*shown[:start], None], [*wanted[:start], (ERASE, pen)])
        return _mended(y, shown, wanted)

    def sent(self, y: int) -> None:
        """The terminal shows this row as it was last said to be due."""
        self._shown[y] = self._wanted[y].copy()
        if heavy(self._due.pop(y) or ""):
            self._next = y + 1

    def _put(self, y: int, x: int, strips: Iterable[Strip], limit: int = MOST) -> None:
        """Strips from column x on, up to the limit."""
        cells = [cell for strip in strips for cell in self._cells(strip)]
        row = self._wanted[y] if y < len(self._wanted) else []
        end = min(x + len(cells), len(row), limit)
        del cells[max(0, end - x) :]
        if row[x:end] == cells:
            return
        self._due[y] = None
        self._halve(row, x)
        self._halve(row, end)
        row[x:end] = cells

    @staticmethod
    def _halve(row: list[Cell], x: int) -> None:
        """What takes several cells, and is cut before x, leaves blanks."""
        first = last = x
        while 0 < first < len(row) and not row[first][0]:
            first -= 1
        while first < last < len(row) and not row[last][0]:
            last += 1
        for i in range(first, last):
            row[i] = row[i][1].cells[" "]

    def _cells(self, strip: Strip) -> list[Cell]:
        cells: list[Cell] = []
        pens = self._pens
        for text, style, _ in strip:
            _, pen, blank = pens.get(id(style)) or self._chosen(style)
            if len(text) > 1:
                plain = text.isascii() and text.isprintable()
                cells += map((pen if text.strip(" ") else blank).cells.__getitem__, text if plain else _glyphs(text))
            elif text == " ":
                cells.append(blank.cells[text])
            else:
                cells += map(pen.cells.__getitem__, _glyphs(text))
        return cells

    def _chosen(self, style: Style | None) -> tuple[Style | None, CellStyle, CellStyle]:
        """The style, kept so that none other has its id, and the pens for its text and its blanks."""
        if len(self._pens) >= STYLES:
            self._pens.clear()
        self._pens[id(style)] = chosen = (style, *_pens(style or NO_STYLE, self._system))
        return chosen


def heavy(mends: str) -> bool:
    """Whether a row has to let others pass."""
    return mends.count("\x1b") > LIGHT


def _mended(y: int, shown: Sequence[Cell | None], wanted: list[Cell]) -> str:
    """From row y as it is to row y as it should be; begins with a position and a whole style, so that it may follow anything."""
    out: list[str] = []
    attributes = fg = bg = pen = None
    at = -1  # the column of the terminal's cursor by then
    for x, (was, cell) in enumerate(zip(shown, wanted, strict=True)):
        if was is cell:
            continue
        text, then = cell
        if not text:
            continue
        if x != at:
            between = wanted[at:x] if at >= 0 and x - at <= HOP else []
            if between and all(p.attributes == attributes and p.bg == bg and p.fg in (fg, KEPT) for _, p in between):
                out += [c for c, _ in between]
            else:
                out.append(f"\x1b[{y + 1};{x + 1}H" if at < 0 else f"\x1b[{x + 1}G")
        if then is not pen:
            pen = then
            if then.attributes != attributes:
                out.append(then.whole)
                attributes, fg, bg = then.attributes, then.fg or DEFAULT_FG, then.bg
            elif then.fg == fg or not then.fg:
                if then.bg != bg:
                    out.append(then.bg_alone)
                    bg = then.bg
            elif then.bg == bg:
                out.append(then.fg_alone)
                fg = then.fg
            else:
                out.append(then.both)
                fg, bg = then.fg, then.bg
        out.append(text)
        at = x + 1 if len(text) == 1 else -1  # a terminal may think otherwise of the width of the rest
    return "".join(out)


def _pens(style: Style, system: ColorSystem) -> tuple[CellStyle, CellStyle]:
    """For text and for blanks, of which only the background shows, and what is drawn on the letters' height."""
    attributes = Strip.render_ansi(style.without_color, system)
    fg = _parameters(style.color, system, True) if style.color else DEFAULT_FG
    bg = _parameters(style.bgcolor, system, False) if style.bgcolor else DEFAULT_BG
    pen = _only(attributes, fg, bg)
    return pen, pen if SEEN.intersection(attributes.split(";")) else _only("", KEPT, bg)


@cache
def _only(attributes: str, fg: str, bg: str) -> CellStyle:
    return CellStyle(attributes, fg, bg)


def _parameters(color: Color, system: ColorSystem, foreground: bool) -> str:
    shown = color.downgrade(system)
    if system is ColorSystem.TRUECOLOR and (rgb := shown.triplet) and rgb.red == rgb.green == rgb.blue in PALETTE:
        return f"{38 if foreground else 48};5;{PALETTE[rgb.red]}"
    return ";".join(shown.get_ansi_codes(foreground))


@lru_cache(maxsize=4096)
def _glyphs(text: str) -> tuple[str, ...]:
    """The text by cells, without what would control the terminal.

    Where the cells are not a matter of single characters, the text is one piece, so that it is never sent in part.
    """
    text = harmless(text)
    widths = [cell_len(char) for char in text]
    whole = cell_len(text)
    if 0 in widths or sum(widths) != whole:
        return (text, *repeat("", whole - 1))[:whole]
    return tuple(cell for char, width in zip(text, widths, strict=True) for cell in (char, *repeat("", width - 1)))
