"""Rows of pictures that differ in one attribute alone: what does slant do? Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config.condition import ATTRIBUTES, Condition, ConditionConfig, Interval
from engine.prompt.conditions import DECIMALS, value_of

ROWS = (-1.6, -0.8, 0.0, 0.8, 1.6)
"""Normal scores of the values: from what few people write to what few write."""


def told_attributes(told: ConditionConfig | None) -> Sequence[str]:
    """The attributes that a network is told, in the order of ATTRIBUTES."""
    return [name for name in ATTRIBUTES if told and told.scales_of(name)]


def row_conditions(told: ConditionConfig, attribute: str, label: int | None) -> tuple[Condition, ...]:
    """The conditions of one class with each of the values, rising. What is within a class is compared with that class."""
    decimals, known = DECIMALS[ATTRIBUTES[attribute].unit] - 1, ATTRIBUTES[attribute]
    values = [min(max(round(value_of(told, attribute, label, score), decimals), known.low), known.high) for score in ROWS]
    return tuple(Condition(label, ((attribute, Interval(value, value)),)) for value in values)
