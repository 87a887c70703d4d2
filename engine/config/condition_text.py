"""Conditions in words. Plain Python: knows no weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.config.condition import ATTRIBUTES, Condition, Interval


def describe_condition(condition: Condition, class_name: str = "") -> str:
    """7, thickness 3.5 px, slant 10° or more, crossed, not looped, in a hand: a class, if it has a name, then all that is asked for.

    A caption is shown where it stands alone. Beside attributes and variants it says the same in other words.
    """
    parts = [class_name] if class_name else []
    parts += [f"{name} {describe_interval(name, interval)}" for name, interval in condition.attributes]
    parts += [name if wanted else f"not {name}" for name, wanted in condition.variants]
    if condition.hand is not None:
        parts.append("in a hand")
    if condition.text is not None and not (condition.attributes or condition.variants):
        parts.append(f"“{condition.text}”")
    return ", ".join(parts)


def describe_interval(name: str, interval: Interval) -> str:
    """3.5 px; 3 to 4 px; 10° or more; 3 px or less; any"""
    low, high = interval.low, interval.high
    if low == high:
        return with_unit(name, low)
    if math.isinf(low) and math.isinf(high):
        return "any"
    if math.isinf(high):
        return f"{with_unit(name, low)} or more"
    if math.isinf(low):
        return f"{with_unit(name, high)} or less"
    return f"{number(low)} to {with_unit(name, high)}"


def with_unit(name: str, value: float) -> str:
    """3.5 px, or -20°"""
    unit = ATTRIBUTES[name].unit
    return f"{number(value)}{'' if unit == '°' else ' '}{unit}"


def number(value: float) -> str:
    """3.5, 20, -0.25: without needless digits."""
    return f"{round(value, 2) + 0.0:.6g}"  # + 0.0: no minus before zero


def list_words(words: Sequence[str], last: str = "and") -> str:
    """a, b and c"""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
