"""Gives hands that a prompt leaves open, as "in one hand" does, their numbers, by which they can be named again. Plain Python: no tensors."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import replace

from engine.prompt.phrase import Hand, Phrase

NUMBERS = 10_000
"""Numbers are below this, so that they are short."""
STRIDE = 7919
"""Shares no factor with NUMBERS, so that the hands of a drawing repeat only after NUMBERS of them."""


def hand_number(seed: int, place: int = 0) -> int:
    """The number of one of the hands of a drawing, by its random seed. Hands of one drawing differ, as far as NUMBERS suffice."""
    return (random.Random(f"hand {seed}").randrange(NUMBERS) + place * STRIDE) % NUMBERS


def other_hand(seed: int, phrases: Sequence[Phrase]) -> int:
    """The number of a hand in which none of these was asked for."""
    taken: Collection[int] = {phrase.hand.number for phrase in phrases if phrase.hand and phrase.hand.kind == "number"}
    return next(number for place in range(NUMBERS) if (number := hand_number(seed, place)) not in taken)


def number_hands(phrases: Sequence[Phrase], seed: int) -> tuple[Phrase, ...]:
    """The phrases with a number for each hand that was left open; those that share a hand get the same."""
    return tuple(
        replace(phrase, hand=Hand("number", hand_number(seed, phrase.hand.number))) if phrase.hand and phrase.hand.kind == "one" else phrase
        for phrase in phrases
    )


def repeat_phrases(phrases: Sequence[Phrase], count: int) -> tuple[Phrase, ...]:
    """The phrases `count` times, each time in other hands where these were left open."""
    return tuple(phrase for k in range(count) for phrase in with_other_hands(phrases, k))


def with_other_hands(phrases: Sequence[Phrase], k: int) -> tuple[Phrase, ...]:
    """The phrases for the k-th time: those that share a hand that was left open share another one."""
    taken = k * (1 + max((phrase.hand.number for phrase in phrases if phrase.hand and phrase.hand.kind == "one"), default=0))
    return tuple(
        replace(phrase, hand=Hand("one", phrase.hand.number + taken)) if phrase.hand and phrase.hand.kind == "one" else phrase for phrase in phrases
    )
