"""A lock that one process holds while it prepares a data set. The system frees it when that process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from engine.storage import paths


class PrepareLock:
    """A lock on a file that stays. Where the file system has no locks, it is always free: at worst two processes then do the same work."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Takes the lock if it is free, and says whether this process has it. Raises StorageError if the folder of locks can't be created."""
        if self._handle is None:
            paths.ensure_folder(self._path.parent)
            try:
                self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
            except OSError:
                return True
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
