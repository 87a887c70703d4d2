"""Whether what is asked of a picture makes sense, and whether a network can be told it. Plain Python: reads nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.config.condition import ATTRIBUTES, VARIANTS, Condition, ConditionConfig, Interval
from engine.config.condition_text import describe_interval, list_words, with_unit
from engine.errors import SettingError

LONGEST_TEXT = 400
"""Characters of a caption."""


def check_conditions(conditions: Sequence[Condition] | None, labels: Sequence[int | None]) -> tuple[Condition, ...] | None:
    """The conditions of pictures with these labels; None where they ask for nothing but the labels. Raises SettingError."""
    if conditions is None:
        return None
    if tuple(condition.label for condition in conditions) != tuple(labels):
        raise SettingError(f"{len(conditions)} conditions do not match the labels of {len(labels)} images")
    for condition in dict.fromkeys(conditions):
        check_condition(condition)
    return None if all(condition.is_plain for condition in conditions) else tuple(conditions)


def check_condition(condition: Condition) -> None:
    """Raises SettingError for values that no stroke has, for variants of another digit, and for variants that exclude each other."""
    for name, interval in condition.attributes:
        check_interval(name, interval)
    wanted = [name for name, is_wanted in condition.variants if is_wanted]
    for name in wanted:
        if condition.label not in (None, VARIANTS[name]):
            raise SettingError(f"a {condition.label} can't be {name}; only a {VARIANTS[name]} can")
    if len(wanted) > 1:
        digits = (f"{name} (only a {VARIANTS[name]} can be)" for name in wanted)
        raise SettingError(f"no picture can be both {' and '.join(digits)}; ask for one of them")
    if condition.text is not None and not 0 < len(condition.text) <= LONGEST_TEXT:
        raise SettingError(f"a caption of {len(condition.text)} characters is outside 1 to {LONGEST_TEXT}")
    if condition.text is not None and not condition.text.isprintable():
        raise SettingError("a caption has line breaks or control characters; leave them out")


def check_interval(name: str, interval: Interval) -> None:
    """Raises SettingError for an end that is outside the values of the attribute."""
    known = ATTRIBUTES[name]
    for end in (interval.low, interval.high):
        if not math.isinf(end) and not known.low <= end <= known.high:
            raise SettingError(f"{name} {with_unit(name, end)} is outside {describe_interval(name, Interval(known.low, known.high))}")


def untold_parts(condition: Condition, config: ConditionConfig | None) -> list[str]:
    """What the condition asks for beyond what such a network is told, in words; None: a network that is told classes alone."""
    config = config or ConditionConfig()
    parts = [name for name, _ in condition.attributes if config.scales_of(name) is None]
    parts += [name for name, _ in condition.variants if name not in config.variants]
    if condition.hand is not None and not config.hand:
        parts.append("a hand")
    elif isinstance(condition.hand, tuple) and len(condition.hand) != config.hand:
        parts.append(f"a hand of {len(condition.hand)} numbers")
    if condition.text is not None and not config.text:
        parts.append("words")
    return parts


def told_parts(config: ConditionConfig) -> str:
    """thickness, slant and crossed: what such a network can be told."""
    parts = [*(scales.name for scales in config.scales), *config.variants]
    return list_words([*parts, *(["a hand"] if config.hand else []), *(["words"] if config.text else [])])
