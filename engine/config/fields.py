"""Checks that the configurations share, and the largest numbers that they admit."""

from __future__ import annotations

import math
import sys
from typing import Any, get_args

from engine.errors import SettingError

MAX_COUNT = 100_000


MAX_BATCH = 60_000


MAX_SEED = 2**63 - 1


def check_within(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingError(f"{name} {value!r} is not a whole number from {low} to {high}")
    if not low <= value <= high:
        raise SettingError(f"{name} {value} is outside {low} to {high}")


def check_finite(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:  # isfinite(10**400) raises
        raise SettingError(f"{name} {repr(value)[:80]} is not a finite number")
    if not low <= value <= high:
        raise SettingError(f"{name} {value:g} is outside {low:g} to {high:g}")


def check_one_of(name: str, value: object, choices: Any) -> None:
    if value not in get_args(choices):
        raise SettingError(f"{name} {value!r} is not one of {', '.join(get_args(choices))}")
