"""Places pictures on the screen by the protocol that its terminal has."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from textual.geometry import Region

from tui.render import pixels
from tui.render.cells import Picture
from tui.terminal.graphics import USUAL_CELL, Graphics
from tui.terminal.pixel_layer import Placement

_numbers = itertools.count(secrets.randbelow(1 << 23) + 256)
"""kitty's numbers for pictures, in 24 bits, so that other programs in the same terminal hardly use the same ones."""


@dataclass(frozen=True, slots=True)
class Painter:
    """How to send pictures."""

    graphics: Graphics
    cell: tuple[int, int] = USUAL_CELL
    """Width and height of a cell in pixels."""
    tmux: bool = False
    """Whether tmux runs inside this terminal."""
    remote: bool = False
    """Whether the connection is slow, so that bytes are expensive."""

    def place(self, region: Region, picture: Picture) -> Placement:
        """The picture in the cells of a region of the screen."""
        content = (self, picture)
        if self.graphics is Graphics.KITTY:
            number = _number(region, picture)
            return Placement(region, content, lambda: self._kitty(region, picture, number), lambda: pixels.kitty_delete(number, self.tmux))
        return Placement(region, content, lambda: _move(region.x, region.y) + self._at_cursor(region, picture))

    def lines(self, pictures: Sequence[Picture], columns: int, rows: int, gap: int) -> str:
        """Pictures side by side from the start of the current line, each `columns` by `rows` cells. The cursor ends on the line below."""
        if self.graphics is Graphics.KITTY and self.tmux:
            numbers = [next(_numbers) % (1 << 24) for _ in pictures]
            sent = "".join(pixels.kitty_send(picture, number, columns, rows, True) for picture, number in zip(pictures, numbers, strict=True))
            texts = zip(*(pixels.kitty_rows(number, columns, rows) for number in numbers), strict=True)
            return sent + "".join((" " * gap).join(text) + "\r\n" for text in texts)
        output = ["\r\n" * rows, f"\x1b[{rows}A"]  # scrolls first, so that the pictures need not
        for i, picture in enumerate(pictures):
            right = i * (columns + gap)
            output += ["\x1b7", f"\x1b[{right}C" if right else "", self._at_cursor(Region(0, 0, columns, rows), picture), "\x1b8"]
        return "".join([*output, f"\x1b[{rows}B\r"])

    def _at_cursor(self, region: Region, picture: Picture) -> str:
        if self.graphics is Graphics.KITTY:
            return pixels.kitty_place(picture, region.width, region.height)
        if self.graphics is Graphics.ITERM2:
            return pixels.iterm2_place(picture, region.width, region.height)
        width, height = self.cell
        most = pixels.FEW_COLOURS if self.remote else pixels.COLOURS
        return pixels.sixel_place(picture, region.width * width, region.height * height, most)

    def _kitty(self, region: Region, picture: Picture, number: int) -> str:
        rows = pixels.kitty_rows(number, region.width, region.height)
        text = "".join(_move(region.x, y) + row for y, row in enumerate(rows, region.y))
        return pixels.kitty_send(picture, number, region.width, region.height, self.tmux) + text


@lru_cache(maxsize=1024)
def _number(region: Region, picture: Picture) -> int:
    return next(_numbers) % (1 << 24)


def _move(x: int, y: int) -> str:
    return f"\x1b[{y + 1};{x + 1}H"
