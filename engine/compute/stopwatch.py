"""A stopwatch that can be paused."""

from __future__ import annotations

import time


class Stopwatch:
    """Seconds spent on the work itself: what passes while a job is not pulled does not count."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._away = 0.0

    def wall(self) -> float:
        return time.perf_counter() - self._start

    def spent(self) -> float:
        return max(1e-9, self.wall() - self._away)

    def away(self) -> Stopwatch.Away:
        return Stopwatch.Away(self)

    class Away:
        """A `with` around a yield."""

        def __init__(self, watch: Stopwatch) -> None:
            self._watch = watch

        def __enter__(self) -> None:
            self._from = time.perf_counter()

        def __exit__(self, *_: object) -> None:
            self._watch._away += time.perf_counter() - self._from
