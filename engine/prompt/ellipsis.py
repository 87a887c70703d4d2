"""Digits that are named once and described apart: two threes, one bold and one thin; one bold and two thin eights. No tensors, no screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.prompt.binding import Group
from engine.prompt.grammar import MAX_LABELS, Item
from engine.prompt.hands import HandTarget
from engine.prompt.modifiers import Modifier
from engine.prompt.relative import Again, Shift
from engine.prompt.rows import Sweep
from engine.prompt.tokens import Token, count_at, count_value
from engine.prompt.vocabulary import DIGITS, Kind

_ONE = ("first", "second", "third", "fourth", "fifth", "last", "other", "another", "next", "final")
"""What stands for one of several digits."""
_REST = ("rest", "others", "remaining", "remainder")
_OF_THEM = ("of", "them", "which", "these", "those")
_PASSED = (Kind.FILLER, Kind.SEPARATOR)


@dataclass(slots=True)
class _Part:
    """What is said of some of the digits: how many, or None for the rest."""

    count: int | None
    word: str
    """The word for that; empty for an article."""
    modifiers: list[Modifier] = field(default_factory=list)


def share_noun(modifiers: Sequence[Modifier], rest: Sequence[Token]) -> list[Group] | None:
    """The groups of digits that are named once for several descriptions; None where a prompt has no such form.

    `rest` are the tokens that belong to no modifier, with those that mean nothing.
    """
    named = [at for at, token in enumerate(rest) if token.kind in (Kind.PLURAL, Kind.DIGIT, Kind.CLASS) and token.label is not None]
    if not modifiers or not named or any(isinstance(modifier.meaning, Sweep | Shift | Again) for modifier in modifiers):
        return None
    plurals = [at for at in named if rest[at].kind is Kind.PLURAL]
    if len(plurals) == 1 and rest[plurals[0]].start < modifiers[-1].start:
        return _described_behind(modifiers, rest, plurals[0])
    at = plurals[0] if plurals else named[-1]
    return _described_before(modifiers, rest, at) if len(plurals) < 2 and at == named[-1] else None


def _described_behind(modifiers: Sequence[Modifier], rest: Sequence[Token], at: int) -> list[Group] | None:
    """two threes, one bold and one thin; three 7s: the first bold, the others thin"""
    head = [token for token in rest[:at] if token.kind not in _PASSED]
    if not head or list(count_at(head, 0)) != head:
        return None
    total = count_value(head)
    noun = rest[at]
    parts = _parts([m for m in modifiers if m.start >= noun.end], rest[at + 1 :])
    left = total - sum(part.count or 0 for part in parts or ())
    if parts is None or left < 0 or [part.count for part in parts].count(None) > (left > 0):
        return None
    if left and all(part.count for part in parts):  # two sevens, one bold
        if any(part.word not in DIGITS for part in parts):
            return None
        parts.append(_Part(None, ""))
    elif len(parts) < 2:
        return None
    shared = [m for m in modifiers if m.end <= noun.start]
    return _groups(noun, [(part.count or left, [*shared, *part.modifiers]) for part in parts])


def _described_before(modifiers: Sequence[Modifier], rest: Sequence[Token], at: int) -> list[Group] | None:
    """one bold and two thin eights; a bold and a thin 7"""
    noun = rest[at]
    if any(token.kind not in _PASSED for token in rest[at + 1 :]):
        return None
    parts = _parts([m for m in modifiers if m.end <= noun.start], rest[:at])
    behind = [m for m in modifiers if m.start >= noun.end]
    if parts is None or len(parts) < 2 or any(part.modifiers[0].follows for part in parts):
        return None
    if noun.kind is not Kind.PLURAL and len({part.word for part in parts}) > 1:
        return None
    if any(part.count is None or (part.count != 1 and noun.kind is not Kind.PLURAL) for part in parts):
        return None
    return _groups(noun, [(part.count or 0, [*part.modifiers, *behind]) for part in parts])


def _parts(modifiers: Sequence[Modifier], tokens: Sequence[Token]) -> list[_Part] | None:
    """The parts of a list of descriptions, each with its count or an article; None where there is another word among them."""
    words: list[Token | Modifier] = sorted([*modifiers, *tokens], key=lambda word: word.start)
    parts: list[_Part] = []
    begins = True  # whether an article begins a part here
    for k, word in enumerate(words):
        if isinstance(word, Modifier):
            if begins and word.has_article and not (parts and not parts[-1].modifiers):
                parts.append(_Part(1, ""))
            if not parts:
                return None
            parts[-1].modifiers.append(word)
            begins = False
        elif word.text in _ONE or word.text in _REST:
            parts.append(_Part(1 if word.text in _ONE else None, word.text))
        elif word.kind in _PASSED or word.text in _OF_THEM:
            begins = True
        elif count_at([word], 0) and not _has_article(words, k) and _is_described(words[k + 1 :]):
            parts.append(_Part(count_value([word]), word.text))
        else:
            return None
    return parts if parts and all(part.modifiers and part.count != 0 for part in parts) else None


def _is_described(words: Sequence[Token | Modifier]) -> bool:
    """Whether a description stands right behind a count: one bold, one of them bold."""
    after = next((word for word in words if isinstance(word, Modifier) or word.text not in _OF_THEM), None)
    return isinstance(after, Modifier)


def _has_article(words: Sequence[Token | Modifier], at: int) -> bool:
    """Whether an article makes a number the digit itself: a one with a base."""
    before = words[at - 1] if at else None
    return isinstance(before, Token) and before.text in ("a", "an")


def _groups(noun: Token, parts: Sequence[tuple[int, Sequence[Modifier]]]) -> list[Group] | None:
    if sum(count for count, _ in parts) > MAX_LABELS:
        return None
    for_all = [m for _, modifiers in parts for m in modifiers if m.is_for_all or isinstance(m.meaning, HandTarget)]
    return [
        Group([Item([noun.label] * count, noun.start, noun.end)], [*modifiers, *(m for m in for_all if m not in modifiers)])
        for count, modifiers in parts
    ]


def merge_repeated(groups: Sequence[Group], tokens: Sequence[Token]) -> list[Group]:
    """The groups without those that only describe a digit that is named before: a 2 and a 5, the 2 bold and the 5 thin."""
    merged: list[Group] = []
    for group in groups:
        labels = [label for item in group.items for label in item.labels]
        before = max((token for token in tokens if token.end <= group.items[0].start), key=lambda token: token.end, default=None)
        earlier = [other for other in merged if [label for item in other.items for label in item.labels] == labels]
        if before and before.text == "the" and len(labels) == len(earlier) == 1 and group.modifiers:
            earlier[0].modifiers += group.modifiers
        else:
            merged.append(group)
    return merged
