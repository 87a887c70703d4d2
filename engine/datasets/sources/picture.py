"""Decodes one picture of any origin with Pillow: upright, in mode L, LA, RGB or RGBA. Knows no folders and no archives.

The file may be anybody's. Only formats that Pillow decodes within the process are opened, so EPS, PDF and WMF are refused. Sizes are checked
before pixels are decoded. Of an animation or a file of several pages the first is taken.
"""

from __future__ import annotations

import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from engine.datasets.sources.source import DamagedPictureError
from engine.formatting import one_line

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")
SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".webp", ".bmp"}
    | {".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k"}
)
"""How the names of such files end, in lower case."""
LARGEST_FILE = 1 << 28
"""Bytes of one picture's file."""
MOST_PIXELS = 1 << 27
"""Pixels that are decoded. A large JPEG is decoded at a half, a quarter or an eighth of its size, which must be within this."""
MOST_BUFFERED = 1 << 26
"""Pixels of a JPEG in several scans, which libjpeg holds in memory as a whole, however small it is decoded."""
MOST_SCANNED = 1 << 31
"""Pixels × scans of such a JPEG: each scan of a few bytes passes over all pixels."""
FOREIGN = {
    b"%PDF": "a PDF; save its pictures as PNG or JPEG",
    b"%!PS": "an EPS drawing; save it as PNG",
    b"\xc5\xd0\xd3\xc6": "an EPS drawing; save it as PNG",
    b"\xd7\xcd\xc6\x9a": "a WMF drawing; save it as PNG",
    b"8BPS": "a Photoshop file; save it as PNG",
    b"version https://git-lfs": "not the picture, but a note of Git LFS; run git lfs pull",
    b"<svg": "an SVG drawing; save it as PNG",
    b"<?xml": "an XML file, perhaps an SVG drawing; save it as PNG",
    b"<!DOCTYPE": "a web page, not a picture; download it again",
    b"<html": "a web page, not a picture; download it again",
}
HEIC = (b"heic", b"heix", b"mif1", b"msf1", b"hevc")
WHITES = (255, 65_535, (1 << 32) - 1)
SIGNED_WHITES = (255, 32_767, 65_535, (1 << 31) - 1)
"""What white may be among numbers of 32 bits, or signed ones: the smallest that the picture does not exceed."""
FLOAT_WHITES = (1, *WHITES)
STRIP = 1 << 20
"""Pixels that are scaled at once."""
TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90"}
"""How a picture is turned upright, by the number in its EXIF data (EXIF 2.32, tag 274)."""

SIDEWAYS = ("TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
"""Turns that exchange width and height."""

_silent = threading.Lock()
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else Python prints what Pillow logs on standard error


def decode(raw: bytes, name: str, least: int = 0) -> Image.Image:
    """The picture in the content of a file. `info["animated"]` says whether more pictures follow it in the file, and
    `info["original_size"]` is its upright width and height in the file, where it is decoded at a fraction of them.

    least: see `Source.read`. Raises DamagedPictureError with the name and the reason.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")  # each time, since tests and libraries reset the filters
    try:
        return _decode(raw, least)
    except MemoryError:
        reason = "it needs more memory than there is"
    except Exception as error:  # damaged files make Pillow raise nearly anything
        reason = _explain(raw, error)
    raise DamagedPictureError(name, reason)


def _explain(raw: bytes, error: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if not raw:
        return "the file is empty"
    if isinstance(error, Image.DecompressionBombError):  # its message has the number of pixels
        pixels = "".join(char for char in str(error).partition(" pixels")[0] if char.isdigit())
        return f"it has {int(pixels or 0) or MOST_PIXELS + 1:,} pixels; the most is {MOST_PIXELS:,}"
    if isinstance(error, UnidentifiedImageError):
        start = raw[:64].lstrip(b"\xef\xbb\xbf \r\n\t")
        for magic, what in FOREIGN.items():
            if start[: len(magic)].lower() == magic.lower():
                return f"it is {what}"
        if raw[4:8] == b"ftyp" and raw[8:12] in HEIC:
            return "it is a HEIC picture; save it as JPEG"
        return "it is damaged, or not a picture that can be read (PNG, JPEG, GIF, WebP, BMP, TIFF, PPM, AVIF, JPEG 2000)"
    return one_line(error)


def _decode(raw: bytes, least: int) -> Image.Image:
    """Raises anything."""
    from PIL import Image, JpegImagePlugin

    if raw.startswith(b"\xff\xd8\xff"):  # not by Image.open, which refuses large ones before they can be reduced
        image: Any = JpegImagePlugin.JpegImageFile(io.BytesIO(raw))
        size = image.size
        _reduce(image, raw, least)
    else:
        image = Image.open(io.BytesIO(raw), formats=FORMATS)
        size = image.size
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise ValueError(f"it has {width:,} × {height:,} pixels; the most is {MOST_PIXELS:,} in all")
    if image.format == "TIFF":
        with _silence():
            image.load()
    else:
        image.load()
    plain = _simplify(image)
    turn = TURNS.get(_orientation(image))  # a TIFF is upright already, and says so
    if turn:
        size = (size[1], size[0]) if turn in SIDEWAYS else size
        plain = plain.transpose(Image.Transpose[turn])
    elif plain is image:
        plain = image.copy()  # an Image, without its file
    plain.info = {"animated": _is_animated(image)}
    if size != plain.size:
        plain.info["original_size"] = size
    return plain


@contextmanager
def _silence() -> Iterator[None]:
    """Without standard error, on which libtiff itself prints what is wrong with a file. Other threads lose what they print meanwhile."""
    with _silent:
        try:
            kept = os.dup(2)
        except OSError:  # it is closed
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def _reduce(image: Any, raw: bytes, least: int) -> None:
    """Have a large JPEG decoded at a fraction of its size. Raises ValueError where that would take too much memory or time."""
    width, height = image.size
    pixels = width * height
    if _has_scans(raw):
        if pixels > MOST_BUFFERED:
            raise ValueError(f"it has {width:,} × {height:,} pixels in several scans; the most is {MOST_BUFFERED:,} in all")
        if pixels * raw.count(b"\xff\xda") > MOST_SCANNED:
            raise ValueError("it has more scans than any camera or program writes")
    scale = 1
    while scale < 8 and pixels > MOST_PIXELS * scale**2:
        scale *= 2
    if least > 0:
        scale = max(scale, min(width // least, height // least, 8))
    if scale > 1 and min(width, height) >= scale:
        image.draft(None, (width // scale, height // scale))


def _has_scans(raw: bytes) -> bool:
    """Whether a JPEG's pixels come in several scans: it is progressive, or its first scan has only some of the colours."""
    at, components = 2, 0
    while at + 9 < len(raw) and raw[at] == 0xFF:
        kind = raw[at + 1]
        if kind == 0xFF:  # a fill byte
            at += 1
            continue
        if kind == 0xDA:
            return raw[at + 4] < components
        if kind in (0xC0, 0xC1):
            components = raw[at + 9]
        elif 0xC2 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            return True
        at += 2 + int.from_bytes(raw[at + 2 : at + 4], "big")
    return True  # an odd one: assume the worst


def _simplify(image: Any) -> Image.Image:
    """The picture in mode L, LA, RGB or RGBA. Raises anything."""
    mode: str = image.mode
    if mode[0] in "IF":
        return _scale_numbers(image)
    if "transparency" in image.info and mode not in ("LA", "RGBA"):
        return image.convert("LA" if mode in ("1", "L") else "RGBA")  # type: ignore[no-any-return]
    if mode == "P":
        return image.convert("L" if _is_grey(image.getpalette("RGB")) else "RGB")  # type: ignore[no-any-return]
    if mode == "LAB":
        from PIL import ImageCms

        converted = ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert converted is not None  # None only where the picture itself is changed
        return converted
    wanted = {"1": "L", "La": "LA", "PA": "RGBA", "RGBa": "RGBA", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA"}.get(mode, "RGB")
    return image if mode == wanted else image.convert(wanted)  # type: ignore[no-any-return]


def _is_grey(palette: list[int] | None) -> bool:
    return palette is not None and palette[::3] == palette[1::3] == palette[2::3]


def _scale_numbers(image: Any) -> Image.Image:
    """A picture of 16 or 32 bits a pixel, or of floating-point numbers, in grey: 0 is black, and the largest number that its kind has is white."""
    import numpy as np
    from PIL import Image

    tags = getattr(image, "tag_v2", {})  # of a TIFF
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        white: float = (1 << tags.get(258, (16,))[0]) - 1  # BitsPerSample, since Pillow keeps 12 bits as they are
    elif image.format in ("PNG", "PPM"):
        white = 65_535
    elif image.mode == "F":
        white = _fitting_white(FLOAT_WHITES, values[np.isfinite(values)].max(initial=0))
    elif tags.get(339, (1,))[0] == 1:  # SampleFormat: unsigned
        values = values.view(np.uint32)
        white = _fitting_white(WHITES, values.max())
    else:
        white = _fitting_white(SIGNED_WHITES, values.max())
    grey = np.empty(values.shape, np.uint8)
    rows = max(1, STRIP // max(1, values.shape[1]))
    for first in range(0, len(values), rows):
        strip = np.nan_to_num(values[first : first + rows].astype(np.float64), nan=0, posinf=white, neginf=0)
        grey[first : first + rows] = np.rint(strip.clip(0, white) * (255 / white))
    return Image.fromarray(255 - grey if tags.get(262) == 0 else grey)  # PhotometricInterpretation 0: the largest number is black


def _fitting_white(whites: tuple[int, ...], largest: Any) -> float:
    return next((float(white) for white in whites if largest <= white), float(largest))


def _orientation(image: Any) -> int:
    """The number in the EXIF data; 1 where they are missing or damaged, which is no reason to lose the picture."""
    try:
        return int(image.getexif().get(274, 1))
    except Exception:  # Pillow raises nearly anything
        return 1


def _is_animated(image: Any) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # whatever follows the first picture is damaged
        return False
