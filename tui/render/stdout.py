"""Print finished images on standard output: in real pixels where the terminal has them, else by rich-pixels or as characters."""

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
"""Lines of the terminal that the images leave free: for the command, its last line, and the next prompt."""


def print_images(images: Images, color: str = term.AUTO, columns: int | None = None, graphics: str = term.AUTO) -> Tiles:
    """Print the images as large as they fit the terminal, and return their places. If there are too many, they scroll.

    `columns` asks for a number of columns, which is kept where the width allows it.
    """
    terminal, (width, lines) = _terminal(color, graphics), shutil.get_terminal_size()
    size = images.height, images.width
    tiles = fit(len(images), width, max(1, lines - SPARE), image=size, columns=columns, shrink=terminal.greys)
    if _print_in_pixels(images, tiles, terminal):
        return tiles
    if terminal.greys:
        _print_blocks(images, tiles, terminal.color)
    else:
        _print_characters(images, tiles, terminal.blocks)
    return tiles


def _terminal(color: str, graphics: str) -> Terminal:
    """The capabilities of standard output."""
    env = dict(os.environ)
    if not sys.stdout.isatty() and color == term.AUTO:
        env["TERM"] = env.get("TERM") or "xterm-256color" if term.wants_color(env) else "dumb"
    terminal = term.detect(env, color, graphics)
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return terminal if encoding.startswith("utf") else replace(terminal, unicode=False)


def _print_in_pixels(images: Images, tiles: Tiles, terminal: Terminal) -> bool:
    """Print by one of the protocols for real pixels, a row of images at a time; False where there is none."""
    if not terminal.greys or not sys.stdout.isatty() or not (terminal.graphics is None or terminal.graphics.has_pixels):
        return False
    from tui.render.cells import Picture
    from tui.render.painter import Painter
    from tui.terminal.ask import ask_terminal, window_cell
    from tui.terminal.graphics import USUAL_CELL, ask_tmux, choose

    answers, tmux = ask_terminal(os.environ, terminal.remote), ask_tmux(os.environ)
    graphics = terminal.graphics or choose(answers, tmux)
    if not graphics.has_pixels:
        return False
    painter = Painter(graphics, window_cell() or answers.cell or USUAL_CELL, tmux is not None, terminal.remote)
    pictures = [Picture(image, images.height, images.width, images.channels) for image in images]
    for first in range(0, len(pictures), tiles.columns):
        if first and tiles.gap_y:
            sys.stdout.write("\r\n")
        sys.stdout.write(painter.lines(pictures[first : first + tiles.columns], tiles.tile_width, tiles.tile_height, tiles.gap_x))
    sys.stdout.flush()
    return True


def _print_blocks(images: Images, tiles: Tiles, depth: ColorDepth) -> None:
    from rich.console import Console
    from rich_pixels import Pixels

    from tui.render.cells import Picture, greys_for_rich, resize

    rows = -(-tiles.count // tiles.columns)
    sheet = Image.new("RGB", (tiles.width, 2 * (rows * (tiles.tile_height + tiles.gap_y) - tiles.gap_y)))
    for i, image in enumerate(images):
        x, y = tiles.place(i)
        tile = resize(Picture(image, images.height, images.width, images.channels), tiles.size)
        tile = tile.translate(greys_for_rich(depth)) if tile.channels == 1 else tile
        sheet.paste(Image.frombytes(tile.mode, (tile.width, tile.height), tile.data), (x, 2 * y))
    system: Literal["truecolor", "256"] = "truecolor" if depth is ColorDepth.TRUECOLOR else "256"
    console = Console(color_system=system, force_terminal=True, no_color=False, width=max(80, sheet.width), height=sheet.height, highlight=False)
    console.print(Pixels.from_image(sheet), end="")


def _print_characters(images: Images, tiles: Tiles, unicode: bool) -> None:
    from tui.render.cells import Picture, tile_rows

    shape = images.height, images.width, images.channels
    image_rows = [tile_rows(Picture(image, *shape), tiles.size, ColorDepth.NONE, unicode) for image in images]
    for first in range(0, len(image_rows), tiles.columns):
        row = image_rows[first : first + tiles.columns]
        for y in range(len(row[0])):
            click.echo(" ".join("".join(run.text for run in tile[y]) for tile in row).rstrip())
