"""Reads a file that may be compressed by gzip, bzip2 or xz, up to a limit. Knows nothing of what it holds."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import SettingError, StorageError
from engine.formatting import one_line, printable
from engine.storage.atomic import read_small

LARGEST = 1 << 31
"""Bytes of a file, also when it is unpacked."""
OPENERS: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
"""By the bytes that a file begins with."""
ENDINGS = ("", ".gz", ".bz2", ".xz")


def read_unpacked(path: Path, largest: int = LARGEST) -> bytes:
    """The content of a file. Raises StorageError where it can't be read, SettingError where it is damaged or too large."""
    try:
        raw = read_small(path, largest)
    except OSError as error:
        raise StorageError(f"can't read {printable(path)}: {error.strerror or error}") from None
    return unpack(raw, str(path), largest)


def unpack(raw: bytes, name: str, largest: int = LARGEST) -> bytes:
    """The content of a file that may be compressed. Raises SettingError, which names it."""
    for magic, opener in OPENERS.items():
        if raw.startswith(magic):
            try:
                with opener(io.BytesIO(raw)) as file:
                    raw = file.read(largest + 1)
            except (OSError, EOFError, ValueError, MemoryError, zlib.error, lzma.LZMAError) as error:
                raise SettingError(f"{printable(name)} is damaged ({one_line(error)}); download it again") from None
            break
    if len(raw) > largest:
        raise SettingError(f"{printable(name)} unpacks to more than {largest:,} bytes")
    return raw
