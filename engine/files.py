"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from engine.errors import DigittyError, StorageError


def write_whole(path: Path, write: Callable[[BinaryIO], object], error: type[DigittyError] = StorageError) -> None:
    """Write to a temporary file beside `path`, fsync, rename over it. A failure leaves `path` as it was and raises `error`."""
    temporary = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp's 0600 would surprise whoever shares the folder
        temporary.replace(path)
        temporary = None
        _sync_folder(path.parent)
    except OSError as cause:
        raise error(f"can't write {path}: {cause.strerror or cause}; free some room or choose another folder") from None
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


def write_text(path: Path, text: str, error: type[DigittyError] = StorageError) -> None:
    write_whole(path, lambda file: file.write(text.encode()), error)


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself last through a power loss; not every file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
