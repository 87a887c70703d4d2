"""Writers of runs for tests: in forked processes, and on file systems without flock."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable
from contextlib import suppress

from engine.config.compute import ComputeInfo

ENGINE = ComputeInfo("cpu", "bf16", "channels_last")
NO_FLOCK = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def refuses(code: int) -> Callable[..., None]:
    def flock(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return flock


def forked(work: Callable[[], object]) -> int:
    """A process that does this; its number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of 3.12 and later, where a test before this one left a thread
        pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            work()
        os._exit(0)
    return pid
