"""Files written whole or not at all, with a digest where nothing else would notice damage; and small files read whatever they may be."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from engine.errors import DigittyError, StorageError

LARGEST = 1 << 20
"""Bytes of a small file, a configuration or a record of a run's owner; those that digitty writes are a hundred times smaller."""


def read_small(path: Path, largest: int = LARGEST) -> bytes:
    """The whole of a regular file of at most `largest` bytes. Never waits, as reading a FIFO would. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        data = b""
        while len(data) <= largest and status.st_size <= largest:  # file.read takes memory for all that it is asked for
            part = file.read(min(max(status.st_size, LARGEST), largest - len(data)) + 1)
            if not part:
                return data
            data += part
    raise OSError(errno.EFBIG, f"it is larger than {largest:,} bytes", str(path))


def parse_json(data: bytes) -> Any:
    """JSON of any origin. Raises ValueError for all that is wrong with it, nesting too deep for Python among it."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def write_whole(path: Path, write: Callable[[BinaryIO], object], error: type[DigittyError] = StorageError) -> None:
    """Write to a temporary file beside `path`, fsync, rename over it. A failure leaves `path` as it was and raises `error`.

    Whatever else ends it (a signal's exception at any line) leaves no temporary file either.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")  # known before it is there, so that it is removed in any case
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as cause:
        raise error(f"can't write {path}: {cause.strerror or cause}; free some room or choose another folder") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, error: type[DigittyError] = StorageError) -> None:
    write_whole(path, lambda file: file.write(text.encode()), error)


def write_sealed(path: Path, values: Mapping[str, Any]) -> None:
    """A JSON object with the SHA-256 of the rest as its last field."""
    write_text(path, json.dumps({**values, "sha256": _digest(values)}, indent=1))


def read_sealed(path: Path) -> dict[str, Any]:
    """What `write_sealed` wrote, without the digest. Raises OSError, and ValueError where the two do not match."""
    values = parse_json(read_small(path))
    if not isinstance(values, dict) or values.pop("sha256", None) != _digest(values):
        raise ValueError("it does not match its digest: it was damaged or changed by hand")
    return values


class Hashing:
    """A file to write to that keeps the SHA-256 of what it was given."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.sha.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def as_file(self) -> BinaryIO:
        """For who asks for a file and only writes."""
        return cast(BinaryIO, self)


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def sync_folder(folder: Path) -> None:
    """Makes the names in it last through a power loss; not every file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
