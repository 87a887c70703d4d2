"""Finished pictures on standard output: rich-pixels where there are greys, characters where there are few colours, none, or no terminal."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from typing import Literal

import click
from PIL import Image

from engine.protocol.recipe import Images
from tui.render.tiles import Tiles, fit
from tui.terminal import capabilities as term
from tui.terminal.capabilities import ColorDepth, Terminal

SPARE = 3
"""Lines of the terminal that a picture leaves: the command, what is said of the picture, and the next prompt."""


def print_images(pictures: Images, color: str = term.AUTO) -> None:
    """As large as fits the terminal, however many there are: what is too much scrolls."""
    terminal, (columns, lines) = _terminal(color), shutil.get_terminal_size()
    tiles = fit(len(pictures), columns, max(1, lines - SPARE), image=(pictures.height, pictures.width), shrink=terminal.greys)
    if terminal.greys:
        _pixels(pictures, tiles, terminal.color)
    else:
        _characters(pictures, tiles, terminal.unicode)


def _terminal(color: str) -> Terminal:
    """What standard output can show."""
    env = dict(os.environ)
    if not sys.stdout.isatty() and color == term.AUTO:
        env["TERM"] = env.get("TERM") or "xterm-256color" if term.wants_color(env) else "dumb"
    terminal = term.detect(env, color)
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return terminal if encoding.startswith("utf") else replace(terminal, unicode=False)


def _pixels(pictures: Images, tiles: Tiles, depth: ColorDepth) -> None:
    from rich.console import Console
    from rich_pixels import Pixels

    from tui.render.cells import Picture, greys_for_rich, resize

    rows = -(-tiles.count // tiles.columns)
    sheet = Image.new("RGB", (tiles.width, 2 * (rows * (tiles.tile_height + tiles.gap_y) - tiles.gap_y)))
    for i, image in enumerate(pictures):
        x, y = tiles.place(i)
        tile = resize(Picture(image, pictures.height, pictures.width, pictures.channels), tiles.size)
        tile = tile.translate(greys_for_rich(depth)) if tile.channels == 1 else tile
        sheet.paste(Image.frombytes(tile.mode, (tile.width, tile.height), tile.data), (x, 2 * y))
    system: Literal["truecolor", "256"] = "truecolor" if depth is ColorDepth.TRUECOLOR else "256"
    console = Console(color_system=system, force_terminal=True, no_color=False, width=max(80, sheet.width), height=sheet.height, highlight=False)
    console.print(Pixels.from_image(sheet), end="")


def _characters(pictures: Images, tiles: Tiles, unicode: bool) -> None:
    from tui.render.cells import Picture, tile_rows

    shape = pictures.height, pictures.width, pictures.channels
    drawn = [tile_rows(Picture(image, *shape), tiles.size, ColorDepth.NONE, unicode) for image in pictures]
    for first in range(0, len(drawn), tiles.columns):
        row = drawn[first : first + tiles.columns]
        for y in range(len(row[0])):
            click.echo(" ".join("".join(run.text for run in tile[y]) for tile in row).rstrip())
