"""Words for how bold, wide, long and slanted: an adjective -> an attribute and an interval. Plain Python: no tensors, no screen.

Thickness, width and length are in normal scores: z = 0.52 is the 70% quantile of the training images, z = 1.28 the 90% quantile. Slant is in
degrees, positive to the right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from engine.config.condition import AttributeName, Interval


class Degree(IntEnum):
    """How much of a quality an adverb asks for."""

    SLIGHT = 1
    PLAIN = 2
    VERY = 3


class Level(NamedTuple):
    """What an adjective asks for, such as "very bold". The side is 1 for bold, wide, long and right, -1 for their opposites, and 0 between."""

    attribute: AttributeName
    side: int
    degree: Degree = Degree.PLAIN

    @property
    def interval(self) -> Interval:
        """In degrees for slant, else in normal scores."""
        table = SLANTS if self.attribute == "slant" else SCORES_OF_LEVELS
        return table[self.side * self.degree]

    @property
    def opposite(self) -> Interval | None:
        """What "not" in front of it asks for: the values that it leaves. None for "medium", which leaves two sides.

        "Not upright" leans to the right, as most handwriting does. "Not slightly bold" is less than that, rather than more.
        """
        if self.side == 0:
            return Level("slant", 1).interval if self.attribute == "slant" else None
        return Interval(high=self.interval.low) if self.side > 0 else Interval(low=self.interval.high)

    @property
    def typical(self) -> float:
        """One value of the interval, for a row of pictures that goes from level to level; about the median of those that lie in it."""
        table = TYPICAL_SLANTS if self.attribute == "slant" else TYPICAL_SCORES
        return table[self.side * self.degree]

    @property
    def words(self) -> str:
        """The usual words for it."""
        low, medium, high = WORDS_OF_SIDES[self.attribute]
        word = (medium, high, low)[self.side]
        if self.side == 0 or self.degree is Degree.PLAIN:
            return word
        adverb = "slightly" if self.degree is Degree.SLIGHT else "very"
        return word.replace(" ", f" {adverb.replace('very', 'far')} ") if self.attribute == "slant" else f"{adverb} {word}"


INFINITY = math.inf
SCORES_OF_LEVELS: Mapping[int, Interval] = {
    -3: Interval(-INFINITY, -1.28),
    -2: Interval(-INFINITY, -0.52),
    -1: Interval(-1.0, -0.25),
    0: Interval(-0.52, 0.52),
    1: Interval(0.25, 1.0),
    2: Interval(0.52, INFINITY),
    3: Interval(1.28, INFINITY),
}
"""Normal scores, by side times degree."""
SLANTS: Mapping[int, Interval] = {
    -3: Interval(-INFINITY, -12),
    -2: Interval(-INFINITY, -5),
    -1: Interval(-10, -3),
    0: Interval(-5, 5),
    1: Interval(4, 14),
    2: Interval(8, INFINITY),
    3: Interval(22, INFINITY),
}
"""Degrees, by side times degree. More of MNIST leans right than left, and further."""
TYPICAL_SCORES: Mapping[int, float] = {-3: -1.6, -2: -1.0, -1: -0.6, 0: 0.0, 1: 0.6, 2: 1.0, 3: 1.6}
TYPICAL_SLANTS: Mapping[int, float] = {-3: -18, -2: -12, -1: -6, 0: 0, 1: 9, 2: 16, 3: 27}
WORDS_OF_SIDES: Mapping[AttributeName, tuple[str, str, str]] = {
    "thickness": ("thin", "medium", "bold"),
    "slant": ("leaning left", "upright", "leaning right"),
    "width": ("narrow", "medium width", "wide"),
    "length": ("short", "medium length", "long"),
}

_ADJECTIVES: Mapping[tuple[AttributeName, int], str] = {
    ("thickness", 1): "bold thick heavy fat dark chunky strong stout chubby beefy hefty bulky weighty boldface boldfaced plump stocky",
    ("thickness", -1): "thin fine light slender delicate skinny spindly lightweight flimsy thinly finely",
    ("thickness", 0): "medium",
    ("width", 1): "wide broad extended stretched widened spread spacious roomy",
    ("width", -1): "narrow slim condensed compressed squeezed tight pinched narrowed squashed",
    ("length", 1): "long lengthy elongated lengthened",
    ("length", -1): "short shortened stubby",
    ("slant", 1): "slanty oblique italic italics italicized italicised cursive skewed",
    ("slant", 0): "upright straight vertical erect unslanted untilted plumb roman",
    ("slant", -1): "backward backwards backslanted backhand backslanting",
}
_STRONG: Mapping[tuple[AttributeName, int], str] = {
    ("thickness", 1): "extrabold ultrabold extra-bold",
    ("thickness", -1): "hairline wispy paper-thin razor-thin wafer-thin extralight ultralight feathery threadlike",
}
_WEAK: Mapping[tuple[AttributeName, int], str] = {
    ("thickness", 1): "semibold semi-bold demibold boldish thickish",
    ("thickness", -1): "thinnish",
    ("width", 1): "widish",
}
_NOUNS: Sequence[tuple[AttributeName, str]] = (("thickness", "thickness"), ("thickness", "weight"), ("width", "width"), ("length", "length"))
_SIZES = {1: "high large", 0: "medium average normal usual regular moderate", -1: "low small"}


def _adjectives() -> dict[tuple[str, ...], Level]:
    levels: dict[tuple[str, ...], Level] = {}
    for table, degree in ((_ADJECTIVES, Degree.PLAIN), (_STRONG, Degree.VERY), (_WEAK, Degree.SLIGHT)):
        for (attribute, side), words in table.items():
            levels |= {tuple(word.replace("-", " - ").split()): Level(attribute, side, degree) for word in words.split()}
    for attribute, noun in _NOUNS:
        levels |= {(word, noun): Level(attribute, side) for side, words in _SIZES.items() for word in words.split()}
    return levels


ADJECTIVES: Mapping[tuple[str, ...], Level] = _adjectives()
"""What each adjective, of one word or of several, asks for. A hyphen is a word."""

LEANING = (
    *("leaning", "leans", "lean", "slanted", "slanting", "slants", "slant", "tilted", "tilting", "tilts", "tilt", "inclined", "sloping", "sloped"),
    *("slopes", "slope", "angled", "bent", "bending", "tipped", "tipping", "lopsided", "falling", "leant", "leaned", "pointing"),
)
"""Words before "left" or "right"; alone they mean the right."""
SIDES: Mapping[str, int] = {
    **dict.fromkeys(("left", "leftward", "leftwards", "backward", "backwards", "back"), -1),
    **dict.fromkeys(("right", "rightward", "rightwards", "forward", "forwards"), 1),
}
"""Which side a word names: left is -1."""
_ADVERBS: Mapping[Degree, str] = {
    Degree.VERY: "very, extremely, really, super, extra, ultra, highly, heavily, strongly, steeply, sharply, far, a lot, hugely, incredibly, too, "
    "way, so, very very, very much, much, exceptionally, especially, terribly, awfully, unusually, particularly, seriously, massively, remarkably, "
    "enormously, intensely, hard, well, exceedingly, truly",
    Degree.SLIGHT: "slightly, a bit, a little, a little bit, a touch, a tad, somewhat, mildly, gently, kind of, sort of, just a bit, only slightly, "
    "ever so slightly, just slightly, a hint, marginally, subtly, faintly, just a little, vaguely, a slight, slight, gentle, mild",
    Degree.PLAIN: "quite, rather, fairly, pretty, moderately, reasonably, noticeably, clearly, visibly, relatively, perfectly, completely",
}
ADVERBS: Mapping[tuple[str, ...], Degree] = {tuple(adverb.split()): degree for degree, adverbs in _ADVERBS.items() for adverb in adverbs.split(", ")}
"""How much of a quality an adverb asks for."""

COMPARATIVES: Mapping[str, tuple[AttributeName, int]] = {
    **dict.fromkeys(("bolder", "thicker", "heavier", "fatter", "stronger", "chunkier", "darker"), ("thickness", 1)),
    **dict.fromkeys(("thinner", "finer", "lighter", "skinnier"), ("thickness", -1)),
    **dict.fromkeys(("wider", "broader"), ("width", 1)),
    **dict.fromkeys(("narrower", "slimmer"), ("width", -1)),
    "longer": ("length", 1),
    "shorter": ("length", -1),
    **dict.fromkeys(("straighter", "uprighter"), ("slant", 0)),
}
"""What a comparative changes, and to which side."""

LADDERS: Mapping[str, Sequence[Level]] = {
    name: [Level(name, (step > 0) - (step < 0), Degree(abs(step) or Degree.PLAIN)) for step in range(-3, 4)] for name in WORDS_OF_SIDES
}
"""The levels of each attribute, rising."""


WORDS = frozenset({*LEANING, *COMPARATIVES, *(word for table in (ADJECTIVES, ADVERBS) for words in table for word in words)})
"""All words for levels, one by one."""


def level_of(attribute: AttributeName, interval: Interval) -> tuple[Level, bool] | None:
    """The level that asks for this interval, in the form in which levels have it, and whether it does so with a "not"; None for none."""
    for level in LADDERS[attribute]:
        if level.interval == interval:
            return level, False
    for level in LADDERS[attribute]:
        if level.side and level.opposite == interval:
            return level, True
    return None
