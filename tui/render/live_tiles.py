"""A drawing that emerges in place on standard output, a terminal, below the command line. Knows neither Textual nor the engine's jobs."""

from __future__ import annotations

import os
import select
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Self

from rich.color import Color, ColorSystem

from engine.protocol.recipe import Images
from tui.render.cells import Picture, Row, segments, tile_rows
from tui.render.tiles import Tiles, fit
from tui.terminal import capabilities as term
from tui.terminal.capabilities import ColorDepth, Terminal

SPARE = 4
"""Lines of the terminal that the pictures leave free: for the command, the line of progress, the last line, and the next prompt."""
PATIENCE = 1.0
"""Seconds that the terminal may take to become ready for the end."""
REMOTE_RATE, LOCAL_RATE = 48_000, 4_000_000
"""Bytes that frames may send in a second, over SSH and otherwise: as on the screen, what comes after them must not have to wait."""
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
NO_COLOUR = "\x1b[0m"
_SYSTEMS = {ColorDepth.TRUECOLOR: ColorSystem.TRUECOLOR, ColorDepth.COLORS_256: ColorSystem.EIGHT_BIT}


def can_animate() -> bool:
    """Whether standard output is a terminal on which a picture can be drawn over another."""
    return sys.stdout.isatty() and not term.why_unusable(os.environ)


class LiveTiles:
    """As a context manager it removes the pictures at the end. The cursor is hidden only while a frame is written."""

    def __init__(self, color: str, graphics: str = term.AUTO) -> None:
        terminal = term.detect(os.environ, color, graphics)
        utf = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
        self.terminal = terminal if utf else replace(terminal, unicode=False)
        self._size = shutil.get_terminal_size()
        self._height = 0
        """Lines that the last frame takes up."""
        self._begun = False
        """Whether any of a frame may have been written."""
        self._due = 0.0
        """When the next frame may be sent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._begun:
            with suppress(OSError, ValueError):  # after a signal, what the terminal does not take at once is dropped, as the end of a frame may be
                select.select([], [sys.stdout], [], PATIENCE)
            colour = NO_COLOUR if self.terminal.greys else ""
            self._write(colour + self._erase() + SHOW_CURSOR)  # a frame that was cut short leaves its last colour
            self._height, self._begun = 0, False

    def show(self, images: Images, words: str) -> bool:
        """Replace the last frame and its line of words. Returns False if the terminal is too small for all pictures."""
        size = shutil.get_terminal_size()
        tiles = fit(len(images), size.columns, max(1, size.lines - SPARE), image=(images.height, images.width), shrink=self.terminal.greys)
        if tiles.pages > 1 or tiles.width > size.columns or tiles.height > size.lines - SPARE:
            return False
        if time.monotonic() < self._due:
            return True
        if size != self._size:  # the terminal has wrapped the lines again, so their places are unknown
            self._size, self._height = size, 0
        lines = [*self._lines(images, tiles), words[: size.columns - 1]]
        frame = HIDE_CURSOR + self._erase(whole=False) + "".join(f"{line}\x1b[K\r\n" for line in lines) + SHOW_CURSOR
        self._begun = True
        self._write(frame)
        self._height = len(lines)
        self._due = time.monotonic() + len(frame) / (REMOTE_RATE if self.terminal.remote else LOCAL_RATE)
        return True

    def _erase(self, whole: bool = True) -> str:
        """Move to the first line of the last frame, and with `whole` clear its lines."""
        up = f"\r\x1b[{self._height}A" if self._height else "\r"
        return up + "\x1b[J" * whole

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def _lines(self, images: Images, tiles: Tiles) -> Iterator[str]:
        shape = images.height, images.width, images.channels
        pictures = [tile_rows(Picture(image, *shape), tiles.size, self._depth, self.terminal.blocks, smooth=False) for image in images]
        for first in range(0, len(pictures), tiles.columns):
            if first and tiles.gap_y:
                yield ""
            for rows in zip(*pictures[first : first + tiles.columns], strict=True):
                yield (" " * tiles.gap_x).join(row_text(row, self.terminal) for row in rows)

    @property
    def _depth(self) -> ColorDepth:
        return self.terminal.color if self.terminal.greys else ColorDepth.NONE


def row_text(row: Row, terminal: Terminal) -> str:
    """A row of cells with the escape sequences of its colours, of which only changes are written."""
    if not terminal.greys:
        return "".join(run.text for run in row)
    output: list[str] = []
    current = ["", ""]  # codes of the foreground and the background
    for segment in segments(row, terminal.color):
        fg, bg = (segment.style.color, segment.style.bgcolor) if segment.style else (None, None)
        codes = [_codes(fg, terminal, True) if segment.text.strip() else "", _codes(bg, terminal, False)]
        changed = [new for new, old in zip(codes, current, strict=True) if new and new != old]
        output.append(f"\x1b[{';'.join(changed)}m{segment.text}" if changed else segment.text)
        current = [new or old for new, old in zip(codes, current, strict=True)]
    return "".join(output) + "\x1b[0m"


def _codes(color: Color | None, terminal: Terminal, foreground: bool) -> str:
    """The parameters of SGR for a colour."""
    return ";".join(color.downgrade(_SYSTEMS[terminal.color]).get_ansi_codes(foreground)) if color else ""
