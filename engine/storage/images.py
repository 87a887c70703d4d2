"""Pictures of bytes: contact sheets and strips, PNG with the recipe in its metadata, GIF, NPZ. Knows no tensors."""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.config.data import DataSpec
from engine.errors import OutputError
from engine.formatting import printable
from engine.protocol.recipe import Images, Recipe
from engine.protocol.recipe_values import recipe_json
from engine.storage.atomic import cannot_write, parse_json, read_small, write_atomic

if TYPE_CHECKING:
    from PIL import Image

SCALE = 8
"""Enlargement of saved pictures, by nearest neighbour, unless the sheet would exceed LARGEST or MOST_PIXELS."""
LARGEST = 16_384
"""Pixels of a side of a PNG …"""
MOST_PIXELS = 80_000_000
"""… and in all. No more are decoded either: Pillow refuses more than 89 million."""
LARGEST_GIF = 1504
"""Pixels of a side of a GIF, all of whose frames are in memory at once: as many as 64 digits take."""
PALETTE_FRAMES = 8
"""Frames of a GIF by which its colours are chosen, besides the last."""
ENDINGS = (".png", ".npz", ".gif")
MODES = {1: "L", 3: "RGB"}
"""Pillow's mode for each number of channels."""
LONGEST_STRIP = 64
"""Images in a row that `load_strip` accepts."""
CAPTIONS, LONGEST_CAPTION = "captions", 120
"""The text in a strip's PNG that holds the captions of its images, and the most characters of one."""


def contact_sheet(images: Images, columns: int, gap: int = 0) -> Image.Image:
    """The images side by side on black, `columns` a row, as a grey or RGB Pillow image."""
    from PIL import Image

    columns = max(1, min(columns, len(images)))
    rows = -(-len(images) // columns)
    w, h = images.width + gap, images.height + gap
    mode = MODES[images.channels]
    sheet = Image.new(mode, (columns * w - gap, rows * h - gap))
    for i, data in enumerate(images):
        sheet.paste(Image.frombytes(mode, (images.width, images.height), data), (i % columns * w, i // columns * h))
    return sheet


def columns_for(count: int) -> int:
    """A number of columns that looks good: up to five in one row, ten as 2×5, sixteen as 4×4, otherwise nearly square."""
    if count <= 5:
        return max(1, count)
    square = math.ceil(math.sqrt(count))
    return next((c for c in range(square, 2 * math.isqrt(count) + 1) if count % c == 0), square)


def layout_of(recipe: Recipe) -> tuple[int, int]:
    """The columns of the contact sheet in a saved picture, and the pixels between its images, before it is enlarged."""
    count = len(recipe.labels)
    return (count, 0) if recipe.is_one_line else (columns_for(count), 1)


def sheet_size(recipe: Recipe) -> tuple[int, int]:
    """Width and height of that sheet."""
    (columns, gap), data = layout_of(recipe), recipe.data
    return columns * (data.width + gap) - gap, -(-len(recipe.labels) // columns) * (data.height + gap) - gap


def save_drawing(path: Path, recipe: Recipe, images: Images, frames: Sequence[Images], replace: bool = True) -> None:
    """Write a PNG (8×), a GIF of the denoising, or an NPZ with `images` and `labels`, by the ending of `path`. Raises OutputError.

    Without `replace` nothing may exist there, not even a symbolic link, and none is written through.
    """
    suffix = check_output_path(path, replace=replace).suffix.lower()
    write = {".png": _write_png, ".gif": _write_gif, ".npz": _write_npz}[suffix]
    write_atomic(path, lambda file: write(file, recipe, images, frames), OutputError, follow_links=replace)


def check_output_path(path: Path, endings: Sequence[str] = ENDINGS, replace: bool = False) -> Path:
    """The path, if a file with one of these endings can be written there. Raises OutputError, which says what to change.

    An existing file is accepted only with `replace`.
    """
    try:
        return _check_path(path, endings, replace)
    except OSError as error:
        raise cannot_write(path, error, OutputError) from None


def _check_path(path: Path, endings: Sequence[str], replace: bool) -> Path:
    if path.suffix.lower() not in endings:
        raise OutputError(f"{path} must end in {' or '.join([', '.join(endings[:-1]), endings[-1]] if endings[1:] else endings)}")
    if not path.parent.is_dir():
        raise OutputError(f"there is no folder {path.parent}; create it, or choose another")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a file")
    if os.path.lexists(path) and not replace:
        raise OutputError(f"{path} exists; choose another name, or replace it with --force")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is not an ordinary file; choose another name")
    probe = path if path.exists() else path.parent
    if not os.access(probe, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise OutputError(f"{probe} is not writable; choose another folder")
    return path


def _write_png(file: BinaryIO, recipe: Recipe, images: Images, frames: Sequence[Images]) -> None:
    file.write(png_bytes(images, recipe))


def png_bytes(images: Images, recipe: Recipe) -> bytes:
    """An 8× PNG whose text chunk `digitty` holds the recipe."""
    from PIL import Image, PngImagePlugin

    sheet = contact_sheet(images, *layout_of(recipe))
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", "digitty")
    text.add_text("digitty", json.dumps(recipe_json(recipe)))
    buffer = io.BytesIO()
    scale = max(1, min(SCALE, LARGEST // max(sheet.size), math.isqrt(MOST_PIXELS // (sheet.width * sheet.height))))
    sheet.resize((sheet.width * scale, sheet.height * scale), Image.Resampling.NEAREST).save(buffer, "PNG", pnginfo=text, optimize=True)
    return buffer.getvalue()


def _write_gif(file: BinaryIO, recipe: Recipe, images: Images, frames: Sequence[Images]) -> None:
    from PIL import Image

    pictures = [contact_sheet(frame, *layout_of(recipe)) for frame in frames]
    scale = max(1, min(SCALE if len(images) <= 16 else 4, LARGEST_GIF // max(pictures[0].size)))
    if images.channels == 3:
        pictures = with_one_palette(pictures)
    pictures = [p.resize((p.width * scale, p.height * scale), Image.Resampling.NEAREST) for p in pictures]
    each = max(40, min(200, 3000 // len(pictures)))  # milliseconds: about three seconds of denoising, then a pause
    comment = json.dumps(recipe_json(recipe)).encode()
    durations = [each] * (len(pictures) - 1) + [2000]
    more = {"append_images": pictures[1:], "duration": durations, "loop": 0, "comment": comment}
    optimize = images.channels == 3  # Pillow's optimized deltas lose grey levels where nearly all of a palette are in use
    pictures[0].save(file, "GIF", save_all=True, optimize=optimize, **more)


def with_one_palette(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """RGB pictures of one size with one palette of 256 colours, dithered (Floyd and Steinberg 1976), since smooth shading shows bands otherwise.

    Half of what the palette is chosen by is the last picture, which stays on the screen; noise, which has all colours, would take most of it.
    A palette for each picture would make the same colour flicker, and the file larger.
    """
    from PIL import Image

    chosen = [*pictures[:: -(-len(pictures) // PALETTE_FRAMES)]]
    chosen += [pictures[-1]] * len(chosen)
    width, height = pictures[0].size
    all_colours = Image.new("RGB", (width, height * len(chosen)))
    for i, picture in enumerate(chosen):
        all_colours.paste(picture, (0, i * height))
    palette = all_colours.quantize(256, Image.Quantize.FASTOCTREE)
    return [picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for picture in pictures]


def _write_npz(file: BinaryIO, recipe: Recipe, images: Images, frames: Sequence[Images]) -> None:
    import numpy as np

    shape = (images.height, images.width, images.channels)[: 2 if images.channels == 1 else 3]
    pixels = np.frombuffer(images.data, np.uint8).reshape(len(images), *shape)
    labels = np.array([-1 if label is None else label for label in recipe.labels], np.int64)
    text = np.array(json.dumps(recipe_json(recipe)))
    np.savez_compressed(file, images=pixels, labels=labels, recipe=text)


def save_strip(path: Path, images: Images, captions: Sequence[str] = ()) -> None:
    """Write the images in one row, not enlarged: a run's preview, with its captions as text. Raises StorageError."""
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    if captions:
        text.add_text(CAPTIONS, json.dumps(list(captions)))
    write_atomic(path, lambda file: contact_sheet(images, len(images)).save(file, "PNG", pnginfo=text))


def load_captions(path: Path) -> tuple[str, ...]:
    """The captions of a strip; none where it has none, or is damaged."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(read_small(path)), formats=["PNG"]) as image:
            captions = parse_json(str(image.info[CAPTIONS]).encode())
    except (KeyError, OSError, EOFError, ValueError, SyntaxError, struct.error, zlib.error, Image.DecompressionBombError):
        return ()
    whole = isinstance(captions, list) and len(captions) <= LONGEST_STRIP and all(isinstance(each, str) for each in captions)
    return tuple(printable(each, LONGEST_CAPTION) for each in captions) if whole else ()


def load_strip(path: Path, data: DataSpec) -> Images | None:
    """The reverse of `save_strip`, for images of this data set; None where the file holds no such strip, or is damaged."""
    from PIL import Image

    try:
        raw = read_small(path)
        with Image.open(io.BytesIO(raw), formats=["PNG"]) as image:
            image.verify()  # checks the checksums, which decoding does not
        with Image.open(io.BytesIO(raw), formats=["PNG"]) as image:
            count, rest = divmod(image.width, data.width)
            if image.mode != MODES[data.channels] or image.height != data.height or not 1 <= count <= LONGEST_STRIP or rest:
                return None
            tiles = (image.crop((i * data.width, 0, (i + 1) * data.width, data.height)) for i in range(count))
            return Images(b"".join(tile.tobytes() for tile in tiles), count, data.height, data.width, data.channels)
    except (OSError, EOFError, ValueError, SyntaxError, struct.error, zlib.error, Image.DecompressionBombError):
        return None
