"""What a picture shall show, besides its class: attributes of its strokes, variants, a hand and words. Plain Python: reads nothing.

An attribute is asked for as an interval in its own units. Networks are told normal scores instead: a value at the p-quantile of the training
images has the score z with Phi(z) = p. `Scale` converts the one into the other.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from engine.config.fields import check_bool, check_finite, check_one_of, check_within
from engine.config.hand import HandSource
from engine.errors import SettingError

AttributeName = Literal["thickness", "slant", "width", "length"]
VariantName = Literal["looped", "closed", "crossed", "with a base"]


@dataclass(frozen=True)
class Attribute:
    """What is measured of a stroke (`engine.measures.shape`), and which values can be asked for."""

    unit: str
    low: float
    high: float
    tolerance: float
    """How far a drawing may be from a value that was asked for exactly; see `Interval.widened`."""
    within_class: bool
    """Whether a score compares an image with those of its class, rather than with all: ones are narrow, whoever writes them."""


ATTRIBUTES: Mapping[str, Attribute] = {
    "thickness": Attribute("px", 0.5, 10, 0.2, False),
    "slant": Attribute("°", -60, 60, 3, False),
    "width": Attribute("px", 1, 28, 1, True),
    "length": Attribute("px", 1, 150, 3, True),
}
"""Slant is positive to the right. Pixels are those of the training images.

A tolerance is about a quarter of the attribute's standard deviation in people's handwriting (0.70 px, 14°, 3.9 px and 11.2 px over MNIST's test
images). That is hard to see, and several times the error of the measures. A network whose mean error is a sixth of the deviation then meets an
exact value in about three drawings of four, so few have to be repeated.
"""
VARIANTS: Mapping[str, int] = {"looped": 2, "closed": 4, "crossed": 7, "with a base": 1}
"""The digit that can have the variant. Only MNIST has variants."""


@dataclass(frozen=True)
class Interval:
    """Values from `low` to `high`; infinite where it is open. A value asked for exactly has two equal ends."""

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        for end in (self.low, self.high):
            if isinstance(end, bool) or not isinstance(end, int | float) or math.isnan(end):
                raise SettingError(f"{end!r} is not a number")
        if not self.low <= self.high or math.inf in (self.low, -self.high):
            raise SettingError(f"{self.low:g} to {self.high:g} is not an interval")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def widened(self, tolerance: float) -> Interval:
        """The values that count as asked for: these, and where they span less than twice the tolerance, all within it of their middle."""
        if self.high - self.low >= 2 * tolerance:
            return self
        middle = (self.low + self.high) / 2
        return Interval(middle - tolerance, middle + tolerance)

    def meet(self, other: Interval) -> Interval | None:
        """The values in both, or None where there are none."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(low, high) if low <= high else None


LARGEST_OF_HAND = 100
"""A code has the length 1. Much larger numbers would overflow in a network, and the pictures come out black."""


@dataclass(frozen=True)
class Condition:
    """What one picture shall show; every part may be left out. Equal conditions draw equal pictures from equal noise. Raises SettingError."""

    label: int | None = None
    """A class number."""
    attributes: tuple[tuple[str, Interval], ...] = ()
    """In the units of ATTRIBUTES, in its order."""
    variants: tuple[tuple[str, bool], ...] = ()
    """Which variants it must have (True) or must not have (False), in the order of VARIANTS."""
    hand: tuple[float, ...] | HandSource | None = None
    """The code of a handwriting, by a writer encoder; in a request also where it is to be read from."""
    text: str | None = None
    """A caption, for networks that read words."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", _in_order(dict(self.attributes), ATTRIBUTES, AttributeName))
        object.__setattr__(self, "variants", _in_order(dict(self.variants), VARIANTS, VariantName))
        if self.label is not None:
            check_within("label", self.label, 0, 10_000)
        for name, interval in self.attributes:
            if not isinstance(interval, Interval):
                raise SettingError(f"{name} {interval!r} is not an interval")
        for name, wanted in self.variants:
            check_bool(name, wanted)
        if self.hand is not None and not isinstance(self.hand, HandSource):
            object.__setattr__(self, "hand", tuple(self.hand))
            for number in self.hand:
                check_finite("hand", number, -LARGEST_OF_HAND, LARGEST_OF_HAND)

    @property
    def code(self) -> tuple[float, ...] | None:
        """The code of its hand. Raises SettingError where that is not read yet."""
        if isinstance(self.hand, HandSource):
            raise SettingError("the hand of a condition is not read yet")
        return self.hand

    def interval(self, name: str) -> Interval:
        """What is asked of an attribute; open where nothing is."""
        return dict(self.attributes).get(name, Interval())

    @property
    def is_plain(self) -> bool:
        """Whether it asks for nothing but a class, so that any network can draw it."""
        return not (self.attributes or self.variants or self.hand or self.text)


LARGEST_MEASURE = 1e6
"""No pixels or degrees of a stroke are as many. Differences of much larger numbers overflow."""
SCORES = tuple(k / 2 for k in range(-6, 7))
"""The normal scores at which a Scale knows its values."""


@dataclass(frozen=True)
class Scale:
    """How the values of one attribute are distributed over training images: those at SCORES, rising. Linear in between and beyond."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))  # JSON gives a list
        for value in self.values:
            check_finite("values", value, -LARGEST_MEASURE, LARGEST_MEASURE)
        if len(self.values) != len(SCORES) or any(a >= b for a, b in zip(self.values, self.values[1:], strict=False)):
            raise SettingError(f"a scale has {len(SCORES)} rising values")

    def score(self, value: float) -> float:
        """The normal score of a value; infinite for an infinite one."""
        return value if math.isinf(value) else _interpolate(value, self.values, SCORES)

    def value(self, score: float) -> float:
        """The value with this normal score."""
        return score if math.isinf(score) else _interpolate(score, SCORES, self.values)


@dataclass(frozen=True)
class AttributeScales:
    """The scales of one attribute: over all training images, and over those of each class (none where a class is too small)."""

    name: str
    all: Scale
    classes: tuple[Scale | None, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        check_one_of("attribute", self.name, AttributeName)

    def of(self, label: int | None) -> Scale:
        """The scale for an image of this class."""
        if label is None or not ATTRIBUTES[self.name].within_class or not 0 <= label < len(self.classes):
            return self.all
        return self.classes[label] or self.all


Route = Literal["pooled", "tokens", "both"]


@dataclass(frozen=True)
class ConditionConfig:
    """Which parts of a Condition a network is told, and how. Part of ModelConfig; None there for networks that are told classes alone."""

    scales: tuple[AttributeScales, ...] = ()
    """Of the attributes that it is told, with the training images' distribution."""
    variants: tuple[str, ...] = ()
    hand: int = 0
    """Numbers of a hand's code; 0: it is told no hand."""
    text: bool = False
    route: Route = "both"
    """How it is told: a vector added to the class embedding, tokens that cross-attention reads, or both."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", tuple(self.scales))
        object.__setattr__(self, "variants", tuple(self.variants))
        check_within("hand", self.hand, 0, 4096)
        check_bool("text", self.text)
        check_one_of("route", self.route, Route)
        for name in self.variants:
            check_one_of("variant", name, VariantName)

    @property
    def tells_strokes(self) -> bool:
        """Whether a network is told anything but captions."""
        return bool(self.scales or self.variants or self.hand)

    def scales_of(self, name: str) -> AttributeScales | None:
        """The scales of an attribute, or None where the network is not told it."""
        return next((scales for scales in self.scales if scales.name == name), None)


def _in_order(parts: Mapping[str, object], order: Mapping[str, object], names: object) -> tuple[tuple[str, object], ...]:
    """The parts in a fixed order. Raises SettingError for a name that is not among `names`."""
    for name in parts:
        check_one_of("condition", name, names)
    return tuple((name, parts[name]) for name in order if name in parts)


def _interpolate(x: float, xs: tuple[float, ...], ys: tuple[float, ...]) -> float:
    k = min(max(bisect_right(xs, x) - 1, 0), len(xs) - 2)
    return ys[k] + (x - xs[k]) * (ys[k + 1] - ys[k]) / (xs[k + 1] - xs[k])
