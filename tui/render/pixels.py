"""Pictures as the escape sequences of three protocols for real pixels: kitty's, iTerm2's and sixel. Pure: knows no terminal."""

from __future__ import annotations

import base64
import io
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from tui.render.cells import Picture
from tui.terminal.graphics import through_tmux

if TYPE_CHECKING:
    from PIL import Image

PNG_SIDE = 280
"""Pixels of the longer side of a picture that the terminal enlarges further: enough to look smooth, in few bytes."""
CHUNK = 4096
"""Characters of base64 in one of kitty's sequences, at most."""
LEVELS = 32
"""Values of each channel in a PNG: more are invisible here and take twice the bytes."""
COLOURS, FEW_COLOURS = 24, 12
"""The numbers of colours in a sixel picture: usually, and over a slow connection."""
_PLACEHOLDER = "\U0010eeee"
_DIACRITICS = """
305 30d-30e 310 312 33d-33f 346 34a-34c 350-352 357 35b 363-36f 483-487 592-595 597-599 59c-5a1 5a8-5a9 5ab-5ac 5af 5c4 610-617 657-65b 65d-65e
6d6-6dc 6df-6e2 6e4 6e7-6e8 6eb-6ec 730 732-733 735-736 73a 73d 73f-741 743 745 747 749-74a 7eb-7f1 7f3 816-819 81b-823 825-827 829-82d 951 953-954
f82-f83 f86-f87 135d-135f 17dd 193a 1a17 1a75-1a7c 1b6b 1b6d-1b73 1cd0-1cd2 1cda-1cdb 1ce0 1dc0-1dc1 1dc3-1dc9 1dcb-1dcc 1dd1-1de6 1dfe 20d0-20d1
20d4-20d7 20db-20dc 20e1 20e7 20e9 20f0 2cef-2cf1 2de0-2dff a66f a67c-a67d a6f0-a6f1 a8e0-a8f1 aab0 aab2-aab3 aab7-aab8 aabe-aabf aac1 fe20-fe26
10a0f 10a38 1d185-1d189 1d1aa-1d1ad 1d242-1d244
"""
"""The characters that stand for the numbers from 0, in kitty's placeholders (its file rowcolumn-diacritics.txt)."""


@cache
def diacritics() -> str:
    """One character for each number that a row or a column may have."""
    bounds = (part.split("-") for part in _DIACRITICS.split())
    return "".join(chr(code) for ends in bounds for code in range(int(ends[0], 16), int(ends[-1], 16) + 1))


# --- the pixels -------------------------------------------------------------------------------------------------------


def enlarge(picture: Picture, width: int, height: int) -> Image.Image:
    """The picture in other proportions, smooth."""
    from PIL import Image

    image = Image.frombytes(picture.mode, (picture.width, picture.height), picture.data)
    return image.resize((width, height), Image.Resampling.BICUBIC)


@lru_cache(maxsize=64)
def png(picture: Picture) -> bytes:
    """The picture enlarged to about PNG_SIDE pixels."""
    times = max(1, PNG_SIDE // max(picture.height, picture.width))
    buffer = io.BytesIO()
    levels = [round(value / 255 * (LEVELS - 1)) * 255 // (LEVELS - 1) for value in range(256)] * picture.channels
    enlarge(picture, picture.width * times, picture.height * times).point(levels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


# --- kitty ------------------------------------------------------------------------------------------------------------


def kitty_place(picture: Picture, columns: int, rows: int) -> str:
    """The picture at the cursor, which moves behind it."""
    return _kitty(png(picture), f"a=T,f=100,q=2,c={columns},r={rows}")


def kitty_send(picture: Picture, number: int, columns: int, rows: int, tmux: bool = False) -> str:
    """Sends the picture without showing it; `kitty_rows` shows it."""
    return _kitty(png(picture), f"a=T,U=1,f=100,q=2,i={number},c={columns},r={rows}", tmux)


def kitty_rows(number: int, columns: int, rows: int) -> list[str]:
    """The text that shows picture `number`, row by row. Each cell says which part it is, so that any of them may be overwritten."""
    numbers = diacritics()
    red, green, blue = number.to_bytes(3, "big")
    start = f"\x1b[0;38;2;{red};{green};{blue}m"
    return [start + "".join(_PLACEHOLDER + numbers[y] + numbers[x] for x in range(columns)) + "\x1b[0m" for y in range(rows)]


def kitty_delete(number: int, tmux: bool = False) -> str:
    """Removes picture `number` from the terminal's memory."""
    sequence = f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"
    return through_tmux(sequence) if tmux else sequence


def _kitty(data: bytes, keys: str, tmux: bool = False) -> str:
    text = base64.b64encode(data).decode()
    chunks = [text[i : i + CHUNK] for i in range(0, len(text), CHUNK)]
    sequences = []
    for i, chunk in enumerate(chunks):
        more = f"m={int(i < len(chunks) - 1)}"
        sequences.append(f"\x1b_G{keys},{more};{chunk}\x1b\\" if i == 0 else f"\x1b_Gq=2,{more};{chunk}\x1b\\")
    return "".join(map(through_tmux, sequences) if tmux else sequences)


# --- iTerm2 -----------------------------------------------------------------------------------------------------------


def iterm2_place(picture: Picture, columns: int, rows: int) -> str:
    """The picture at the cursor, which moves behind it (in WezTerm it stays)."""
    data = png(picture)
    keys = f"inline=1;size={len(data)};width={columns};height={rows};preserveAspectRatio=0;doNotMoveCursor=1"
    return f"\x1b]1337;File={keys}:{base64.b64encode(data).decode()}\x07"


# --- sixel ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def sixel_place(picture: Picture, width: int, height: int, most: int = COLOURS) -> str:
    """The picture at the cursor, in the given size in pixels, with at most the given number of colours."""
    import numpy as np

    image = enlarge(picture, width, height)
    if picture.channels == 1:  # evenly spaced greys
        pixels = np.asarray(image, np.uint16)
        indices = (pixels * (most - 1) + 127) // 255
        colours = [(100 * i // (most - 1),) * 3 for i in range(most)]
    else:
        palette = image.quantize(most)
        indices = np.asarray(palette, np.uint16)
        values = palette.getpalette() or []
        colours = [(values[i] * 100 // 255, values[i + 1] * 100 // 255, values[i + 2] * 100 // 255) for i in range(0, len(values), 3)]
    used = np.unique(indices).tolist()
    registers = "".join(f"#{i};2;{colours[i][0]};{colours[i][1]};{colours[i][2]}" for i in used)
    bands = []
    for top in range(0, height, 6):
        band = indices[top : top + 6]
        weights = (1 << np.arange(len(band), dtype=np.uint8))[:, None]
        lines = []
        for i in np.unique(band).tolist():
            sixels = (((band == i) * weights).sum(0) + 63).astype(np.uint8).tobytes().rstrip(b"?")
            lines.append(f"#{i}{_repeated(sixels)}")
        bands.append("$".join(lines))
    return f'\x1bP0;1q"1;1;{width};{height}{registers}{"-".join(bands)}\x1b\\'


def _repeated(sixels: bytes) -> str:
    """Run-length encode: four or more equal characters become a number and one character."""
    return re.sub(rb"(.)\1{3,}", lambda run: b"!%d%c" % (len(run[0]), run[1][0]), sixels).decode()
