"""The sheet of a sweep: its pictures in rows and columns with the values of the axes beside them, as a PNG that holds all recipes."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.config.sweep import Sweep
from engine.errors import OutputError
from engine.formatting import format_evaluations, printable
from engine.protocol.condition_values import measured_json
from engine.protocol.events import DrawDone
from engine.protocol.recipe import Images
from engine.protocol.recipe_values import SWEEP_FORMAT, recipe_json
from engine.storage.atomic import write_atomic
from engine.storage.images import LARGEST, MODES, check_output_path, columns_for, contact_sheet

if TYPE_CHECKING:
    from PIL import Image, ImageFont

TARGET = 112
"""Pixels that the longer side of an image is enlarged to, if a whole factor allows it: four times for MNIST."""
FONT = 14
LINE = 20
"""Pixels of a line of text."""
GAP = 12
"""Pixels between cells, and around the sheet."""
PAPER, INK, FAINT = 32, 235, 160
"""Greys of the sheet, of its labels, and of the figures below the pictures."""


def measured(done: DrawDone) -> str:
    """12 evaluations, 0.05 s"""
    count = format_evaluations(done.evaluations)
    return f"{count} evaluation{'' if count == '1' else 's'}, {done.seconds:.2f} s"


def sweep_json(sweep: Sweep, cells: Sequence[DrawDone | None]) -> dict[str, Any]:
    """The axes, and of each cell its values, evaluations, seconds and recipe, as JSON values. A cell that failed is null."""

    def cell_json(i: int, done: DrawDone | None) -> dict[str, Any] | None:
        if done is None:
            return None
        figures: dict[str, Any] = {"evaluations": done.evaluations, "seconds": round(done.seconds, 6)}
        if done.measured:
            figures["measured"] = [measured_json(measured) for measured in done.measured]
        return {"caption": sweep.caption(i), **figures, "recipe": recipe_json(done.recipe)}

    axes = [{"name": axis.name, "values": list(axis.values)} for axis in sweep.axes]
    return {"format": SWEEP_FORMAT, "version": 1, "axes": axes, "cells": [cell_json(i, done) for i, done in enumerate(cells)]}


def join_images(images: Images) -> Images:
    """The images of one drawing as one picture: side by side, many in several rows."""
    if len(images) == 1:
        return images
    columns = columns_for(len(images))
    row_bytes, gap = images.width * images.channels, images.channels
    blank_row = bytes(columns * (row_bytes + gap) - gap)
    lines: list[bytes] = []
    for first in range(0, len(images), columns):
        row = [images[i] for i in range(first, min(first + columns, len(images)))]
        lines += [blank_row] if lines else []
        for y in range(images.height):
            line = bytes(gap).join(picture[y * row_bytes : (y + 1) * row_bytes] for picture in row)
            lines.append(line.ljust(len(blank_row), b"\0"))
    return Images(b"".join(lines), 1, len(lines), len(blank_row) // images.channels, images.channels)


def save_sheet(path: Path, title: str, sweep: Sweep, cells: Sequence[DrawDone | None], replace: bool = True) -> None:
    """Write the sheet as a PNG whose text chunk `digitty` holds `sweep_json`. Raises OutputError.

    Without `replace` nothing may exist there, not even a symbolic link, and none is written through.
    """
    check_output_path(path, (".png",), replace)
    data = sheet_png(title, sweep, cells)
    write_atomic(path, lambda file: file.write(data), OutputError, follow_links=replace)


def sheet_png(title: str, sweep: Sweep, cells: Sequence[DrawDone | None]) -> bytes:
    """The bytes of the PNG."""
    from PIL import PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_text("Software", "digitty")
    text.add_text("digitty", json.dumps(sweep_json(sweep, cells)))
    buffer = io.BytesIO()
    _Sheet(title, sweep, cells).draw().save(buffer, "PNG", pnginfo=text, optimize=True)
    return buffer.getvalue()


class _Sheet:
    """The layout of one sheet, in pixels: a title, then rows of cells, each row with its label on the left, each block with its column labels."""

    def __init__(self, title: str, sweep: Sweep, cells: Sequence[DrawDone | None]) -> None:
        from PIL import ImageFont

        self.title, self.sweep, self.cells = printable(title, 300), sweep, cells
        self.font: ImageFont.FreeTypeFont | ImageFont.ImageFont = ImageFont.load_default(FONT)
        self.columns = sweep.columns
        self.rows = -(-len(cells) // self.columns)
        self.scale = self._scale()
        largest = [self._size(done.images) for done in cells if done] or [(TARGET, TARGET)]
        figures = [self._width(measured(done)) for done in cells if done]
        names = [self._width(self._column_label(column)) for column in range(self.columns)]
        self.cell_width = max(*(width for width, _ in largest), *figures, *names, 0)
        self.cell_height = max(height for _, height in largest)
        self.left = max([self._width(self._row_label(row)) for row in range(self.rows)]) + (GAP if len(sweep.axes) > 1 else 0)

    def _width(self, text: str) -> int:
        return round(self.font.getlength(text))

    def _scale(self) -> int:
        """The enlargement, less where the sheet would exceed LARGEST."""
        images = next((done.images for done in self.cells if done), Images(bytes(1), 1, 1, 1))
        across = min(len(images), columns_for(len(images)))
        longest = max(self.columns * (across * (images.width + 1) + GAP), self.rows * (-(-len(images) // across) * (images.height + 1) + 3 * LINE))
        return max(1, min(TARGET // max(images.height, images.width), LARGEST // longest))

    def _size(self, images: Images) -> tuple[int, int]:
        columns = columns_for(len(images))
        rows = -(-len(images) // columns)
        return (columns * (images.width + 1) - 1) * self.scale, (rows * (images.height + 1) - 1) * self.scale

    def _column_label(self, column: int) -> str:
        return self.sweep.labels(column)[-1] if self.sweep.axes else ""

    def _row_label(self, row: int) -> str:
        return ", ".join(self.sweep.labels(row * self.columns)[:-1])

    def draw(self) -> Image.Image:
        from PIL import Image, ImageDraw

        block = self._rows_of_block()
        blocks = -(-self.rows // block)
        row_height = self.cell_height + LINE + GAP
        width = GAP + self.left + self.columns * (self.cell_width + GAP)
        height = GAP + LINE + blocks * LINE + self.rows * row_height + GAP
        width = max(width, 2 * GAP + self._width(self.title))
        colour = any(done and done.images.channels == 3 for done in self.cells)
        sheet = Image.new("RGB" if colour else "L", (width, height), (PAPER,) * 3 if colour else PAPER)
        pen = ImageDraw.Draw(sheet)

        def write(x: int, y: int, text: str, grey: int = INK) -> None:
            pen.text((x, y), text, (grey,) * 3 if colour else grey, self.font)

        write(GAP, GAP, self.title)
        y = GAP + LINE
        for row in range(self.rows):
            if row % block == 0:
                for column in range(self.columns):
                    write(self._x(column), y, self._column_label(column))
                y += LINE
            write(GAP, y + self.cell_height // 2 - LINE // 2, self._row_label(row))
            for column, done in enumerate(self.cells[row * self.columns : (row + 1) * self.columns]):
                if done:
                    sheet.paste(self._picture(done.images).convert(sheet.mode), (self._x(column), y))
                write(self._x(column), y + self.cell_height, measured(done) if done else "not drawn", FAINT)
            y += row_height
        return sheet

    def _rows_of_block(self) -> int:
        """Rows below which the column labels are repeated: those of the middle axis, where there are three."""
        return len(self.sweep.axes[-2].values) if len(self.sweep.axes) > 2 else max(1, self.rows)

    def _x(self, column: int) -> int:
        return GAP + self.left + column * (self.cell_width + GAP)

    def _picture(self, images: Images) -> Image.Image:
        from PIL import Image

        small = contact_sheet(images, columns_for(len(images)), gap=1)
        assert small.mode == MODES[images.channels]
        return small.resize((small.width * self.scale, small.height * self.scale), Image.Resampling.NEAREST)
