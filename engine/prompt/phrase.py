"""What a prompt asks of one picture, before any network is known: a class, attributes, variants and a hand. Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from engine.config.condition import ATTRIBUTES, VARIANTS, AttributeName, Interval


class Wish(NamedTuple):
    """What is asked of one attribute: an interval, in normal scores, or in the units of ATTRIBUTES. Levels of slant are in degrees, its unit."""

    attribute: AttributeName
    interval: Interval
    in_units: bool

    @property
    def is_exact(self) -> bool:
        """Whether it asks for one value."""
        return self.interval.low == self.interval.high


class Hand(NamedTuple):
    """Which handwriting is asked for."""

    kind: Literal["number", "answer", "one", "given"]
    """That of a random seed; that of an earlier answer; one that the pictures of this prompt with the same number share; a code that is given."""
    number: int = 0
    """Of an answer, 0 for the last one."""
    code: tuple[float, ...] = ()
    """Of a given hand."""


class Contradiction(Exception):
    """Two parts of a phrase exclude each other."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What a prompt asks of one picture. Parts that are left out are open."""

    label: int | None
    """The place of the class among the class names; None for any."""
    wishes: tuple[Wish, ...] = ()
    """At most one in scores and one in units for each attribute, in the order of ATTRIBUTES."""
    variants: tuple[tuple[str, bool], ...] = ()
    """In the order of VARIANTS: whether the picture must have the variant, or must not."""
    hand: Hand | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it asks for nothing but a class."""
        return not (self.wishes or self.variants or self.hand)

    def wish(self, attribute: str) -> Wish | None:
        """What is asked of an attribute: in units where it is asked so, else in scores."""
        found = [wish for wish in self.wishes if wish.attribute == attribute]
        return found[-1] if found else None

    def without(self, attribute: str) -> Phrase:
        """The same with an attribute left open."""
        return replace(self, wishes=tuple(wish for wish in self.wishes if wish.attribute != attribute))

    def with_wish(self, wish: Wish) -> Phrase:
        """The same with a further wish. Raises Contradiction where no value fulfils both."""
        wishes = {(own.attribute, own.in_units): own for own in self.wishes}
        key = wish.attribute, wish.in_units
        if before := wishes.get(key):
            met = meet(before.interval, wish.interval)
            if met is None:
                raise Contradiction
            wish = wish._replace(interval=met)
        order = [*ATTRIBUTES]
        return replace(self, wishes=tuple(sorted((wishes | {key: wish}).values(), key=lambda own: (order.index(own.attribute), own.in_units))))

    def with_variant(self, name: str, wanted: bool) -> Phrase:
        """The same with a further variant. Raises Contradiction where the opposite is asked for."""
        variants: Mapping[str, bool] = dict(self.variants)
        if variants.get(name, wanted) is not wanted:
            raise Contradiction
        variants = {**variants, name: wanted}
        return replace(self, variants=tuple((known, variants[known]) for known in VARIANTS if known in variants))


def meet(one: Interval, other: Interval) -> Interval | None:
    """The values in both intervals; None where they have none, or no more than an end, in common."""
    met = one.meet(other)
    if met is None or (met.low == met.high and one.low < one.high and other.low < other.high):
        return None
    return met
