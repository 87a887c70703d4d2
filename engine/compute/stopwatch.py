"""A stopwatch that can be paused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Counts from its creation."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._pauses = 0.0

    def wall(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._start

    def spent(self) -> float:
        """Seconds since the start without the pauses; more than 0, so that rates can be taken."""
        return max(1e-9, self.wall() - self._pauses)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Goes around a yield: the time until a job is pulled again is not spent on the work."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._pauses += time.perf_counter() - start
