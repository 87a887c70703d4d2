"""When a run reached each step, in wall-clock time. Plain Python, no screen."""

from __future__ import annotations

import time
from bisect import bisect_left

SPACING = 1.0
"""Seconds between the times that are kept; between them the steps are spread evenly."""
DAY = 86_400.0


class StepTimes:
    """Some steps, ascending, and the seconds since 1970 at which each was logged."""

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._times: list[float] = []

    def add(self, step: int, at: float) -> None:
        """Note a step. If it is not after the last one, the run was rewound, and the later steps are dropped."""
        keep = bisect_left(self._steps, step)
        del self._steps[keep:], self._times[keep:]
        if len(self._times) > 1 and at - self._times[-2] < SPACING:
            self._steps.pop()
            self._times.pop()
        self._steps.append(step)
        self._times.append(at)

    def at(self, step: int) -> float | None:
        """When this step was done, about; None before the first time that is known and after the last."""
        right = bisect_left(self._steps, step)
        if right == len(self._steps):
            return None
        if self._steps[right] == step:
            return self._times[right]
        if right == 0:
            return None
        (a, b), (first, last) = self._steps[right - 1 : right + 1], self._times[right - 1 : right + 1]
        return first + (last - first) * (step - a) / (b - a)


def clock_text(at: float, now: float | None = None) -> str:
    """22:41:07, or Nov 26 22:41 if that is more than a day from now."""
    now = time.time() if now is None else now
    return time.strftime("%H:%M:%S" if abs(now - at) < DAY else "%b %d %H:%M", time.localtime(at))
