"""The files in a .zip, read in place: nothing is unpacked to the disk. Knows no pictures."""

from __future__ import annotations

import os
import stat
import zipfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from engine.datasets.sources.arrays import fingerprint
from engine.datasets.sources.container import Listing, is_junk, normalise
from engine.datasets.sources.per_process import PerProcess
from engine.errors import SettingError, StorageError
from engine.formatting import one_line, printable
from engine.storage.atomic import open_regular

LARGEST_DIRECTORY = 1 << 28
"""Bytes of the archive's list of members: two to three million of them. Python holds ten times as much in memory."""
KINDS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
TAIL = (1 << 16) + 22 + 76
"""Bytes at the end of a file that hold the ends of its list of members, with the longest comment."""


class Zip:
    """See `container.Container`. Raises SettingError where the file is damaged or no .zip, StorageError where it can't be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive = PerProcess(partial(_open, path))
        self._members: dict[str, str] = {}
        """Names in the archive by names that are cleaned."""
        self.listing = Listing()
        try:
            self._list(self._archive.get())
        except (zipfile.BadZipFile, ValueError, EOFError, RuntimeError, NotImplementedError, OverflowError, MemoryError) as error:
            raise SettingError(f"{printable(path)} is damaged, or not a .zip file ({one_line(error)})") from None
        except OSError as error:
            raise StorageError(f"can't read {printable(path)}: {error.strerror or error}") from None
        finally:
            self._archive.close()

    def read(self, name: str, largest: int) -> bytes:
        archive = self._archive.get()
        member = archive.getinfo(self._members[name])
        if member.file_size > largest:
            raise ValueError(f"it is larger than {largest:,} bytes")
        with archive.open(member) as file:
            raw = file.read(largest + 1)
            if len(raw) != member.file_size:
                raise ValueError("it is truncated")
            return raw

    def fingerprint(self) -> str:
        return fingerprint([self.path])

    def _list(self, archive: zipfile.ZipFile) -> None:
        outside, links, encrypted, unknown, twice = [], [], [], [], []
        for member in archive.infolist():
            name = normalise(member.filename.replace("\\", "/"))
            if name is None:
                outside.append(member.filename)
            elif any(is_junk(part) for part in name.split("/")):
                continue
            elif member.is_dir():
                self.listing.folders.append(name)
            elif stat.S_ISLNK(member.external_attr >> 16):
                links.append(name)
            elif member.flag_bits & 1:
                encrypted.append(name)
            elif member.compress_type not in KINDS:
                unknown.append(name)
            else:
                if name in self._members:
                    twice.append(name)
                self._members[name] = member.filename
                self.listing.files[name] = member.file_size
        self.listing.files = dict(sorted(self.listing.files.items()))
        self.listing.leave_out(outside, "files whose names lead out of the archive")
        self.listing.leave_out(links, "links")
        self.listing.leave_out(encrypted, "encrypted files; unpack the archive with its password first")
        self.listing.leave_out(unknown, "files compressed in a way that Python does not know")
        self.listing.leave_out(twice, "all but the last of the files with the same name")


def _open(path: Path, stack: ExitStack) -> zipfile.ZipFile:
    """Raises OSError, and what a damaged archive makes zipfile raise."""
    file = stack.enter_context(open_regular(path))
    file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
    _check_directory(file.read(TAIL))
    return stack.enter_context(zipfile.ZipFile(file))


def _check_directory(tail: bytes) -> None:
    """Raises ValueError where the archive's list of members is too long (APPNOTE.TXT 6.3.9, 4.3.14 and 4.3.16)."""
    end, end64 = tail.rfind(b"PK\5\6"), tail.rfind(b"PK\6\6")
    size = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    if size == 0xFFFFFFFF and end64 >= 0:
        size = int.from_bytes(tail[end64 + 40 : end64 + 48], "little")
    if size > LARGEST_DIRECTORY:
        raise ValueError("it has too many members; unpack it, and give the folder")
