"""Runs a generator of events to its end."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")


def finish(work: Generator[Any, None, T]) -> T:
    """What it returns."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            value: T = done.value
            return value
