"""Finds the fastest of several ways to do the same work, within a budget of seconds. Plain Python: knows no torch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

NEAR = 0.2
"""A likelier candidate may be slower by this share and still be chosen: that much is noise, and a full batch favours it."""
SLOWER = (3.0, 1.5)
"""A candidate this many times slower than the fastest is dropped: after the first size, and after a later one."""
HOPELESS = 5.0
"""A candidate has no second trial if its first one, which also builds kernels, takes this many times longer than the fastest."""
BUILDING = 0.5
"""Seconds that building kernels may take without making a candidate hopeless."""
TURNS = 2
"""Rounds of further trials at the last size. The candidates take turns, so that a machine that slows down slows all of them."""


@dataclass(frozen=True)
class Result(Generic[T]):
    """The outcome of a race."""

    best: T | None
    """The fastest candidate, or an earlier one that is nearly as fast; None if none works."""
    complete: bool
    """Whether there was time for every candidate."""


def race(
    candidates: Sequence[T], trial: Callable[[T, int], float], sizes: Sequence[int], budget: float, clock: Callable[[], float] = time.perf_counter
) -> Generator[T, None, Result[T]]:
    """Finds the fastest candidate. Yields a candidate before each of its trials, so that closing it between trials ends the race.

    `trial` does work of one of the `sizes`, which ascend, and returns the seconds it took, or infinity if it failed. A trial can't be
    interrupted, so all candidates start with the smallest size. Clearly slower ones are dropped there, and the next size follows only
    if its trials are likely to fit into `budget` seconds. Once a candidate works, no trial begins after the budget is spent.
    """
    end = clock() + budget
    field, complete = list(candidates), True
    times, reached = dict[T, float](), sizes[0]
    for step, size in enumerate(sizes):
        if step and (len(field) == 1 or clock() + _cost(field, times, size / reached) > end):
            break
        now: dict[T, float] = {}
        for candidate in field:
            for _ in range(2):
                best = min(now.values(), default=math.inf)
                if clock() > end and best < math.inf:
                    complete = complete and step > 0
                    break
                yield candidate
                now[candidate] = trial(candidate, size)  # the first trial also builds kernels and allocates memory: the second counts
                if math.isinf(now[candidate]) or now[candidate] > BUILDING + HOPELESS * best:
                    break
        fastest = min(now.values())
        if math.isinf(fastest):
            break
        times, reached = now, size
        field = [candidate for candidate in field if times.get(candidate, math.inf) <= SLOWER[min(step, 1)] * fastest]
    yield from _take_turns(field, times, lambda candidate: trial(candidate, reached), lambda seconds: clock() + seconds <= end)
    limit = min(times.values(), default=math.inf) * (1 + NEAR)
    return Result(next((candidate for candidate in field if candidate in times and times[candidate] <= limit), None), complete)


def _take_turns(field: Sequence[T], times: dict[T, float], trial: Callable[[T], float], fits: Callable[[float], bool]) -> Iterator[T]:
    """Repeats the trials of several candidates while they fit into the budget, and keeps the shorter times."""
    for _ in range(TURNS if len(field) > 1 else 0):
        for candidate in field:
            if not fits(times.get(candidate, math.inf)):
                return
            yield candidate
            times[candidate] = min(times[candidate], trial(candidate))


def _cost(field: Sequence[T], times: dict[T, float], growth: float) -> float:
    """The likely seconds of two trials of each candidate at a size that is `growth` times larger."""
    return 2 * growth * sum(times[candidate] for candidate in field)
