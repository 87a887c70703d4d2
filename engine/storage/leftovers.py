"""The temporary files of write_atomic: their names, and the removal of those that a killed process or a power cut left behind."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

LONGEST = 50
"""Characters of a file's name that its temporary file repeats."""
_TEMPORARY = re.compile(r"\..*\.digitty-[0-9a-f]{8}\.part", re.DOTALL)


def temporary_name(path: Path) -> Path:
    """A new name beside `path`, which no listing shows and only digitty gives to files."""
    return path.with_name(f".{path.name[:LONGEST]}.digitty-{os.urandom(4).hex()}.part")


@contextmanager
def create_locked(temporary: Path, mode: int) -> Iterator[BinaryIO]:
    """Create a temporary file, and hold a lock on it until it is closed: by that others see that it is still being written. Raises OSError."""
    while True:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            with suppress(OSError):  # some file systems have no locks; there leftovers stay
                fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink or not _is_gone(temporary):
                yield file
                return
        # Another process took it for a leftover before it was locked.


def _is_gone(path: Path) -> bool:
    """File systems such as FUSE's may give every file no link."""
    return not os.path.lexists(path)


@cache
def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files in a folder that no process is writing. Looks only once in each process. Never raises OSError."""
    with suppress(OSError), os.scandir(folder) as files:
        for name in [file.name for file in files if _TEMPORARY.fullmatch(file.name)]:
            with suppress(OSError):
                _remove_unlocked(folder / name)


def _remove_unlocked(path: Path) -> None:
    handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    finally:
        os.close(handle)
