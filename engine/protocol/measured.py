"""What was measured of a drawn picture, as far as its condition asks for it, and whether that is what was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.config.condition import ATTRIBUTES, VARIANTS, Condition
from engine.config.condition_text import describe_interval, list_words, with_unit


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one picture. Both are empty for a picture of one flat grey, which has no strokes."""

    attributes: tuple[tuple[str, float], ...] = ()
    """Those that its condition asks for, in its order."""
    variants: tuple[tuple[str, bool], ...] = ()
    """Whether it has the variants that its condition names."""
    missed: tuple[str, ...] = ()
    """The attributes and variants that are not as asked for."""


def compare(condition: Condition, attributes: dict[str, float], variants: dict[str, bool]) -> Measured:
    """What was measured, beside what was asked for. An exact value counts as met within the tolerance of its attribute."""
    missed = [name for name, interval in condition.attributes if attributes.get(name, math.nan) not in interval.widened(ATTRIBUTES[name].tolerance)]
    missed += [name for name, wanted in condition.variants if condition.label in (None, VARIANTS[name]) and variants.get(name) != wanted]
    return Measured(tuple(attributes.items()), tuple(variants.items()), tuple(missed))


def distance(condition: Condition, measured: Measured) -> tuple[int, float]:
    """How far a picture is from what was asked for: wrong variants, then by how many tolerances the attributes miss, in all."""
    away, found = 0.0, dict(measured.attributes)
    for name, interval in condition.attributes:
        if name in measured.missed:
            tolerance = ATTRIBUTES[name].tolerance
            allowed = interval.widened(tolerance)
            away += max(allowed.low - found[name], found[name] - allowed.high) / tolerance if name in found else math.inf
    return sum(name in measured.missed for name, _ in condition.variants), away


def describe_miss(condition: Condition, measured: Measured) -> str:
    """slant 14.2° instead of 20°, not crossed; empty where all is as asked for"""
    found, wanted = dict(measured.attributes), dict(condition.variants)
    words = []
    for name in measured.missed:
        if name in wanted:
            words.append(f"not {name}" if wanted[name] else name)
        else:
            seen = with_unit(name, found[name]) if name in found else "nothing to measure"
            words.append(f"{name} {seen} instead of {describe_interval(name, condition.interval(name))}")
    return list_words(words)


def find_missed(measured: Sequence[Measured | None]) -> list[int]:
    """The places of those pictures that do not show what was asked for."""
    return [place for place, each in enumerate(measured) if each is not None and each.missed]
