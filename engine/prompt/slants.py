"""Words for the direction in which a digit leans: leaning left, a slight tilt to the right, left-leaning, slanted 20°. Plain Python."""

from __future__ import annotations

from typing import NamedTuple

from engine.config.condition import Interval
from engine.prompt.amounts import read_amount, read_side, to_target
from engine.prompt.cursor import Cursor
from engine.prompt.levels import LEANING, SIDES, Degree, Level
from engine.prompt.phrase import Target
from engine.prompt.thesaurus import ADVERBS

_SLANTS = ("slant", "tilt", "lean", "slope", "angle")
_STRENGTHS = {
    **dict.fromkeys(("strong", "heavy", "steep", "pronounced", "sharp", "extreme", "severe", "considerable", "big", "large", "great"), Degree.VERY),
    **dict.fromkeys(("clear", "definite", "distinct", "noticeable", "visible", "moderate", "marked"), Degree.PLAIN),
    **dict.fromkeys(("small", "little", "light", "subtle", "faint"), Degree.SLIGHT),
}
"""Adjectives of a slant: with a strong slant to the left."""


class Lean(NamedTuple):
    """A direction, whether it is said (else it is the right, as in "slanted"), and perhaps how far in degrees."""

    side: int
    is_said: bool
    degree: Degree | None = None
    exactly: Target | None = None
    is_more: bool = False
    """Whether "more" stands before the side: leaning more to the left."""

    def level(self, degree: Degree) -> Level:
        """The level of a slant; the adverb before it counts where it has none itself."""
        return Level("slant", self.side, self.degree or degree)


def read_lean(cursor: Cursor) -> Lean | None:
    """A lean; an adverb before it is read already. Raises ParseError for units that make no sense."""
    start = cursor.at
    strength = _STRENGTHS.get(cursor.accept(_STRENGTHS))
    before = SIDES.get(cursor.accept(SIDES), 0)
    if before:
        cursor.accept(("-", "ward"))
    if not cursor.accept(LEANING if strength is None else _SLANTS):
        cursor.at = start
        return None
    is_more = bool(cursor.accept(("more", "further")))
    degree = cursor.longest(ADVERBS)
    target = None if before else _exactly(cursor)
    side = before or read_side(cursor)
    if side and target is None:
        cursor.accept(("by",))
        target = _exactly(cursor)
    if degree is None:
        degree = _adverb_after(cursor) if side else None
    if target and side < 0:
        target = target._replace(interval=Interval(-target.interval.high, -target.interval.low))
    return Lean(side or 1, bool(side), degree or strength, target, is_more)


def _exactly(cursor: Cursor) -> Target | None:
    """A number with its unit, or right before a side: a number alone may be a digit."""
    start = cursor.at
    amount = read_amount(cursor)
    if amount is not None and (amount.unit or (_side_follows(cursor))):
        return to_target(cursor, "slant", amount)
    cursor.at = start
    return None


def _side_follows(cursor: Cursor) -> bool:
    start = cursor.at
    side = read_side(cursor)
    cursor.at = start
    return bool(side)


def _adverb_after(cursor: Cursor) -> Degree | None:
    """An adverb at the end: leaning left a bit. One that may belong to a further adjective does not count."""
    for words in ("a little bit", "a bit", "a little", "a lot", "slightly", "somewhat", "a touch", "very much"):
        start = cursor.at
        if cursor.accept_all(words):
            if cursor.kind().name in ("END", "SEPARATOR", "FILLER"):
                return ADVERBS[tuple(words.split())]
            cursor.at = start
    return None
