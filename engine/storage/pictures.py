"""Reads saved pictures: the recipe in a PNG or a GIF, and the images themselves. The file may be anybody's: sizes are bounded, no code runs."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import PictureError, SettingError
from engine.formatting import one_line, printable
from engine.protocol.recipe import Images, Recipe
from engine.protocol.recipe_values import IS_SWEEP, is_sweep, recipe_from_json, sweep_from_json
from engine.storage.atomic import parse_json, read_small
from engine.storage.images import MODES, MOST_PIXELS, layout_of, sheet_size

if TYPE_CHECKING:
    from PIL import Image

LARGEST = 1 << 27
"""Bytes of a file. A PNG of 100,000 digits has a third of that."""
LARGEST_TEXT = 1 << 22
"""Bytes of a recipe; that of 100,000 images has half of that."""
MOST_CHUNKS = 100_000
MOST_FRAMES = 64
"""Frames of a GIF."""
PNG, GIFS = b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a")
KEYWORD = b"digitty\0"
NOT_OURS = "it holds no digitty recipe"


@dataclass(frozen=True)
class StoredPicture:
    """A PNG or a GIF that digitty wrote."""

    path: Path
    recipe: Recipe
    width: int
    height: int
    animated: bool
    raw: bytes
    """The file's content."""

    def images(self) -> Images:
        """The finished images, as the file has them. Raises PictureError if it is damaged, or is not the sheet that its recipe draws."""
        from PIL import Image

        bombs = Image.DecompressionBombError, Image.DecompressionBombWarning
        data, count = self.recipe.data, len(self.recipe.labels)
        (columns, gap), (across, down) = layout_of(self.recipe), sheet_size(self.recipe)
        scale, rest = divmod(self.width, across)
        if rest or not scale or (self.width, self.height) != (across * scale, down * scale):
            raise PictureError(f"{self.path} is not of the size that its recipe draws; it was cropped or scaled")
        if self.width * self.height > MOST_PIXELS:
            raise PictureError(f"{self.path} has more pixels than can be compared")
        try:
            with Image.open(io.BytesIO(self.raw), formats=["GIF" if self.animated else "PNG"]) as picture:
                _last_frame(picture, (self.width, self.height))
                sheet = picture.convert(MODES[data.channels]).resize((across, down), Image.Resampling.NEAREST)
        except (OSError, EOFError, ValueError, SyntaxError, IndexError, struct.error, zlib.error, *bombs) as error:
            raise PictureError(f"{self.path} is damaged ({one_line(error)})") from None
        corners = ((i % columns * (data.width + gap), i // columns * (data.height + gap)) for i in range(count))
        tiles = (sheet.crop((x, y, x + data.width, y + data.height)).tobytes() for x, y in corners)
        return Images(b"".join(tiles), count, data.height, data.width, data.channels)

    def comparable(self) -> Images | str:
        """The images, or why they can't be compared with a new drawing."""
        if self.animated and self.recipe.data.channels == 3:
            return "a GIF holds too few colours"
        try:
            return self.images()
        except PictureError as error:
            return str(error)


@dataclass(frozen=True)
class StoredSheet:
    """The PNG of a sweep: several drawings with their labels, and the recipes of all of them."""

    path: Path
    axes: tuple[str, ...]
    """What the sweep varies."""
    recipes: tuple[Recipe, ...]
    """Of the drawings, without those that failed."""
    raw: bytes
    """The file's content."""

    def images(self) -> Images:
        """The whole sheet as one image, in grey or in colour. Raises PictureError if it is damaged or too large."""
        from PIL import Image

        bombs = Image.DecompressionBombError, Image.DecompressionBombWarning
        try:
            with Image.open(io.BytesIO(self.raw), formats=["PNG"]) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise PictureError(f"{self.path} has more pixels than can be shown")
                sheet = picture.convert("L" if picture.mode == "L" else "RGB")
        except (OSError, EOFError, ValueError, SyntaxError, struct.error, zlib.error, *bombs) as error:
            raise PictureError(f"{self.path} is damaged ({one_line(error)})") from None
        return Images(sheet.tobytes(), 1, sheet.height, sheet.width, 1 if sheet.mode == "L" else 3)


def load_picture(path: Path) -> StoredPicture:
    """The picture and its recipe. Raises PictureError, which says why there is none."""
    stored = load_any(path)
    if isinstance(stored, StoredSheet):
        raise PictureError(f"can't use {printable(path)}: {IS_SWEEP}")
    return stored


def load_any(path: Path) -> StoredPicture | StoredSheet:
    """A picture with its recipe, or the sheet of a sweep. Raises PictureError, which says why it is neither."""
    try:
        raw = read_small(path, LARGEST)
    except FileNotFoundError:
        raise PictureError(f"no file {printable(path)}") from None
    except OSError as error:
        raise PictureError(f"can't read {printable(path)}: {error.strerror or error}") from None
    try:
        return _parse(path, raw)
    except (SettingError, ValueError, struct.error, TypeError) as error:
        raise PictureError(f"can't use {printable(path)}: {one_line(error, 200)}") from None


def _parse(path: Path, raw: bytes) -> StoredPicture | StoredSheet:
    """Raises ValueError, struct.error or SettingError."""
    if raw.startswith(PNG):
        width, height, text = _read_png(raw)
    elif raw.startswith(GIFS):
        width, height = struct.unpack_from("<HH", raw, 6)
        text = _gif_comment(raw)
    else:
        raise ValueError("it is neither a PNG nor a GIF")
    if not text:
        raise ValueError(NOT_OURS)
    if len(text) > LARGEST_TEXT:
        raise ValueError(f"its text has more than {LARGEST_TEXT:,} bytes, too long for a recipe")
    try:
        values = parse_json(text)
    except ValueError:
        raise ValueError(NOT_OURS) from None
    if is_sweep(values):
        return StoredSheet(path, *sweep_from_json(values), raw)
    return StoredPicture(path, recipe_from_json(values), width, height, not raw.startswith(PNG), raw)


def _read_png(raw: bytes) -> tuple[int, int, bytes]:
    """Width, height, and the text of the chunk `digitty`; empty if there is none. Raises ValueError or struct.error."""
    width = height = 0
    text = b""
    for kind, data in _chunks(raw):
        if kind == b"IHDR":
            width, height = struct.unpack_from(">II", data)
        elif kind == b"tEXt" and data[: len(KEYWORD)] == KEYWORD:
            text = text or bytes(data[len(KEYWORD) :])
    return width, height, text


def _chunks(raw: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The chunks of a PNG, up to its end. Raises ValueError for one that is truncated or damaged."""
    at, view = len(PNG), memoryview(raw)
    for _ in range(MOST_CHUNKS):
        if at + 12 > len(raw):
            raise ValueError("it is truncated")
        length, kind = struct.unpack_from(">I4s", raw, at)
        data = view[at + 8 : at + 8 + length]
        at += 12 + length
        if at > len(raw):
            raise ValueError("it is truncated")
        if kind == b"IEND":
            return
        if zlib.crc32(data, zlib.crc32(kind)) != struct.unpack_from(">I", raw, at - 4)[0]:
            raise ValueError("it is damaged: a checksum does not match")
        yield kind, data
    raise ValueError("it has too many parts")


def _gif_comment(raw: bytes) -> bytes:
    """The first comment of a GIF; empty if there is none before its first image. Raises ValueError or struct.error."""
    flags = raw[10] if len(raw) > 12 else 0
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    for _ in range(MOST_CHUNKS):
        introducer, label = struct.unpack_from("BB", raw, at)
        if introducer != 0x21:  # not an extension
            return b""
        content, at = _sub_blocks(raw, at + 2)
        if label == 0xFE:
            return content
    raise ValueError("it has too many parts")


def _sub_blocks(raw: bytes, at: int) -> tuple[bytes, int]:
    """The content of a GIF's extension, and where it ends. Raises ValueError or struct.error."""
    parts, size = [], 0
    while length := struct.unpack_from("B", raw, at)[0]:
        parts.append(raw[at + 1 : at + 1 + length])
        size += length
        at += 1 + length
        if size > LARGEST_TEXT:
            raise ValueError(f"its text has more than {LARGEST_TEXT:,} bytes, too long for a recipe")
    return b"".join(parts), at + 1


def _last_frame(picture: Image.Image, size: tuple[int, int]) -> None:
    """Decode up to the last frame of an animation, which shows the finished images. Raises ValueError for one that digitty can't have written."""
    from PIL import ImageSequence

    for number, _ in enumerate(ImageSequence.Iterator(picture)):
        if number >= MOST_FRAMES:
            raise ValueError("it has too many frames")
        if picture.size != size:
            raise ValueError("a frame is larger than the picture")
