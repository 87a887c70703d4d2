"""Words for rows of pictures, over which one attribute changes: from thin to bold, getting wider. Plain Python: no tensors, no screen."""

from __future__ import annotations

from typing import NamedTuple

from engine.config.condition import AttributeName
from engine.prompt.amounts import DIMENSIONS, NAMES, UNITS, Amount, read_number, read_side, to_target
from engine.prompt.cursor import Cursor
from engine.prompt.faults import ParseError
from engine.prompt.levels import LEANING, Degree, Level
from engine.prompt.slants import read_lean
from engine.prompt.thesaurus import ADJECTIVES, ADVERBS, COMPARATIVES, Key
from engine.prompt.vocabulary import Kind

_TO = ("to", "..", "until", "till", "through", "thru", "into", "towards")
_GOING = ("going", "ranging", "varying", "running", "changing", "that", "which", "go", "range", "vary", "change")
_GROWING = ("getting", "growing", "becoming", "get", "gets", "grow", "grows", "become", "becomes", "ever")
_STEADILY = ("increasingly", "progressively", "gradually", "steadily", "successively", "ever", "even", "always", "evermore")
_MORE_AND_MORE = ("more and more", "further and further", "ever more", "ever further", "progressively more", "gradually more", "increasingly more")
_RISING = {
    **dict.fromkeys(("increasing", "growing", "rising", "ascending", "increases", "grows", "rises"), 1),
    **dict.fromkeys(("decreasing", "falling", "shrinking", "descending", "declining", "diminishing", "decreases", "shrinks", "falls"), -1),
}
_IN_ORDER = ("in order of", "ordered by", "sorted by", "arranged by", "ranked by", "by")
_PREVIOUS = ("last", "previous", "one before", "previous one", "last one", "one before it", "other")


class Sweep(NamedTuple):
    """Values of one attribute that go evenly over several pictures, in normal scores or in units."""

    attribute: AttributeName
    first: float
    last: float
    in_units: bool


def read_sweep(cursor: Cursor) -> Sweep | None:
    """from thin to bold, leaning from left to right, thickness from 2 to 5, getting bolder. Raises ParseError for ends that make no sense."""
    start = cursor.at
    while cursor.accept(_GOING):
        pass
    begin = cursor.at
    for rule in (_growing, _leaning_more, _rising, _stepwise, _side_to_side, _from_number, _from_level):
        if found := rule(cursor):
            return found
        cursor.at = begin
    cursor.at = start
    return None


def _growing(cursor: Cursor) -> Sweep | None:
    """getting bolder, wider and wider, increasingly slanted, that get thicker"""
    start = cursor.at
    grows = bool(cursor.accept(_GROWING))
    cursor.accept(("and",))
    while cursor.accept(_STEADILY):
        grows = True
    grows = any(cursor.accept_all(words) for words in _MORE_AND_MORE) or (grows and bool(cursor.accept(("more",)))) or grows
    word = cursor.word()
    if found := _comparative(cursor):
        repeated = cursor.word() == "and" and cursor.word(1) == word
        cursor.at += 2 * repeated
        attribute, side = found
        return _toward(attribute, side) if grows or repeated else None
    if grows and (lean := read_lean(cursor)) and not lean.exactly:
        return _toward("slant", lean.side, from_upright=True)
    if grows and (level := cursor.longest(ADJECTIVES)):
        return _toward(level.attribute, level.side)
    cursor.at = start
    return None


def _comparative(cursor: Cursor) -> Key | None:
    return COMPARATIVES[word] if (word := cursor.accept(COMPARATIVES)) else None


def _toward(attribute: AttributeName, side: int, from_upright: bool = False) -> Sweep | None:
    """From one side of an attribute to the other. Slants go on from upright, or end there."""
    if side == 0:
        return _between(Level("slant", 1), Level("slant", 0)) if attribute == "slant" else None
    return _between(Level(attribute, 0 if from_upright else -side), Level(attribute, side))


def _leaning_more(cursor: Cursor) -> Sweep | None:
    """leaning more and more to the right"""
    if not cursor.accept(LEANING) or not (any(cursor.accept_all(words) for words in _MORE_AND_MORE) or cursor.accept(_STEADILY)):
        return None
    return _toward("slant", read_side(cursor) or 1, from_upright=True)


def _rising(cursor: Cursor) -> Sweep | None:
    """increasing thickness, decreasing in width, in order of slant"""
    ordered = any(cursor.accept_all(words) for words in _IN_ORDER)
    sign = _RISING.get(cursor.accept(_RISING), 0)
    cursor.accept(("in",))
    attribute = cursor.longest(NAMES)
    if attribute and not (sign or ordered):
        sign = _RISING.get(cursor.accept(_RISING), 0)
    if attribute is None or not (sign or ordered):
        return None
    return _toward(attribute, sign or 1)


def _stepwise(cursor: Cursor) -> Sweep | None:
    """each bolder than the last"""
    if not cursor.accept(("each", "every")) and cursor.word(-1) != "each":
        return None
    cursor.accept(("one",))
    cursor.accept(("is", "being"))
    cursor.longest(ADVERBS)
    found = _comparative(cursor)
    if found and cursor.accept_all("than the") and any(cursor.accept_all(words) for words in sorted(_PREVIOUS, key=len, reverse=True)):
        return _toward(*found)
    return None


def _side_to_side(cursor: Cursor) -> Sweep | None:
    """leaning from left to right"""
    if not cursor.accept(LEANING) or not cursor.accept(("from",)):
        return None
    first = _side(cursor)
    last = _side(cursor) if first and cursor.accept(_TO) else None
    return _between(first, last) if first and last else None


def _side(cursor: Cursor) -> Level | None:
    degree = cursor.longest(ADVERBS) or Degree.PLAIN
    side = read_side(cursor)
    return Level("slant", side, degree) if side else None


def _from_number(cursor: Cursor) -> Sweep | None:
    """thickness from 2 to 5, from -20° to 20°, from 2 to 5 px thick"""
    attribute = cursor.longest(NAMES)
    while cursor.accept((":", "=", *_GOING)):
        pass
    if not cursor.accept(("from",)):
        return None
    attribute = attribute or cursor.longest(NAMES)
    begin = cursor.at
    first = read_number(cursor)
    unit = UNITS.get(cursor.accept(UNITS), "")
    if first is None or not cursor.accept(_TO) or (last := read_number(cursor)) is None:
        return None
    unit = UNITS.get(cursor.accept(UNITS), "") or unit
    end = cursor.at
    if attribute is None and unit:
        attribute = DIMENSIONS.get(cursor.accept(DIMENSIONS)) or cursor.longest(NAMES) or ("slant" if unit == "°" else None)
    if attribute is None:
        return None
    target = to_target(cursor, attribute, Amount(min(first, last), max(first, last), unit, begin, end))
    return Sweep(attribute, first, last, target.in_units)


def _from_level(cursor: Cursor) -> Sweep | None:
    """from thin to bold, thin to very bold, from upright to leaning right"""
    has_from = cursor.accept(("from",))
    first = _end(cursor)
    digit = cursor.tokens[cursor.at] if has_from and first and cursor.kind() in (Kind.DIGIT, Kind.PLURAL) else None
    cursor.at += digit is not None  # from a thin 2 to a bold 2
    if first is None or not cursor.accept(_TO):
        return None
    last = _end(cursor, first.attribute)
    if digit and (cursor.kind() is Kind.END or cursor.tokens[cursor.at].label != digit.label):
        return None
    if last is None:
        return None
    if last.attribute != first.attribute:
        raise ParseError(f"a row goes from one {first.attribute} to another, not to {last.words!r}")
    return _between(first, last)


def _end(cursor: Cursor, attribute: str = "") -> Level | None:
    cursor.accept(("a", "an", "the"))
    degree = cursor.longest(ADVERBS) or Degree.PLAIN
    if lean := read_lean(cursor):
        return lean.level(degree)
    if attribute == "slant" and (side := read_side(cursor)):
        return Level("slant", side, degree)
    level = cursor.longest(ADJECTIVES)
    return level and level._replace(degree=max(degree, level.degree) if level.degree is not Degree.PLAIN else degree)


def _between(first: Level, last: Level) -> Sweep:
    return Sweep(first.attribute, first.typical, last.typical, first.attribute == "slant")
