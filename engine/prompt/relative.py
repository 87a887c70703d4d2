"""Words that refer to other pictures: bolder, more slanted, again. Plain Python: no tensors, no screen."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from engine.config.condition import ATTRIBUTES, AttributeName
from engine.prompt.amounts import NAMES, read_amount, read_side, to_target
from engine.prompt.cursor import Cursor
from engine.prompt.levels import Degree, Level
from engine.prompt.phrase import Target
from engine.prompt.slants import read_lean
from engine.prompt.thesaurus import ADJECTIVES, ADVERBS, COMPARATIVES

Toward = Literal["up", "down", "upright", "away"]
"""To higher values (of slant: right), to lower ones, to no slant, or to more of it on the side where it is."""
SCORE_STEPS = {Degree.SLIGHT: 0.35, Degree.PLAIN: 0.75, Degree.VERY: 1.5}
"""What "slightly bolder", "bolder" and "much bolder" add to a normal score."""
SLANT_STEPS = {Degree.SLIGHT: 4.0, Degree.PLAIN: 8.0, Degree.VERY: 16.0}
"""The same for slant, in degrees."""
_AGAIN = ("once more", "once again", "the same again", "same again", "the same", "same", "again", "as before", "like before", "repeat", "redo")
_PRONOUNS = ("it", "them", "this", "that", "these", "those")
_USUAL = ("usual", "normal", "average", "usually", "most")
_THAN = ("than before", "than that", "than the last", "than it was", "than it", "than this")


class Shift(NamedTuple):
    """A change of one attribute of the last answer, in normal scores or in units."""

    attribute: AttributeName
    toward: Toward
    size: float
    in_units: bool

    @property
    def names_amount(self) -> bool:
        """Whether it says by how much: 0.5 px bolder. Steps of slant are in degrees in any case."""
        return self.in_units and not (self.attribute == "slant" and self.size in SLANT_STEPS.values())


class Again(NamedTuple):
    """The last answer. A pronoun ("it") only says so with something else."""

    is_pronoun: bool


def read_again(cursor: Cursor) -> Again | None:
    """again, the same, it"""
    is_pronoun = not any(cursor.accept_all(words) for words in _AGAIN)
    if cursor.word(-1) == "of" or not (cursor.accept(_PRONOUNS) or not is_pronoun):
        return None
    cursor.accept(("all", "both"))  # make them all bold
    return Again(is_pronoun)


def read_bound(cursor: Cursor) -> Target | None:
    """thicker than 4 px, narrower than 12, bolder than usual. Raises ParseError for units that make no sense."""
    start = cursor.at
    found = _comparative(cursor)
    if found and any(cursor.accept_all(f"than {word}") for word in _USUAL):
        level = Level(found[0], {"up": 1, "down": -1}.get(found[1], 0))
        return Target(level.attribute, level.interval, level.attribute == "slant")
    if found and cursor.accept(("than",)) and (amount := read_amount(cursor)):
        attribute, toward, _ = found
        if toward == "up":
            return to_target(cursor, attribute, amount._replace(high=math.inf))
        if toward == "down":
            return to_target(cursor, attribute, amount._replace(low=-math.inf))
    cursor.at = start
    return None


def read_shift(cursor: Cursor, degree: Degree) -> Shift | None:
    """bolder, 0.5 px wider, more slanted, less bold, thinner by 1 px; an adverb before it is read already."""
    start = cursor.at
    amount = read_amount(cursor)
    if amount is not None and not amount.unit:
        cursor.at, amount = start, None
    found = _comparative(cursor) or _more(cursor)
    if found is None:
        cursor.at = start
        return None
    attribute, toward, own = found
    after = cursor.at
    if amount is None and cursor.accept(("by",)):
        amount = read_amount(cursor)
        if amount is None:
            cursor.at = after
    any(cursor.accept_all(words) for words in _THAN)
    if amount is not None:
        size, lowest = abs(amount.low), ATTRIBUTES[attribute].low
        target = to_target(cursor, attribute, amount._replace(low=max(size, lowest), high=max(size, lowest)))  # a change may be less than any value
        return Shift(attribute, toward, size, target.in_units)
    steps = SLANT_STEPS if attribute == "slant" else SCORE_STEPS
    return Shift(attribute, toward, steps[own or degree], attribute == "slant")


def _comparative(cursor: Cursor) -> tuple[AttributeName, Toward, Degree | None] | None:
    word = cursor.accept(COMPARATIVES)
    if not word:
        return None
    attribute, side = COMPARATIVES[word]
    return attribute, ("upright", "up", "down")[side], None


def _more(cursor: Cursor) -> tuple[AttributeName, Toward, Degree | None] | None:
    """more slanted, less bold, more to the left, leaning more to the left"""
    start = cursor.at
    if (lean := read_lean(cursor)) and lean.is_more and lean.is_said:
        return "slant", "up" if lean.side > 0 else "down", lean.degree
    cursor.at = start
    cursor.accept(("even", "still"))
    word = cursor.accept(("more", "less", "further"))
    if not word:
        cursor.at = start
        return None
    sign = -1 if word == "less" else 1
    degree = cursor.longest(ADVERBS)
    if found := _direction(cursor, sign):
        return *found, degree
    cursor.at = start
    return None


def _direction(cursor: Cursor, sign: int) -> tuple[AttributeName, Toward] | None:
    """What stands after "more" (1) or "less" (-1)."""
    straight: tuple[Toward, Toward] = ("away", "upright")
    if lean := read_lean(cursor):
        if lean.is_said:
            return "slant", "up" if lean.side * sign > 0 else "down"
        return "slant", straight[sign < 0]
    if side := read_side(cursor):
        return "slant", "up" if side * sign > 0 else "down"
    if attribute := cursor.longest(NAMES):
        return attribute, straight[sign < 0] if attribute == "slant" else "up" if sign > 0 else "down"
    level = cursor.longest(ADJECTIVES)
    if level is None or (level.side == 0 and level.attribute != "slant"):
        return None
    if level.attribute == "slant" and level.side >= 0:  # "more italic" leans further, wherever it leans
        return "slant", straight[(sign < 0) == (level.side > 0)]
    return level.attribute, "up" if level.side * sign > 0 else "down"
