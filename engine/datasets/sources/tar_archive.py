"""The files in a .tar, .tar.gz, .tar.bz2 or .tar.xz, read in place: nothing is unpacked to the disk. Knows no pictures.

In a compressed archive a file can only be reached through all that lie before it, so its files keep the archive's order, and each process that
reads them decompresses the archive once.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from engine.datasets.sources.arrays import fingerprint
from engine.datasets.sources.container import Listing, is_junk, normalise
from engine.datasets.sources.per_process import PerProcess
from engine.errors import SettingError, StorageError
from engine.formatting import one_line, printable
from engine.storage.atomic import open_regular

MOST_MEMBERS = 5_000_000
LARGEST_HEADER = 1 << 20
"""Bytes of a member's name and attributes."""
LARGEST_UNPACKED = 1 << 32
"""Bytes that any archive may unpack to, beside RATIO times its own. Pictures are compressed already."""
RATIO = 50
OPENERS: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
"""By the bytes that a file begins with."""
ERRORS = (tarfile.TarError, OSError, ValueError, EOFError, OverflowError, MemoryError, RecursionError, zlib.error, lzma.LZMAError)


class Tar:
    """See `container.Container`. Raises SettingError where the file is damaged or no .tar, StorageError where it can't be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream = PerProcess(partial(_unpack, path))
        self._places: dict[str, tuple[int, int]] = {}
        """Where the content of each file begins, and its bytes."""
        self.listing = Listing()
        try:
            packed = path.stat().st_size
            stream = self._stream.get()
        except OSError as error:
            raise StorageError(f"can't read {printable(path)}: {error.strerror or error}") from None
        try:
            self._list(stream, LARGEST_UNPACKED + RATIO * packed)
        except ERRORS as error:
            reason = "it is truncated" if isinstance(error, EOFError) else one_line(error)
            raise SettingError(f"{printable(path)} is damaged, or not a .tar file ({reason})") from None
        finally:
            self._stream.close()

    def read(self, name: str, largest: int) -> bytes:
        place, size = self._places[name]
        if size > largest:
            raise ValueError(f"it is larger than {largest:,} bytes")
        stream = self._stream.get()
        stream.seek(place)
        raw = stream.read(size)
        if len(raw) != size:
            raise ValueError("it is truncated")
        return raw

    def fingerprint(self) -> str:
        return fingerprint([self.path])

    def _list(self, stream: BinaryIO, most: int) -> None:
        outside, links, odd, twice = [], [], [], []
        with tarfile.open(fileobj=cast(Any, _Limited(stream, most)), mode="r:", errorlevel=2) as archive:
            for _ in range(MOST_MEMBERS):
                member = archive.next()
                if member is None:
                    break
                cast(Any, archive).members.clear()  # which would keep a kilobyte of each
                name = normalise(member.name)
                if name is None and member.isdir():
                    continue  # the archive's own folder, ./
                if name is None:
                    outside.append(member.name)
                elif any(is_junk(part) for part in name.split("/")):
                    continue
                elif member.isdir():
                    self.listing.folders.append(name)
                elif member.issym() or member.islnk():
                    links.append(name)
                elif not member.isreg() or member.issparse():
                    odd.append(name)
                else:
                    if name in self._places:
                        twice.append(name)
                    self._places[name] = member.offset_data, member.size
                    self.listing.files[name] = member.size
            else:
                raise ValueError("it has too many members; unpack it, and give the folder")
        if isinstance(stream, io.FileIO):  # not compressed: any order is as quick
            self.listing.files = dict(sorted(self.listing.files.items()))
        else:
            self.listing.files = dict(sorted(self.listing.files.items(), key=lambda item: self._places[item[0]]))
        self.listing.leave_out(outside, "files whose names lead out of the archive")
        self.listing.leave_out(links, "links")
        self.listing.leave_out(odd, "what is not an ordinary file")
        self.listing.leave_out(twice, "all but the last of the files with the same name")


def _unpack(path: Path, stack: ExitStack) -> BinaryIO:
    """The archive as a stream that is not compressed. Raises OSError."""
    file = stack.enter_context(open_regular(path))
    start = file.read(6)
    file.seek(0)
    for magic, opener in OPENERS.items():
        if start.startswith(magic):
            return cast(BinaryIO, stack.enter_context(opener(cast(Any, file))))
    return file


class _Limited:
    """A stream for tarfile, which would read headers and skip files of any length. Raises ValueError beyond the limits."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream, self._most = stream, most

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LARGEST_HEADER:
            raise ValueError("a member's header is too long")
        return self._stream.read(size)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        if whence != os.SEEK_SET or not 0 <= place <= self._most:
            raise ValueError("it unpacks to far more than pictures would; unpack it, and give the folder")
        return self._stream.seek(place)

    def tell(self) -> int:
        return self._stream.tell()
