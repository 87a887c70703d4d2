"""Phrases -> the conditions that a network is told, with the scales of its training images, and back. Plain Python: no tensors, no screen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from engine.config.condition import ATTRIBUTES, Condition, ConditionConfig, Interval, Scale
from engine.config.hand import HandSource
from engine.errors import PromptError
from engine.prompt.levels import LADDERS
from engine.prompt.phrase import Hand, Phrase, Target, meet

DECIMALS = {"px": 2, "°": 1}
"""Of a value that is computed, by its unit."""
TOLD_CLASSES = "these weights are told only which class to draw, not what it should look like"
NO_HANDS = "these weights are told no handwriting, so it can't be asked for"
Hands = Callable[[Hand], "tuple[float, ...] | HandSource"]
"""The code of a hand that a phrase refers to, or where it is to be read from."""


def check_told(phrase: Phrase, config: ConditionConfig | None) -> None:
    """Raises PromptError for a phrase that asks for more than a network is told, or for values that exclude each other on its scales."""
    if phrase.is_plain:
        return
    if config is None:
        raise PromptError(TOLD_CLASSES)
    for target in phrase.targets:
        _scale(config, target.attribute, phrase.label)
    for name, _ in phrase.variants:
        if name not in config.variants:
            raise PromptError(f"these weights are not told whether a digit is {name}, so it can't be asked for")
    if phrase.hand and not config.hand:
        raise PromptError(NO_HANDS)
    _attributes(phrase, config)


def to_condition(phrase: Phrase, config: ConditionConfig, hands: Hands) -> Condition:
    """The condition that a network is told, in units. Raises PromptError as `check_told` does, and what `hands` raises."""
    check_told(phrase, config)
    hand = None if phrase.hand is None else phrase.hand.code or hands(phrase.hand)
    return Condition(phrase.label, tuple(_attributes(phrase, config).items()), phrase.variants, hand)


def to_phrase(condition: Condition, config: ConditionConfig | None = None, hand: Hand | None = None) -> Phrase:
    """The phrase that asks for a condition: in levels where its intervals are levels on a network's scales, else in units.

    `hand` is what the condition's hand is called; by default it is given as it is. A caption is left out.
    """
    targets = tuple(_target(name, interval, condition.label, config) for name, interval in condition.attributes)
    code = condition.code
    return Phrase(condition.label, targets, condition.variants, None if code is None else hand or Hand("given", code=code))


def in_units(phrase: Phrase, config: ConditionConfig) -> Phrase:
    """The same with exact scores, such as those of a row from thin to bold, as values in units. Levels stay as they are."""
    targets = []
    for target in phrase.targets:
        if target.is_exact and not target.in_units:
            value = round(_in_units(target, phrase.label, config).low, DECIMALS[ATTRIBUTES[target.attribute].unit])
            target = Target(target.attribute, Interval(value, value), True)
        targets.append(target)
    return replace(phrase, targets=tuple(targets))


def value_of(config: ConditionConfig, name: str, label: int | None, score: float) -> float:
    """The value of an attribute with this normal score, in its units. Raises PromptError where a network is not told it."""
    return _scale(config, name, label).value(score)


def score_of(config: ConditionConfig, name: str, label: int | None, value: float) -> float:
    """The normal score of a value. Raises PromptError where a network is not told the attribute."""
    return _scale(config, name, label).score(value)


def _scale(config: ConditionConfig, name: str, label: int | None) -> Scale:
    scales = config.scales_of(name)
    if scales is None:
        raise PromptError(f"these weights are not told {name}, so it can't be asked for")
    return scales.of(label)


def _attributes(phrase: Phrase, config: ConditionConfig) -> dict[str, Interval]:
    """What is asked of each attribute, in units. Raises PromptError where a number and a level exclude each other."""
    found: dict[str, Interval] = {}
    for target in phrase.targets:
        interval = target.interval if target.in_units else _in_units(target, phrase.label, config)
        met = meet(found[target.attribute], interval) if target.attribute in found else interval
        if met is None:
            raise PromptError(f"the two things that it asks of the {target.attribute} exclude each other")
        found[target.attribute] = met
    return found


def _in_units(target: Target, label: int | None, config: ConditionConfig) -> Interval:
    """The interval of a target in scores. Values are cut to those that can be asked for, since a scale goes on beyond its images."""
    attribute = ATTRIBUTES[target.attribute]
    ends = (value_of(config, target.attribute, label, end) for end in (target.interval.low, target.interval.high))
    low, high = (end if math.isinf(end) else round(min(max(end, attribute.low), attribute.high), 6) for end in ends)
    return Interval(low, high)


def _target(name: str, interval: Interval, label: int | None, config: ConditionConfig | None) -> Target:
    attribute = LADDERS[name][0].attribute
    if name != "slant" and config is not None and config.scales_of(name) is not None:
        for level in LADDERS[name]:
            for asked in (level.interval, level.opposite):
                if asked is not None and _in_units(target := Target(attribute, asked, False), label, config) == interval:
                    return target
    return Target(attribute, interval, True)
