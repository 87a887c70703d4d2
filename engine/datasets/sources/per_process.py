"""Keeps a file open in each process that reads a source. Processes that share an open file would move each other's position."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Opens something when a process first needs it. It can be pickled if `open` can, and is then opened again."""

    def __init__(self, open: Callable[[ExitStack], T]) -> None:
        """open: opens it, and puts what is to be closed on the stack."""
        self._open = open
        self._opened: tuple[int, T, ExitStack] | None = None

    def get(self) -> T:
        """What `open` returned in this process. Raises what that raises."""
        if self._opened is None or self._opened[0] != os.getpid():
            self.close()
            with ExitStack() as stack:
                opened = self._open(stack)
                self._opened = os.getpid(), opened, stack.pop_all()
        return self._opened[1]

    def close(self) -> None:
        """Close it. `get` opens it again."""
        if self._opened is not None:
            _, _, stack = self._opened
            self._opened = None
            stack.close()

    def __getstate__(self) -> dict[str, object]:
        return {"_open": self._open, "_opened": None}

    def __del__(self) -> None:
        self.close()
