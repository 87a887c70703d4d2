"""A network that is told everything: scales that are easy to compute with, every variant and hands."""

from __future__ import annotations

from engine.config.condition import SCORES, VARIANTS, AttributeScales, ConditionConfig, Scale

MEANS = {"thickness": (2.7, 0.7), "slant": (5.0, 14.0), "width": (13.0, 3.0), "length": (43.0, 11.0)}
"""Mean and standard deviation of each attribute, in its units."""


def normal(mean: float, deviation: float) -> Scale:
    return Scale(tuple(mean + deviation * score for score in SCORES))


ONES = normal(5.0, 1.0)
"""How wide ones are."""
TOLD = ConditionConfig(
    tuple(AttributeScales(name, normal(*of), (None, ONES) if name == "width" else ()) for name, of in MEANS.items()), tuple(VARIANTS), hand=3
)
