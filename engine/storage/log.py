"""digitty's log file, for the tracebacks of internal errors. Opening it never waits, even for a FIFO in its place."""

from __future__ import annotations

import os
import stat
import time
import traceback
from contextlib import suppress
from pathlib import Path

from engine.errors import StorageError
from engine.storage import paths

LARGEST = 1 << 20
"""Bytes; a larger log is renamed to digitty.log.1 before the next entry."""


def log_path() -> Path:
    return paths.log_dir() / "digitty.log"


def open_log() -> int:
    """Open the log for appending, and return the descriptor. Raises StorageError."""
    path = log_path()
    paths.ensure_folder(path.parent)
    with suppress(OSError):
        if path.stat().st_size > LARGEST:
            path.replace(path.with_name(path.name + ".1"))
    return open_to_append(path)


def open_to_append(path: Path) -> int:
    """Open a regular file for appending, create it if necessary, and return the descriptor. Refuses FIFOs and devices. Raises StorageError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(f"can't write {path}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StorageError(f"can't write {path}: it is not a regular file")
    return handle


def write_traceback(error: BaseException) -> Path:
    """Append the traceback of `error` to the log. Returns the path of the log. Raises StorageError."""
    head = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {os.getpid()} unexpected"
    entry = f"{head}\n{''.join(traceback.format_exception(error))}"
    with open(open_log(), "wb", buffering=0) as file:
        rest = memoryview(entry.encode(errors="backslashreplace"))
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as cause:
            raise StorageError(f"can't write {log_path()}: {cause.strerror}") from None
    return log_path()
