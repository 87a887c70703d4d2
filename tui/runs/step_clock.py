"""How long a run had trained when it reached a step, without its pauses and the time between its processes. Plain Python, no screen."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class StepClock:
    """Pairs of a step and the seconds of training before it, in ascending order; between them time is spread evenly over the steps.

    The caller passes in the wall time of each record. A record whose step is not after the last one changes nothing.
    """

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._seconds: list[float] = []
        self._wall: float | None = None
        """The wall time of the last pair; None while nobody trains."""

    def begin(self, step: int, wall: float) -> None:
        """A process starts or resumes training after this step. Later steps of an earlier process are discarded."""
        seconds = self.seconds_at(step)
        keep = bisect_left(self._steps, step)
        del self._steps[keep:], self._seconds[keep:]
        self._steps.append(step)
        self._seconds.append(seconds)
        self._wall = wall

    def advance(self, step: int, wall: float) -> None:
        """The run trained until now and has done this step."""
        if self._wall is None or not self._steps:
            self.begin(step, wall)
        elif step > self._steps[-1]:
            self._steps.append(step)
            self._seconds.append(self._seconds[-1] + max(0.0, wall - self._wall))
            self._wall = wall

    def hold(self, step: int, wall: float) -> None:
        """The run is paused or has ended."""
        self.advance(step, wall)
        self._wall = None

    def seconds_at(self, step: float) -> float:
        """The seconds before this step; before the first pair and after the last one the seconds of that pair."""
        return _interpolate(self._steps, self._seconds, step)

    def step_at(self, seconds: float) -> float:
        """The reverse of `seconds_at`."""
        return _interpolate(self._seconds, self._steps, seconds)


def _interpolate(xs: list[int] | list[float], ys: list[int] | list[float], x: float) -> float:
    """y at x on the line through all pairs, whose xs do not fall; 0 without pairs."""
    if not xs:
        return 0.0
    right = bisect_right(xs, x)
    if right == 0 or right == len(xs):
        return float(ys[min(right, len(xs) - 1)])
    x0, x1, y0, y1 = xs[right - 1], xs[right], ys[right - 1], ys[right]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
