"""What "bolder" and its kin make of the last answer. Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.config.condition import ATTRIBUTES, VARIANTS, ConditionConfig, Interval
from engine.errors import PromptError
from engine.prompt.conditions import DECIMALS, score_of, value_of
from engine.prompt.levels import level_of
from engine.prompt.phrase import Hand, Phrase, Target
from engine.prompt.relative import Shift, Toward
from engine.prompt.variant_words import VariantTarget, variants_for

HIGHEST = 3.0
"""The normal score beyond which "bolder" does not go: one training image in a thousand."""


@dataclass(frozen=True, slots=True)
class ChangePart:
    """What changes in the pictures of some classes."""

    labels: tuple[int, ...] = ()
    """Empty: all pictures."""
    shifts: tuple[Shift, ...] = ()
    targets: tuple[Target, ...] = ()
    """They replace what was asked of their attributes."""
    variants: tuple[VariantTarget, ...] = ()
    hand: Hand | None = None
    other_hand: bool = False
    """Whether it is to be drawn in a handwriting that was not asked for before."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the last answer, which keeps its noise. Without a change ("again") it asks for the same with other noise."""

    parts: tuple[ChangePart, ...]

    @property
    def keeps_noise(self) -> bool:
        """Whether the noise stays, so that only what was asked for changes."""
        return any(part.shifts or part.targets or part.variants or part.hand or part.other_hand for part in self.parts)


def apply_change(
    change: Change, last: Sequence[Phrase], config: ConditionConfig, measured: Sequence[Mapping[str, float]] = (), other_hand: int = 0
) -> tuple[Phrase, ...]:
    """The phrases of the last answer with the change.

    `measured` holds what was measured of each picture of the last answer, in the units of ATTRIBUTES: where no exact value was asked for, a
    change goes on from there, else from what is typical for what was asked for. `other_hand` is the number of the hand that "another hand"
    becomes. Raises PromptError where the last answer has none of the classes that the change names, or where nothing further can be asked for.
    """
    phrases = list(last)
    for part in change.parts:
        places = [i for i, phrase in enumerate(last) if not part.labels or phrase.label in part.labels]
        if not places:
            raise PromptError("the last answer has no picture of that class, so there is nothing to change; ask for it in full, such as 'a bold 7'")
        for target in part.variants:
            if target.name and not any(phrase.label == VARIANTS[target.name] for phrase in (last[i] for i in places)):
                raise PromptError(f"only a {VARIANTS[target.name]} can be {target.name}, and the last answer has none")
        changed = [_changed(phrases[i], part, config, measured[i] if i < len(measured) else {}, other_hand) for i in places]
        if part.shifts and changed == [phrases[i] for i in places]:
            raise PromptError(f"{_limit(part.shifts[0])}: nothing further can be asked for")
        for i, phrase in zip(places, changed, strict=True):
            phrases[i] = phrase
    return tuple(phrases)


@dataclass(frozen=True, slots=True)
class Move:
    """A picture of the next answer shall have more or less of an attribute than that of the last."""

    toward: Toward
    rises: bool
    """Whether the value shall rise; for "upright", its size falls instead."""
    before: float
    """What was measured of the last picture."""

    def is_made(self, name: str, value: float) -> bool:
        """Whether this value differs from the one before as it shall, by more than is hard to see."""
        by = abs(self.before) - abs(value) if self.toward == "upright" else value - self.before if self.rises else self.before - value
        return by >= ATTRIBUTES[name].tolerance


def asked_moves(
    change: Change, last: Sequence[Phrase], config: ConditionConfig, measured: Sequence[Mapping[str, float]], shown: Sequence[Mapping[str, float]]
) -> tuple[Mapping[str, Move], ...]:
    """How each attribute of each picture shall change; nothing where an amount is named, as in "0.5 px bolder".

    `measured` is that of `apply_change`, `shown` what was measured in truth.
    """
    moves: list[dict[str, Move]] = [{} for _ in last]
    for part in change.parts:
        for phrase, start, before, move in zip(last, measured, shown, moves, strict=True):
            for shift in part.shifts if not part.labels or phrase.label in part.labels else ():
                if (name := shift.attribute) in before and not shift.names_amount:
                    away = shift.toward == "away" and _value(phrase, name, config, start) >= 0
                    move[name] = Move(shift.toward, shift.toward == "up" or away, before[name])
    return tuple(moves)


def _changed(phrase: Phrase, part: ChangePart, config: ConditionConfig, measured: Mapping[str, float], other_hand: int) -> Phrase:
    for target in part.targets:
        phrase = phrase.without(target.attribute)
    for target in part.targets:
        phrase = phrase.with_target(target)
    for shift in part.shifts:
        phrase = phrase.without(shift.attribute).with_target(_shifted(phrase, shift, config, measured))
    variants = {**dict(phrase.variants), **{name: wanted for target in part.variants for name, wanted in variants_for(target, phrase.label)}}
    if variants != dict(phrase.variants):
        phrase = replace(phrase, variants=())
        for name, wanted in variants.items():
            phrase = phrase.with_variant(name, wanted)
    hand = Hand("number", other_hand) if part.other_hand else part.hand
    return replace(phrase, hand=hand) if hand else phrase


def _shifted(phrase: Phrase, shift: Shift, config: ConditionConfig, measured: Mapping[str, float]) -> Target:
    """The exact value that a change of one attribute asks for."""
    attribute, unit = ATTRIBUTES[shift.attribute], ATTRIBUTES[shift.attribute].unit
    now = _value(phrase, shift.attribute, config, measured)
    toward = shift.toward
    if toward in ("upright", "away"):
        sign = 1 if now >= 0 else -1
        size = min(shift.size, abs(now)) if toward == "upright" and shift.in_units else shift.size
        by = sign * (size if toward == "away" else -size)
    else:
        by = shift.size if toward == "up" else -shift.size
    if shift.in_units:
        value = now + by
    else:
        score = score_of(config, shift.attribute, phrase.label, now)
        value = value_of(config, shift.attribute, phrase.label, max(min(score + by, max(HIGHEST, score)), min(-HIGHEST, score)))
    value = round(min(max(value, attribute.low), attribute.high), DECIMALS[unit])
    return Target(shift.attribute, Interval(value, value), in_units=True)


def _value(phrase: Phrase, name: str, config: ConditionConfig, measured: Mapping[str, float]) -> float:
    """What an attribute of a picture is now, in its units: what was asked for exactly, else what was measured, else what is typical."""
    target = phrase.target(name)
    if target and target.is_exact:
        return target.interval.low if target.in_units else value_of(config, target.attribute, phrase.label, target.interval.low)
    if name in measured:
        return measured[name]
    if target is None:
        return value_of(config, name, phrase.label, 0.0)
    typical = typical_of(target)
    return typical if target.in_units else value_of(config, name, phrase.label, typical)


def typical_of(target: Target) -> float:
    """A value of a target, in its own form: that of its level, else the middle, else its end."""
    found = level_of(target.attribute, target.interval)
    if found and not found[1] and target.in_units == (target.attribute == "slant"):
        return found[0].typical
    low, high = target.interval.low, target.interval.high
    finite = [end for end in (low, high) if abs(end) < float("inf")]
    return sum(finite) / len(finite) if finite else 0.0


def _limit(shift: Shift) -> str:
    return f"the {shift.attribute} is at its limit"
