"""What a prompt asks of one picture, before any network is known: a class, attributes, variants and a hand. Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from engine.config.condition import ATTRIBUTES, VARIANTS, AttributeName, Interval


class Target(NamedTuple):
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
    targets: tuple[Target, ...] = ()
    """At most one in scores and one in units for each attribute, in the order of ATTRIBUTES."""
    variants: tuple[tuple[str, bool], ...] = ()
    """In the order of VARIANTS: whether the picture must have the variant, or must not."""
    hand: Hand | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it asks for nothing but a class."""
        return not (self.targets or self.variants or self.hand)

    def target(self, attribute: str) -> Target | None:
        """What is asked of an attribute: in units where it is asked so, else in scores."""
        found = [target for target in self.targets if target.attribute == attribute]
        return found[-1] if found else None

    def without(self, attribute: str) -> Phrase:
        """The same with an attribute left open."""
        return replace(self, targets=tuple(target for target in self.targets if target.attribute != attribute))

    def with_target(self, target: Target) -> Phrase:
        """The same with a further target. Raises Contradiction where no value fulfils both."""
        targets = {(own.attribute, own.in_units): own for own in self.targets}
        key = target.attribute, target.in_units
        if before := targets.get(key):
            met = meet(before.interval, target.interval)
            if met is None:
                raise Contradiction
            target = target._replace(interval=met)
        order = [*ATTRIBUTES]
        return replace(self, targets=tuple(sorted((targets | {key: target}).values(), key=lambda own: (order.index(own.attribute), own.in_units))))

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
