"""Runs generators of events to their end."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")


def finish(work: Generator[Any, None, T]) -> T:
    """What it returns."""
    return finish_with_events(work)[1]


def finish_with_events(work: Generator[Any, None, T]) -> tuple[list[Any], T]:
    """All that it yields, and what it returns."""
    events = []
    while True:
        try:
            events.append(next(work))
        except StopIteration as done:
            value: T = done.value
            return events, value
