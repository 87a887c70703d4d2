"""A lock for a file that several processes write to."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT = 0.5
"""Seconds to wait for another process that writes. After that this one writes anyway: at worst it loses a remembered choice."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock beside `path` within the block. Continues without one if the file system has no locks or refuses, or after WAIT seconds."""
    handle = _lock(path.with_name(f".{path.name}.lock"))
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _lock(path: Path) -> int | None:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    until = time.monotonic() + WAIT
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(0.01)
                continue
        except OSError:
            pass
        os.close(handle)
        return None
