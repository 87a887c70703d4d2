"""Reads arrays of numbers from MATLAB's .mat files of version 5, as SVHN has them. Reads nothing else: no text, no cells, no objects.

Source: "MAT-File Format", MathWorks 2024, chapter 1. An element is a type and a length of 4 bytes each, or of 2 bytes each where up to 4 bytes of
data follow, then its data, padded to 8 bytes. A matrix is an element of elements: flags, dimensions, name and values.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from engine.errors import SettingError
from engine.formatting import printable

if TYPE_CHECKING:
    import numpy.typing as npt

HEADER = 128
"""Bytes before the first element."""
MATRIX, COMPRESSED = 14, 15
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = range(6, 16)
"""double to uint64."""
COMPLEX = 0x0800
LARGEST = 1 << 31
"""Bytes of an array once it is unpacked."""


def parse_mat(raw: bytes, name: str, wanted: frozenset[str]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of these names in the content of a .mat file. Raises SettingError, which names the file."""
    try:
        return dict(_arrays(raw, wanted))
    except (ValueError, TypeError, struct.error, zlib.error, MemoryError, OverflowError):
        raise SettingError(f"{printable(name)} is damaged, or not a .mat file of version 5; download it again") from None


def _arrays(raw: bytes, wanted: frozenset[str]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Raises ValueError, struct.error or zlib.error."""
    order = {b"IM": "<", b"MI": ">"}.get(raw[126:128])
    if order is None:
        raise ValueError("not a .mat file")
    at = HEADER
    while at < len(raw):
        kind, size = struct.unpack_from(f"{order}II", raw, at)
        body = raw[at + 8 : at + 8 + size]
        at += 8 + size
        if kind == COMPRESSED:
            body = zlib.decompressobj().decompress(body, LARGEST)
            kind, size = struct.unpack_from(f"{order}II", body)
            body = body[8 : 8 + size]
        if len(body) != size:
            raise ValueError("truncated")
        if kind == MATRIX:
            yield from _matrix(body, order, wanted)


def _matrix(raw: bytes, order: str, wanted: frozenset[str]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    import numpy as np

    elements = _elements(raw, order)
    _, flags = next(elements)
    first = struct.unpack_from(f"{order}I", flags)[0]
    _, sizes = next(elements)
    _, name = next(elements)
    text = name.decode("latin-1")
    if text not in wanted:
        return
    if first & 0xFF not in CLASSES or first & COMPLEX:
        raise ValueError("not real numbers")
    kind, values = next(elements)
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
    dtype = np.dtype(TYPES.get(kind, "V")).newbyteorder(order)  # type: ignore[arg-type]
    if dtype.kind == "V" or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(values):
        raise ValueError("sizes that do not match")
    yield text, np.frombuffer(values, dtype).reshape(shape, order="F")


def _elements(raw: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """The type and data of each element. Raises ValueError or struct.error; a caller that asks for more than there are gets ValueError."""
    at = 0
    while at < len(raw):
        kind, size = struct.unpack_from(f"{order}II", raw, at)
        if kind >> 16:  # a small element
            yield kind & 0xFFFF, raw[at + 4 : at + 4 + min(4, kind >> 16)]
            at += 8
        else:
            yield kind, raw[at + 8 : at + 8 + size]
            at += 8 + (size + 7) // 8 * 8
    raise ValueError("truncated")
