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

from engine.errors import DigittyError, OutputError, StorageError

LARGEST = 1 << 20
"""Bytes of a small file, a configuration or a record of a run's owner; those that digitty writes are a hundred times smaller."""

DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""Errors that are the disk's fault, whatever was asked for."""
ROOM = "free some room or choose another folder"
REMEDIES = {
    errno.EIO: "check the disk or choose another folder",
    errno.EROFS: "choose another folder",
    errno.EACCES: "choose a folder that you can write to",
    errno.EPERM: "choose a folder that you can write to",
    errno.ENOENT: "make its folder or choose another",
    errno.ENOTDIR: "choose another folder",
    errno.EISDIR: "choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "choose another name",
    errno.EMFILE: "close some files, or raise the limit with ulimit -n",
    errno.ENFILE: "close some files",
}
"""What to do, by error; ROOM for the rest."""


def open_regular(path: Path, flags: int = os.O_RDONLY) -> BinaryIO:
    """A regular file, opened by the flags of os.open, unbuffered. Never waits, as opening a FIFO would. Raises OSError."""
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        access = flags & os.O_ACCMODE
        mode = "rb" if access == os.O_RDONLY else "r+b" if access == os.O_RDWR else "ab" if flags & os.O_APPEND else "wb"
        return cast(BinaryIO, open(handle, mode, buffering=0))
    except BaseException:
        os.close(handle)
        raise


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


def write_atomic(path: Path, write: Callable[[BinaryIO], object], error: type[DigittyError] = StorageError, follow_links: bool | None = None) -> None:
    """Write to a temporary file beside `path`, fsync, rename over it. A failure leaves `path` as it was and raises `error`.

    An existing file keeps its permissions. OutputError is for files that the user named: there a symbolic link is followed by default,
    and a disk that fails raises StorageError all the same. No temporary file is left, whatever ends this (a signal's exception at any line).
    """
    if follow_links is None:
        follow_links = issubclass(error, OutputError)
    target = Path(os.path.realpath(path)) if follow_links else path
    temporary = target.with_name(f".{target.name[:50]}.{os.urandom(4).hex()}.part")  # known before it exists, so that it is always removed
    try:
        mode = _permissions(target)
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, 0o666 if mode is None else mode)) as file:
            if mode is not None:
                with suppress(OSError):  # some file systems have no permissions
                    os.fchmod(file.fileno(), mode)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        sync_folder(target.parent)
    except OSError as cause:
        raise cannot_write(path, cause, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def cannot_write(path: Path, cause: OSError, error: type[DigittyError] = StorageError) -> DigittyError:
    """The `error` to raise where writing failed, with the way out that fits; StorageError where the disk is at fault."""
    kind = StorageError if cause.errno in DISK else error
    return kind(f"can't write {path}: {cause.strerror or cause}; {REMEDIES.get(cause.errno or 0, ROOM)}")


def _permissions(path: Path) -> int | None:
    """Of an existing regular file; None for anything else."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return None
    return mode & 0o777 if stat.S_ISREG(mode) else None


def write_text(path: Path, text: str, error: type[DigittyError] = StorageError) -> None:
    write_atomic(path, lambda file: file.write(text.encode(errors="replace")), error)


def write_checksummed(path: Path, values: Mapping[str, Any]) -> None:
    """A JSON object with the SHA-256 of the rest as its last field."""
    write_text(path, json.dumps({**values, "sha256": _digest(values)}, indent=1))


def read_checksummed(path: Path) -> dict[str, Any]:
    """What `write_sealed` wrote, without the digest. Raises OSError, and ValueError where the two do not match."""
    values = parse_json(read_small(path))
    if not isinstance(values, dict) or values.pop("sha256", None) != _digest(values):
        raise ValueError("it does not match its digest: it was damaged or changed by hand")
    return values


class HashingWriter:
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
