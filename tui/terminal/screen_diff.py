"""What the terminal shows and what it should show, cell by cell, and the escape sequences that turn one into the other.

Textual has no such comparison: it sends whatever is refreshed. Here its updates only set what is wanted. The rows that differ are sent in as many
pieces as the connection takes, each row in its newest state when its turn comes. Knows neither the connection nor the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import repeat

from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate  # what a screen hands to `App._display`
from textual.geometry import Region, Size
from textual.strip import Strip

from tui.terminal.literal import harmless
from tui.terminal.sgr import ANY_FG, DEFAULT_BG, DEFAULT_FG, Cell, CellStyle, write_changes

LIGHT = 24
"""Escape sequences up to which a row is light and goes before others. Text rarely has more; noise has one for nearly every cell."""
MAX_COLUMNS = 10_000
"""More columns than any terminal has."""
MAX_STYLES = 10_000
"""Styles whose cells are cached."""
ERASE_LINE = "\x1b[K"
"""Erases the rest of the line."""
VISIBLE_ON_BLANK = frozenset(("4", "5", "7", "9", "21", "51", "52", "53"))
"""The attributes that show on a blank."""
PALETTE_GREYS = {8 + 10 * i: 232 + i for i in range(24)} | {255: 231}
"""Greys of the 256 colours: the same grey in fewer bytes than its red, green and blue. (Black has no entry that themes leave alone.)"""
CUBE = (0, 95, 135, 175, 215, 255)
"""The levels of red, green and blue in the cube of the 256 colours."""
NO_STYLE = Style()


class ScreenDiff:
    """`set_wanted` takes what should be shown, `due_rows` says what to send for it, and `mark_sent` notes what was sent."""

    def __init__(self, system: ColorSystem = ColorSystem.TRUECOLOR, erases: bool = True) -> None:
        """`erases`: cells that the terminal erases take the background's colour."""
        self.size = Size(0, 0)
        self._system, self._erases = system, erases
        self._wanted_rows: list[list[Cell]] = []
        self._shown_rows: list[Sequence[Cell | None]] = []  # None where it is not known
        self._due: dict[int, str | None] = {}  # rows that may differ, with the escape sequence where it is computed
        self._next_heavy = 0
        self._styles: dict[int, tuple[Style | None, CellStyle, CellStyle]] = {}

    def set_wanted(self, update: LayoutUpdate | ChopsUpdate) -> None:
        """Set what should be shown from now on."""
        if isinstance(update, LayoutUpdate):
            if update.region.size != self.size:
                self.size = update.region.size
                blank = _cell_style("", ANY_FG, DEFAULT_BG).cells[" "]
                self._wanted_rows = [[blank] * self.size.width for _ in range(self.size.height)]
                self.invalidate()
            for y, strips in enumerate(update.strips, update.region.y):
                self._set_cells(y, update.region.x, strips)
            return
        for y, x1, x2 in update.spans:
            for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if strip is not None and x < x2 and end > x1:
                    self._set_cells(y, x, [strip], x2)

    def invalidate(self) -> None:
        """Forget what the terminal shows: after a new size, after output of another program, or when the user asks for a repaint."""
        self._shown_rows = [[None] * self.size.width for _ in range(self.size.height)]
        self._due = dict.fromkeys(range(self.size.height))

    def forget(self, region: Region) -> None:
        """Forget what the terminal shows in a part of the screen."""
        for y in range(max(0, region.y), min(region.bottom, self.size.height)):
            row = [*self._shown_rows[y]]
            x1, x2 = max(0, region.x), min(region.right, self.size.width)
            row[x1:x2] = [None] * (x2 - x1)
            self._shown_rows[y], self._due[y] = row, None

    def overwrites(self, y: int, x1: int, x2: int) -> bool:
        """Whether row y, when it is sent, writes any of these cells."""
        cells = zip(self._shown_rows[y][x1:x2], self._wanted_rows[y][x1:x2], strict=True)
        return x2 > self._erased_from(y) or any(shown is not wanted for shown, wanted in cells)

    def due_rows(self) -> list[tuple[int, str]]:
        """The rows to send, as (row, escape sequence): light rows first, heavy ones in rotation, so that none waits forever."""
        due = []
        for y, computed in [*self._due.items()]:
            sequence = self._due[y] = self._escape_sequence(y) if computed is None else computed
            if sequence:
                due.append((y, sequence))
            else:
                del self._due[y]
        height = self.size.height
        return sorted(due, key=lambda row: (is_heavy(row[1]), (row[0] - self._next_heavy) % height))

    def _escape_sequence(self, y: int) -> str:
        """Turns row y as it is shown into row y as it is wanted. Erases coloured blanks at the end of the line at once."""
        shown_row, wanted_row, start = self._shown_rows[y], self._wanted_rows[y], self._erased_from(y)
        if start < len(wanted_row):
            return write_changes(y, [*wanted_row[:start], (ERASE_LINE, wanted_row[-1][1])], [*shown_row[:start], None])
        return write_changes(y, wanted_row, shown_row)

    def _erased_from(self, y: int) -> int:
        """The column from which the rest of row y is erased at once; the row's length if nothing is."""
        shown_row, wanted_row = self._shown_rows[y], self._wanted_rows[y]
        text, style = blank = wanted_row[-1]
        start = len(wanted_row)
        if text == " " and style.fg == ANY_FG and (self._erases or style.bg == DEFAULT_BG):
            while start and wanted_row[start - 1] is blank:
                start -= 1
        return start if len(wanted_row) - start > len(ERASE_LINE) and shown_row[start:] != wanted_row[start:] else len(wanted_row)

    def mark_sent(self, y: int) -> None:
        """Note that the terminal got this row's escape sequence from `due_rows`."""
        self._shown_rows[y] = self._wanted_rows[y].copy()
        if is_heavy(self._due.pop(y) or ""):
            self._next_heavy = y + 1

    def _set_cells(self, y: int, x: int, strips: Iterable[Strip], limit: int = MAX_COLUMNS) -> None:
        """Put strips into row y from column x on, up to the limit."""
        cells = [cell for strip in strips for cell in self._cells(strip)]
        row = self._wanted_rows[y] if y < len(self._wanted_rows) else []
        end = min(x + len(cells), len(row), limit)
        del cells[max(0, end - x) :]
        if row[x:end] == cells:
            return
        self._due[y] = None
        self._blank_split_cells(row, x)
        self._blank_split_cells(row, end)
        row[x:end] = cells

    @staticmethod
    def _blank_split_cells(row: list[Cell], x: int) -> None:
        """Blank a character of several cells that is cut before column x."""
        first = last = x
        while 0 < first < len(row) and not row[first][0]:
            first -= 1
        while first < last < len(row) and not row[last][0]:
            last += 1
        for i in range(first, last):
            row[i] = row[i][1].cells[" "]

    def _cells(self, strip: Strip) -> list[Cell]:
        cells: list[Cell] = []
        styles = self._styles
        for text, rich_style, _ in strip:
            _, style, blank = styles.get(id(rich_style)) or self._add_style(rich_style)
            if len(text) > 1:
                plain = text.isascii() and text.isprintable()
                cells += map((style if text.strip(" ") else blank).cells.__getitem__, text if plain else _split_into_cells(text))
            elif text == " ":
                cells.append(blank.cells[text])
            else:
                cells += map(style.cells.__getitem__, _split_into_cells(text))
        return cells

    def _add_style(self, rich_style: Style | None) -> tuple[Style | None, CellStyle, CellStyle]:
        """The style, held so that no other gets its id, and the cell styles of its text and its blanks."""
        if len(self._styles) >= MAX_STYLES:
            self._styles.clear()
        self._styles[id(rich_style)] = entry = (rich_style, *_cell_styles(rich_style or NO_STYLE, self._system))
        return entry


def is_heavy(sequence: str) -> bool:
    """Whether a row has to let others go first."""
    return sequence.count("\x1b") > LIGHT


def _cell_styles(style: Style, system: ColorSystem) -> tuple[CellStyle, CellStyle]:
    """The styles for text and for blanks. A blank shows only its background, and attributes such as underline."""
    attributes = Strip.render_ansi(style.without_color, system)
    fg = _color_parameters(style.color, system, True) if style.color else DEFAULT_FG
    bg = _color_parameters(style.bgcolor, system, False) if style.bgcolor else DEFAULT_BG
    cell_style = _cell_style(attributes, fg, bg)
    return cell_style, cell_style if VISIBLE_ON_BLANK.intersection(attributes.split(";")) else _cell_style("", ANY_FG, bg)


@cache
def _cell_style(attributes: str, fg: str, bg: str) -> CellStyle:
    return CellStyle(attributes, fg, bg)


def _color_parameters(color: Color, system: ColorSystem, foreground: bool) -> str:
    rgb = color.triplet
    if system is ColorSystem.EIGHT_BIT and rgb and not rgb.red == rgb.green == rgb.blue:
        color = Color.from_ansi(nearest_entry(rgb))
    color = color.downgrade(system)
    if system is ColorSystem.TRUECOLOR and (rgb := color.triplet) and rgb.red == rgb.green == rgb.blue in PALETTE_GREYS:
        return f"{38 if foreground else 48};5;{PALETTE_GREYS[rgb.red]}"
    return ";".join(color.get_ansi_codes(foreground))


@lru_cache(maxsize=4096)
def nearest_entry(rgb: ColorTriplet) -> int:
    """The nearest of the 256 colours. Rich takes the level of the cube that rounding gives, which turns dark bluish greys into navy.

    Greys are left to Rich, since pictures hold those that it sends as intended.
    """
    cube = tuple(min(range(6), key=lambda i: abs(CUBE[i] - value)) for value in rgb)
    grey = min(range(24), key=lambda i: abs(8 + 10 * i - sum(rgb) / 3))
    off_cube = sum((CUBE[i] - value) ** 2 for i, value in zip(cube, rgb, strict=True))
    off_grey = sum((8 + 10 * grey - value) ** 2 for value in rgb)
    return 232 + grey if off_grey < off_cube else 16 + 36 * cube[0] + 6 * cube[1] + cube[2]


@lru_cache(maxsize=4096)
def _split_into_cells(text: str) -> tuple[str, ...]:
    """The text of each cell, without characters that would control the terminal. The second cell of a wide character is empty.

    Where cells do not correspond to single characters, the text stays in one piece, so that it is never sent in part.
    """
    text = harmless(text)
    widths = [cell_len(char) for char in text]
    whole = cell_len(text)
    if 0 in widths or sum(widths) != whole:
        return (text, *repeat("", whole - 1))[:whole]
    return tuple(cell for char, width in zip(text, widths, strict=True) for cell in (char, *repeat("", width - 1)))
