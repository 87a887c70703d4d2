"""Conditions as JSON values, and back. The values may come from any file: they are checked, and nothing in them is trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.config.condition import Condition, Interval
from engine.config.fields import check_finite
from engine.errors import SettingError
from engine.formatting import printable
from engine.protocol.measured import Measured

LONGEST_HAND = 4096
"""Numbers of a hand's code."""
PARTS = ("attributes", "variants", "hand", "text")


def condition_json(condition: Condition) -> dict[str, Any]:
    """What it asks for besides the label; null is an open end. {"attributes": {"width": [9, null]}, "variants": {"crossed": true}}"""
    values: dict[str, Any] = {}
    if condition.attributes:
        values["attributes"] = {name: [_end(interval.low), _end(interval.high)] for name, interval in condition.attributes}
    if condition.variants:
        values["variants"] = dict(condition.variants)
    if condition.code is not None:
        values["hand"] = list(condition.code)
    if condition.text is not None:
        values["text"] = condition.text
    return values


def measured_json(measured: Measured | None) -> dict[str, Any] | None:
    """{"thickness": 3.42, "crossed": true, "missed": []}"""
    if measured is None:
        return None
    return {**{name: round(value, 3) for name, value in measured.attributes}, **dict(measured.variants), "missed": list(measured.missed)}


def condition_from_json(values: object, label: int | None) -> Condition:
    """The reverse of `condition_json`, for an image with this label. Raises SettingError."""
    if not isinstance(values, Mapping):
        raise SettingError("its recipe has a condition that is not a table")
    if unknown := [name for name in values if name not in PARTS]:
        raise SettingError(f"its recipe has a condition with {printable(repr(unknown[0]), 40)}, which this digitty doesn't know; use a newer digitty")
    attributes, variants = (_table(values.get(name, {}), name) for name in PARTS[:2])
    hand, text = values.get("hand"), values.get("text")
    if hand is not None and (not isinstance(hand, list) or len(hand) > LONGEST_HAND):
        raise SettingError("the hand in its recipe is not a list of numbers")
    if text is not None and not isinstance(text, str):
        raise SettingError("the caption in its recipe is not a text")
    intervals = tuple((name, _interval(ends)) for name, ends in attributes.items())
    return Condition(label, intervals, tuple(variants.items()), None if hand is None else tuple(hand), text)


def conditions_json(conditions: Sequence[Condition]) -> dict[str, Any]:
    """The conditions of many images: each that occurs once, and the place of each image's among them."""
    bare = [replace(each, label=None) for each in conditions]
    places = {condition: place for place, condition in enumerate(dict.fromkeys(bare))}
    return {"distinct": [condition_json(condition) for condition in places], "of_image": [places[condition] for condition in bare]}


def conditions_from_json(values: object, labels: Sequence[int | None]) -> tuple[Condition, ...]:
    """The reverse of `conditions_json`. Raises SettingError."""
    distinct, places = (values.get(name) if isinstance(values, Mapping) else None for name in ("distinct", "of_image"))
    if not isinstance(distinct, list) or not isinstance(places, list) or len(places) != len(labels) or len(distinct) > len(places):
        raise SettingError("its recipe has conditions that do not match its labels")
    bare = [condition_from_json(each, None) for each in distinct]
    if any(type(place) is not int or not 0 <= place < len(bare) for place in places):
        raise SettingError("its recipe has conditions that do not match its labels")
    known: dict[tuple[int, int | None], Condition] = {}
    for place, label in zip(places, labels, strict=True):
        if (place, label) not in known:
            known[place, label] = replace(bare[place], label=label)
    return tuple(known[key] for key in zip(places, labels, strict=True))


def _end(value: float) -> float | None:
    return None if math.isinf(value) else value


def _interval(ends: object) -> Interval:
    if not isinstance(ends, list) or len(ends) != 2:
        raise SettingError("its recipe has an interval that is not two numbers")
    for end in ends:
        if end is not None:
            check_finite("interval", end)
    low, high = ends
    return Interval(-math.inf if low is None else low, math.inf if high is None else high)


def _table(values: object, name: str) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise SettingError(f"the {name} in its recipe are not a table")
    return values
