"""Groups of digits and what describes them -> a phrase for each picture, or a change of the last answer. Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from engine.config.condition import VARIANTS, Interval
from engine.prompt.binding import Group
from engine.prompt.changes import Change, ChangePart
from engine.prompt.faults import ParseError, quote
from engine.prompt.grammar import MAX_LABELS
from engine.prompt.hands import HandTarget
from engine.prompt.modifiers import Modifier
from engine.prompt.phrase import Contradiction, Hand, Phrase, Target
from engine.prompt.relative import Again, Shift
from engine.prompt.rows import Sweep
from engine.prompt.variant_words import VariantTarget, variants_for
from engine.prompt.vocabulary import Vocabulary

M = TypeVar("M", Target, VariantTarget, HandTarget, Sweep, Shift, Again)
IN_A_ROW = 5
"""Pictures of "eights from thin to bold", where no count is named."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """What a prompt asks of each picture; a label of None is drawn when the whole prompt has been read."""

    phrases: tuple[Phrase, ...]
    is_row: bool = False
    """Whether the prompt is one row of values of one class, whose pictures are compared best over the same noise.

    Other classes look different anyway, and pictures of the same noise can only be redrawn together, which seldom brings all to their values.
    """


def make_phrases(text: str, groups: Sequence[Group], vocabulary: Vocabulary) -> Phrases | Change:
    """The phrases, or the change that the groups ask for. Raises ParseError for what contradicts itself or is impossible."""
    modifiers = [modifier for group in groups for modifier in group.modifiers]
    if not groups[0].items or any(isinstance(modifier.meaning, Shift | Again) for modifier in modifiers):
        return _change(text, groups, vocabulary)
    hands = _Hands(text)
    phrases: list[Phrase] = []
    for group in groups:
        own = _phrases(text, group, vocabulary)
        if len(phrases) + len(own) > MAX_LABELS:
            raise ParseError(f"that is too much: a prompt draws at most {MAX_LABELS} pictures")
        phrases += hands.give(own, group)
    has_row = len(groups) == 1 and any(isinstance(modifier.meaning, Sweep) for modifier in modifiers)
    return Phrases(tuple(phrases), has_row and len({phrase.label for phrase in phrases}) == 1)


def _phrases(text: str, group: Group, vocabulary: Vocabulary) -> list[Phrase]:
    """The phrases of one group, without their hand."""
    labels = [label for item in group.items for label in item.labels]
    rows = _of_kind(group.modifiers, Sweep)
    if len(labels) == 1:
        hands = max([1, *(target.number for _, target in _of_kind(group.modifiers, HandTarget) if target.kind == "each")])
        labels *= IN_A_ROW if rows else min(hands, MAX_LABELS + 1)  # which is too many already
    if len(labels) > MAX_LABELS:
        raise ParseError(f"that is too much: a prompt draws at most {MAX_LABELS} pictures")
    _check_variants(text, group.modifiers, labels, vocabulary)
    phrases = []
    for k, label in enumerate(labels):
        phrase = _described(text, _chosen(label, group.modifiers, vocabulary), group.modifiers, vocabulary)
        for _, row in rows:
            value = round(row.first + (row.last - row.first) * k / max(len(labels) - 1, 1), 1 if row.attribute == "slant" and row.in_units else 2)
            phrase = phrase.without(row.attribute).with_target(Target(row.attribute, Interval(value, value), row.in_units))
        phrases.append(phrase)
    return phrases


def _described(text: str, phrase: Phrase, modifiers: Sequence[Modifier], vocabulary: Vocabulary) -> Phrase:
    """The phrase with the targets and variants of the modifiers. Raises ParseError where two exclude each other."""
    done: list[Modifier] = []
    for modifier in modifiers:
        meaning = modifier.meaning
        try:
            if isinstance(meaning, Target):
                phrase = phrase.with_target(meaning)
            elif isinstance(meaning, VariantTarget):
                for name, wanted in variants_for(meaning, digit_of(phrase.label, vocabulary)):
                    phrase = phrase.with_variant(name, wanted)
        except Contradiction:
            other = next((m for m in done if _is_about(m, modifier)), modifier)
            first, second = sorted((other, modifier), key=lambda m: m.start)
            why = f"{_quoted(text, first)} and {_quoted(text, second)} exclude each other"
            raise ParseError(why, f"{text[: second.start]} {text[second.end :]}") from None
        done.append(modifier)
    return phrase


def _is_about(one: Modifier, other: Modifier) -> bool:
    """Whether both describe the same attribute in the same form, or a variant."""
    if isinstance(one.meaning, Target) and isinstance(other.meaning, Target):
        return one.meaning.attribute == other.meaning.attribute and one.meaning.in_units == other.meaning.in_units
    return isinstance(one.meaning, VariantTarget) and isinstance(other.meaning, VariantTarget)


def _check_variants(text: str, modifiers: Sequence[Modifier], labels: Iterable[int | None], vocabulary: Vocabulary) -> None:
    """Raises ParseError for a variant that none of the digits can have. A random digit is one that can."""
    digits = {digit_of(label, vocabulary) for label in labels}
    for modifier, target in _of_kind(modifiers, VariantTarget):
        if target.name and VARIANTS[target.name] not in digits and not (None in digits and vocabulary.is_digits and target.wanted):
            able = VARIANTS[target.name]
            what = "have a base" if target.name == "with a base" else f"be {target.name}"
            why = f"{_quoted(text, modifier)} is impossible here: only a {able} can {what}"
            raise ParseError(why, f"{text[: modifier.start]} {text[modifier.end :]}")


def _chosen(label: int | None, modifiers: Sequence[Modifier], vocabulary: Vocabulary) -> Phrase:
    """The phrase of a label alone; that of a random one is the digit that can have the variant that is asked for."""
    if label is None and vocabulary.is_digits:
        able = [VARIANTS[target.name] for _, target in _of_kind(modifiers, VariantTarget) if target.name and target.wanted]
        label = able[0] if able else None
    return Phrase(label)


def digit_of(label: int | None, vocabulary: Vocabulary) -> int | None:
    """The digit that a label is; None for another class, or any."""
    return label if vocabulary.is_digits else None


class _Hands:
    """Gives phrases the hands that they are to be drawn in, and counts those that several share."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._shared: dict[Modifier, Hand] = {}
        self._last: Hand | None = None
        self._count = 0

    def _next(self) -> Hand:
        self._count += 1
        return Hand("one", self._count - 1)

    def give(self, phrases: Sequence[Phrase], group: Group) -> list[Phrase]:
        """The phrases of a group with their hands. Raises ParseError for two different ones."""
        found = _of_kind(group.modifiers, HandTarget)
        if not found:
            return [*phrases]
        modifier, target = found[-1]
        if any(other != target for _, other in found):
            first, second = found[0][0], modifier
            why = f"{_quoted(self._text, first)} and {_quoted(self._text, second)} exclude each other"
            raise ParseError(why, f"{self._text[: second.start]} {self._text[second.end :]}")
        if target.kind == "each":
            hands = [self._next() for _ in range(min(target.number or len(phrases), len(phrases)))]
            return [replace(phrase, hand=hands[k % len(hands)]) for k, phrase in enumerate(phrases)]
        if target.kind in ("one", "same", "new") and modifier not in self._shared:
            self._shared[modifier] = self._last if target.kind == "same" and self._last else self._next()
        self._last = hand = self._shared.get(modifier) or Hand("answer" if target.kind == "answer" else "number", target.number)
        return [replace(phrase, hand=hand) for phrase in phrases]


def _change(text: str, groups: Sequence[Group], vocabulary: Vocabulary) -> Change:
    """The change of the last answer. Raises ParseError where only a part of the prompt refers to it."""
    modifiers = [modifier for group in groups for modifier in group.modifiers]
    again = [meaning for _, meaning in _of_kind(modifiers, Again)]
    if again and all(meaning.is_pronoun for meaning in again) and len(again) == len(modifiers):
        raise ParseError(f"no change in {quote(text)}")
    if rows := _of_kind(modifiers, Sweep):
        raise ParseError(f"{_quoted(text, rows[0][0])} needs {vocabulary.nouns} to draw")
    for group in groups:
        if not again and group.items and not _of_kind(group.modifiers, Shift):
            shift = next(m for m in modifiers if isinstance(m.meaning, Shift))
            why = f"{_quoted(text, shift)} changes the last answer, so nothing new can stand beside it"
            raise ParseError(why, f"{text[: shift.start]} {text[shift.end :]}")
    return Change(tuple(_part(text, group, vocabulary) for group in groups))


def _part(text: str, group: Group, vocabulary: Vocabulary) -> ChangePart:
    labels = sorted({label for item in group.items for label in item.labels if label is not None})
    if labels:
        _check_variants(text, group.modifiers, labels, vocabulary)
    described = _described(text, Phrase(None), group.modifiers, vocabulary)
    hand = _Hands(text).give([described], group)[0].hand
    other_hand = any(target.kind == "new" for _, target in _of_kind(group.modifiers, HandTarget))
    return ChangePart(
        tuple(labels),
        tuple(shift for _, shift in _of_kind(group.modifiers, Shift)),
        described.targets,
        tuple(target for _, target in _of_kind(group.modifiers, VariantTarget)),
        None if other_hand else hand,
        other_hand,
    )


def _of_kind(modifiers: Iterable[Modifier], kind: type[M]) -> list[tuple[Modifier, M]]:
    """The modifiers whose meaning is of one kind, with it."""
    return [(modifier, modifier.meaning) for modifier in modifiers if isinstance(modifier.meaning, kind)]


def _quoted(text: str, modifier: Modifier) -> str:
    """The words of a modifier, without the article of what it describes."""
    words = text[modifier.start : modifier.end].split()
    return quote(" ".join(words[len(words) > 1 and words[0] in ("a", "an", "the") :]))
