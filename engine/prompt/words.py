"""Phrases and conditions in words, in the language that prompts are read in. Plain Python: no tensors, no screen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import groupby

from engine.config.condition import ATTRIBUTES, Condition, ConditionConfig, Interval
from engine.config.data import MNIST
from engine.prompt.changes import Change, ChangePart
from engine.prompt.conditions import to_phrase
from engine.prompt.levels import COMPARATIVES, level_of
from engine.prompt.phrase import Hand, Phrase, Target
from engine.prompt.relative import Shift
from engine.prompt.vocabulary import Vocabulary, vocabulary_for

DOT = " · "
MOST_SHOWN = 4
"""Different phrases that a message shows."""
MOST_CLASSES = 10
"""Different classes in a row that a message shows."""
SHORTEST_ROW = 3
"""Pictures from which on rising values are shown as the first and the last."""
SAME = "", False
"""The step between pictures of which the same is asked."""
OWN_HAND = "its own hand"
MOST_FACTS = 12
"""Facts of a change that a message shows."""
VARIANT_WORDS = {
    ("looped", True): "looped",
    ("looped", False): "unlooped",
    ("closed", True): "closed",
    ("closed", False): "open",
    ("crossed", True): "crossed",
    ("crossed", False): "uncrossed",
    ("with a base", True): "with a base",
    ("with a base", False): "without a base",
}


def words(
    condition: Condition, config: ConditionConfig | None = None, class_names: Sequence[str] = MNIST.class_names, hand: Hand | None = None
) -> str:
    """A prompt that asks for a condition: in levels where its intervals are levels on a network's scales, else in units.

    `hand` is what the condition's hand is called; without it, as with a caption, it is left out.
    """
    phrase = to_phrase(condition, config, hand)
    return prompt_words([phrase if hand else replace(phrase, hand=None)], class_names)


def prompt_words(phrases: Sequence[Phrase], class_names: Sequence[str] = MNIST.class_names) -> str:
    """A prompt that asks for the phrases. It can be read wherever a prompt could have asked for them."""
    vocabulary = vocabulary_for(tuple(class_names))
    written, place = [], 0
    for phrase, same in groupby(phrases):
        count = len([*same])
        place += count
        ends_hand = phrase.hand is not None and (phrase.hand.kind != "one" or phrase.hand not in [other.hand for other in phrases[place:]])
        hand = _hand(phrase, phrases) if phrase.hand and ends_hand else ""
        is_last = all(other.hand for other in phrases[:place])  # a hand at the end is that of all before it that have none
        text = _described(phrase, _called(phrase.label, count, vocabulary), count)
        written.append(f"{text} in {hand}" if hand and is_last else f"in {hand} {text}" if hand else text)
    return ", ".join(written)


def _called(label: int | None, count: int, vocabulary: Vocabulary) -> str:
    """How a class, or several of it, is called where it can be read again."""
    if not vocabulary.class_names:
        return "pictures" if count > 1 else "picture"
    if label is None:
        return "random"
    if vocabulary.is_digits:
        return f"{label}s" if count > 1 else str(label)
    name = vocabulary.class_names[label]
    return name if name.isalpha() and name.islower() else f'"{name}"'


def _described(phrase: Phrase, called: str, count: int) -> str:
    """What is asked of a picture besides its hand: adjectives before the class, the rest behind it."""
    before: list[str] = []
    behind: list[str] = []
    for text, follows in _parts(phrase):
        (behind if follows else before).append(text)
    times = [] if count == 1 else [str(count)] if called.endswith("s") and '"' not in called else [str(count), "x"]
    return " ".join([*times, *before, called, *behind])


def _parts(phrase: Phrase) -> Iterator[tuple[str, bool]]:
    """What is asked of a picture besides its class and its hand, in words, and whether that stands behind the class."""
    for target in phrase.targets:
        text = target_words(target)
        is_number = text.startswith(target.attribute)
        yield text, is_number or text.startswith(("not ", "leaning "))
    for name, wanted in phrase.variants:
        yield VARIANT_WORDS[name, wanted], name == "with a base"


def fact_words(phrase: Phrase, vocabulary: Vocabulary) -> list[str]:
    """What is asked of a picture, as short facts: 7, bold, leaning left, hand 12."""
    label = "any" if phrase.label is None else vocabulary.name(phrase.label) if vocabulary.class_names else "picture"
    hand = [hand_words(phrase.hand)] if phrase.hand else []
    return [label, *(text for text, _ in _parts(phrase)), *hand]


def understood(phrases: Sequence[Phrase], vocabulary: Vocabulary) -> str:
    """What a prompt was understood to ask for: 7 · bold · leaning left, 2 0 2 6 · one hand. At most a few different pictures are shown."""
    hands = [_hand(phrase, phrases) for phrase in phrases]
    parts = list(_alike(phrases, hands, vocabulary))
    shown = [DOT.join([_classes(part, vocabulary), *_facts(part), *filter(None, [hands[place]])]) for place, part in parts[:MOST_SHOWN]]
    return ", ".join(shown + ["…"] * (len(parts) > MOST_SHOWN))


def _alike(phrases: Sequence[Phrase], hands: Sequence[str], vocabulary: Vocabulary) -> Iterator[tuple[int, Sequence[Phrase]]]:
    """Neighbours that one description fits, and the place of the first: of all the same is asked, or the values of one attribute rise or fall."""

    def step(i: int) -> tuple[str, bool] | None:
        """How a picture differs from the one before, besides in its class."""
        one, other = phrases[i - 1], phrases[i]
        same_hand = hands[i - 1] == hands[i] and (one.hand == other.hand or hands[i] == OWN_HAND)
        return _step(one, other) if same_hand and (one.label == other.label or vocabulary.is_digits) else None

    start = 0
    while start < len(phrases):
        end = start + 1
        first = step(end) if end < len(phrases) else None
        while first is not None and end < len(phrases) and step(end) == first:
            end += 1
        if first != SAME and end - start < SHORTEST_ROW:
            end = start + 1
        yield start, phrases[start:end]
        start = end


def _step(one: Phrase, other: Phrase) -> tuple[str, bool] | None:
    """The attribute whose value differs, and whether it rises; SAME where nothing differs, and None where anything else does."""
    if one.variants != other.variants or len(one.targets) != len(other.targets):
        return None
    changed = [(a, b) for a, b in zip(one.targets, other.targets, strict=True) if a != b]
    if not changed:
        return SAME
    (a, b), *more = changed
    if (
        more
        or (a.attribute, a.in_units) != (b.attribute, b.in_units)
        or not (a.interval.low == a.interval.high and b.interval.low == b.interval.high)
    ):
        return None
    return a.attribute, a.interval.low < b.interval.low


def _classes(part: Sequence[Phrase], vocabulary: Vocabulary) -> str:
    """7, 3 × 7, 2 0 2 6"""
    names = [fact_words(Phrase(phrase.label), vocabulary)[0] for phrase in part]
    if len(set(names)) == 1:
        return f"{len(names)} × {names[0]}" if len(names) > 1 else names[0]
    return " ".join(names[:MOST_CLASSES] + ["…"] * (len(names) > MOST_CLASSES))


def _facts(part: Sequence[Phrase]) -> Iterator[str]:
    """What is asked of pictures that are alike, besides class and hand."""
    first, last = part[0], part[-1]
    values = {a: b for a, b in zip(first.targets, last.targets, strict=True) if a != b}
    for target in first.targets:
        if target in values:
            yield _valued(target, f"{_number(target.interval.low)} to {_number(values[target].interval.low)}")
        else:
            yield target_words(target)
    yield from (VARIANT_WORDS[variant] for variant in first.variants)


def target_words(target: Target) -> str:
    """What is asked of an attribute: bold, not bold, leaning far left, thickness 3 to 4 px, slant 20°, width z 0.5."""
    if target.in_units == (target.attribute == "slant") and (found := level_of(target.attribute, target.interval)):
        return f"not {found[0].words}" if found[1] else found[0].words
    return _valued(target, _interval(target.interval))


def _valued(target: Target, values: str) -> str:
    unit = {"px": " px", "°": "°"}[ATTRIBUTES[target.attribute].unit] if target.in_units else ""
    return f"{target.attribute} {'' if target.in_units else 'z '}{values}{unit}"


def _interval(interval: Interval) -> str:
    low, high = interval.low, interval.high
    if math.isinf(high):
        return f"at least {_number(low)}"
    if math.isinf(low):
        return f"at most {_number(high)}"
    return _number(low) if low == high else f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    """The shortest decimals that are read as this number."""
    return f"{Decimal(repr(float(value))):f}".removesuffix(".0")


def _hand(phrase: Phrase, phrases: Sequence[Phrase]) -> str:
    """How the hand of one of several pictures is called: one that no other shares is its own."""
    if phrase.hand is None:
        return ""
    is_shared = sum(other.hand == phrase.hand for other in phrases) > 1
    return hand_words(phrase.hand) if is_shared or phrase.hand.kind != "one" or len(phrases) == 1 else OWN_HAND


def hand_words(hand: Hand) -> str:
    """How a hand is called."""
    answer = f"the hand of answer {hand.number}" if hand.number else "the hand of the last answer"
    return {"number": f"hand {hand.number}", "answer": answer, "one": "one hand", "given": "a given hand"}[hand.kind]


def change_words(change: Change, vocabulary: Vocabulary) -> str:
    """What a change was understood to ask for: last answer · bolder · another hand. At most a few parts and facts are shown."""
    parts = [["last answer", *_part_words(part, vocabulary)] for part in change.parts]
    shown = [DOT.join(facts[:MOST_FACTS] + ["…"] * (len(facts) > MOST_FACTS)) for facts in parts[:MOST_SHOWN]]
    return ", ".join(shown + ["…"] * (len(parts) > MOST_SHOWN))


def _part_words(part: ChangePart, vocabulary: Vocabulary) -> Iterator[str]:
    if part.labels and vocabulary.class_names:
        yield " ".join(vocabulary.name(label) for label in part.labels)
    yield from map(shift_words, part.shifts)
    yield from (text for text, _ in _parts(Phrase(None, part.targets)))
    for target in part.variants:
        yield VARIANT_WORDS[target.name, target.wanted] if target.name else "plain" if target.wanted else "not plain"
    if part.hand or part.other_hand:
        yield hand_words(part.hand) if part.hand else "another hand"


def shift_words(shift: Shift) -> str:
    """A change of one attribute: bolder, more upright, further left."""
    if shift.attribute == "slant":
        return {"up": "further right", "down": "further left", "upright": "more upright", "away": "more slanted"}[shift.toward]
    return next(word for word, (name, side) in COMPARATIVES.items() if name == shift.attribute and side == (1 if shift.toward == "up" else -1))
