"""What was asked of a picture as small facts, each of which can be changed step by step, or left out. Plain Python: no tensors, no screen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from engine.config.condition import ATTRIBUTES, VARIANTS, Interval
from engine.config.fields import MAX_SEED
from engine.formatting import printable
from engine.prompt.amounts import HIGHEST_SCORE
from engine.prompt.conditions import DECIMALS
from engine.prompt.levels import LADDERS, level_of
from engine.prompt.phrase import Phrase, Target
from engine.prompt.vocabulary import Vocabulary
from engine.prompt.words import VARIANT_WORDS, hand_words, target_words

STEPS: Mapping[str, float] = {"thickness": 0.25, "slant": 2, "width": 0.5, "length": 2}
"""What one step adds to a value, in the units of ATTRIBUTES."""
SCORE_STEP = 0.25
CLASS, HAND = "class", "hand"
LONGEST_CLASSES = 40
"""Characters of the classes of several pictures."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was asked for."""

    name: str
    """CLASS, an attribute, a variant, or HAND."""
    text: str
    can_step: bool = True
    """Whether `step_fact` can change it."""


@dataclass(frozen=True, slots=True)
class FactGroup:
    """Pictures in a row of which the same is asked, whichever classes they show."""

    places: range
    """Which pictures of the prompt they are."""
    facts: tuple[Fact, ...]


def group_facts(phrases: Sequence[Phrase], vocabulary: Vocabulary) -> tuple[FactGroup, ...]:
    """The facts of several pictures: 1 2 3 · bold, 2 × 7 · thin. What is asked of a group is changed in all of its pictures together."""
    groups, first = [], 0
    for _, found in groupby(phrases, lambda phrase: replace(phrase, label=None)):
        same = [*found]
        own = facts(same[0], vocabulary)
        if len(same) > 1:
            own = (_class_of_several(same, vocabulary), *own[1:])
        groups.append(FactGroup(range(first, first + len(same)), own))
        first += len(same)
    return tuple(groups)


def _class_of_several(phrases: Sequence[Phrase], vocabulary: Vocabulary) -> Fact:
    """2 × 7, or 1 2 3, which no step changes."""
    counted = [(facts(phrase, vocabulary)[0], len([*same])) for phrase, same in groupby(phrases)]
    words = [f"{count} × {fact.text}" if count > 1 else fact.text for fact, count in counted]
    between = " " if vocabulary.is_digits and max(count for _, count in counted) == 1 else ", "
    return Fact(CLASS, printable(between.join(words), LONGEST_CLASSES), len(counted) == 1 and counted[0][0].can_step)


def facts(phrase: Phrase, vocabulary: Vocabulary) -> tuple[Fact, ...]:
    """What is asked of a picture: 7 · bold · leaning left · hand 12. An attribute asked for in two ways has one fact."""
    label = phrase.label
    name = "any" if label is None else vocabulary.name(label) if vocabulary.class_names else "picture"
    found = [Fact(CLASS, name, label is not None and len(vocabulary.class_names) > 1)]
    for attribute in ATTRIBUTES:
        targets = [target for target in phrase.targets if target.attribute == attribute]
        if targets:
            found.append(Fact(attribute, " and ".join(map(target_words, targets))))
    found += [Fact(variant, VARIANT_WORDS[variant, wanted]) for variant, wanted in phrase.variants]
    if phrase.hand:
        found.append(Fact(HAND, hand_words(phrase.hand), phrase.hand.kind in ("number", "answer")))
    return tuple(found)


def step_fact(phrase: Phrase, name: str, by: int, vocabulary: Vocabulary) -> Phrase:
    """The phrase with one fact changed by some steps: the next class, the next level, a quarter of a pixel. At its limit it stays."""
    if name == CLASS:
        return _with_class(phrase, by, vocabulary)
    if name == HAND:
        hand = phrase.hand
        if hand is None or hand.kind not in ("number", "answer"):
            return phrase
        return replace(phrase, hand=hand._replace(number=min(max(hand.number + by, 0), MAX_SEED)))
    variants = dict(phrase.variants)
    if name in variants:  # a step in either direction turns it round
        return phrase if by % 2 == 0 else replace(phrase, variants=tuple((own, wanted is not (own == name)) for own, wanted in phrase.variants))
    target = phrase.target(name)
    return phrase.without(name).with_target(_stepped(target, by)) if target else phrase


def drop_fact(phrase: Phrase, name: str) -> Phrase:
    """The phrase without one fact. The class stays."""
    if name == HAND:
        return replace(phrase, hand=None)
    return replace(phrase.without(name), variants=tuple((own, wanted) for own, wanted in phrase.variants if own != name))


def _with_class(phrase: Phrase, by: int, vocabulary: Vocabulary) -> Phrase:
    """The next class, round and round, without the variants that it can't have."""
    classes = len(vocabulary.class_names)
    if phrase.label is None or not classes:
        return phrase
    label = (phrase.label + by) % classes
    return replace(phrase, label=label, variants=tuple((name, wanted) for name, wanted in phrase.variants if VARIANTS[name] == label))


def _stepped(target: Target, by: int) -> Target:
    """A level becomes the next level of its ladder. Ends of other intervals, and exact values, move."""
    if target.in_units == (target.attribute == "slant") and (found := level_of(target.attribute, target.interval)):
        ladder = LADDERS[target.attribute]
        level, negated = found
        at = len(ladder) // 2 if negated else ladder.index(level)
        return target._replace(interval=ladder[min(max(at + by, 0), len(ladder) - 1)].interval)
    known = ATTRIBUTES[target.attribute]
    low, high = (known.low, known.high) if target.in_units else (-HIGHEST_SCORE, HIGHEST_SCORE)
    step = by * (STEPS[target.attribute] if target.in_units else SCORE_STEP)
    ends = [end for end in (target.interval.low, target.interval.high) if math.isfinite(end)]
    step = min(max(step, low - min(ends)), high - max(ends))  # an interval keeps its size
    if step == 0:
        return target
    moved = (end + step if math.isinf(end) else round(end + step, DECIMALS[known.unit] + 1) for end in (target.interval.low, target.interval.high))
    return target._replace(interval=Interval(*moved))
