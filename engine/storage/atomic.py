"""Write files completely or not at all, with a checksum where nothing else would reveal damage; read small files without waiting."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from engine.errors import DigittyError, OutputError, StorageError
from engine.storage.leftovers import create_locked, remove_leftovers, temporary_name

LARGEST = 1 << 20
"""Bytes of a small file such as a configuration. Those that digitty writes are a hundred times smaller."""

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""Errors that are the disk's fault, whichever file was to be written."""
FREE_SPACE = "free some space or choose another folder"
REMEDIES = {
    errno.EIO: "check the disk or choose another folder",
    errno.EROFS: "choose another folder",
    errno.EACCES: "choose a folder that you can write to",
    errno.EPERM: "choose a folder that you can write to",
    errno.ENOENT: "create its folder, or choose another",
    errno.ENOTDIR: "choose another folder",
    errno.EISDIR: "choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "choose another name",
    errno.EMFILE: "close some files, or raise the limit with ulimit -n",
    errno.ENFILE: "close some files",
}
"""What the user can do about an error; FREE_SPACE for the others."""


def open_regular(path: Path, flags: int = os.O_RDONLY) -> BinaryIO:
    """Open a regular file, unbuffered, with flags of os.open. Refuses a FIFO instead of waiting for it. Raises OSError."""
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
    """Read a regular file of at most `largest` bytes. Refuses a FIFO instead of waiting for it. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        data = b""
        while len(data) <= largest and status.st_size <= largest:  # file.read allocates everything that it is asked for
            wanted = min(status.st_size or LARGEST, largest - len(data)) + 1  # of a file that has grown, the rest
            part = file.read(wanted)
            data = data + part if data else part
            if len(part) < wanted:
                return data
    raise OSError(errno.EFBIG, f"it is larger than {largest:,} bytes", str(path))


def parse_json(data: bytes) -> Any:
    """Parse JSON of any origin. Raises ValueError for anything wrong with it, including nesting that is too deep for Python."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def write_atomic(path: Path, write: Callable[[BinaryIO], object], error: type[DigittyError] = StorageError, follow_links: bool | None = None) -> None:
    """Write to a temporary file beside `path`, fsync it, and rename it to `path`. A failure leaves `path` unchanged and raises `error`.

    An existing file keeps its permissions. OutputError is for files that the user named: there a symbolic link is followed by default,
    and a failing disk still raises StorageError. No temporary file is left behind, even if a signal raises an exception at some line; that of a
    killed process is removed by the next process that writes in its folder.
    """
    if follow_links is None:
        follow_links = issubclass(error, OutputError)
    target = Path(os.path.realpath(path)) if follow_links else path
    temporary = temporary_name(target)  # named before it exists, so that it is always removed
    remove_leftovers(target.parent)
    try:
        mode = _permissions(target)
        with create_locked(temporary, 0o666 if mode is None else mode) as file:
            if mode is not None:
                with suppress(OSError):  # some file systems have no permissions
                    os.fchmod(file.fileno(), mode)
            write(file)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(target)  # while it is locked, so that nobody takes it for a leftover
        sync_folder(target.parent)
    except OSError as cause:
        raise cannot_write(path, cause, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def cannot_write(path: Path, cause: OSError, error: type[DigittyError] = StorageError) -> DigittyError:
    """The `error` to raise when writing failed, with what the user can do; a StorageError if the disk is at fault."""
    kind = StorageError if cause.errno in DISK_ERRORS else error
    return kind(f"can't write {path}: {cause.strerror or cause}; {REMEDIES.get(cause.errno or 0, FREE_SPACE)}")


def _permissions(path: Path) -> int | None:
    """The permissions of a regular file; None if there is none."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return None
    return mode & 0o777 if stat.S_ISREG(mode) else None


def write_text(path: Path, text: str, error: type[DigittyError] = StorageError) -> None:
    """Write text as UTF-8, as `write_atomic` does; what can't be encoded becomes a question mark."""
    write_atomic(path, lambda file: file.write(text.encode(errors="replace")), error)


def write_checksummed(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON object whose last field is the SHA-256 of the others. Raises StorageError."""
    write_text(path, json.dumps({**values, "sha256": _digest(values)}, indent=1))


def read_checksummed(path: Path, largest: int = LARGEST) -> dict[str, Any]:
    """Read what `write_checksummed` wrote, without the digest. Raises OSError, or ValueError if the digest does not match."""
    values = parse_json(read_small(path, largest))
    if not isinstance(values, dict) or values.pop("sha256", None) != _digest(values):
        raise ValueError("it does not match its checksum, so it was damaged or edited by hand")
    return values


class HashingWriter:
    """Passes writes on to a file, and computes the SHA-256 of what was written."""

    def __init__(self, file: BinaryIO) -> None:
        import hashlib

        self._file = file
        self.sha = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.sha.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def as_file(self) -> BinaryIO:
        """This writer as a file, for code that requires one but only writes."""
        return cast(BinaryIO, self)


def _digest(values: Mapping[str, Any]) -> str:
    import hashlib  # takes milliseconds, which `--help` need not spend

    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def remove_tree(path: Path) -> None:
    """Remove whatever is at a path as far as that is possible: a folder and all in it, a link itself, a pipe. Never waits, never raises OSError."""
    import shutil

    with suppress(OSError):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()  # shutil.rmtree opens it first, which waits for ever for a pipe's other end


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, if the file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
