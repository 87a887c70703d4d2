"""Words for rows of pictures, over which one attribute changes: from thin to bold, getting wider. Plain Python: no tensors, no screen."""

from __future__ import annotations

from typing import NamedTuple

from engine.config.condition import AttributeName
from engine.prompt.amounts import DIMENSIONS, NAMES, UNITS, Amount, read_number, read_side, to_wish
from engine.prompt.cursor import Cursor
from engine.prompt.faults import ParseError
from engine.prompt.levels import ADJECTIVES, ADVERBS, COMPARATIVES, LEANING, Degree, Level
from engine.prompt.slants import read_lean

_TO = ("to", "..", "until", "till", "through", "thru", "into", "towards")
_GOING = ("going", "ranging", "varying", "running", "changing", "that", "go", "range", "vary", "change")
_GROWING = ("getting", "growing", "becoming", "ever", "increasingly", "progressively", "gradually")


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
    for rule in (_growing, _side_to_side, _from_number, _from_level):
        if found := rule(cursor):
            return found
        cursor.at = begin
    cursor.at = start
    return None


def _growing(cursor: Cursor) -> Sweep | None:
    if not cursor.accept(_GROWING):
        return None
    cursor.accept(("more", "and"))
    if word := cursor.accept(COMPARATIVES):
        attribute, side = COMPARATIVES[word]
    elif level := cursor.longest(ADJECTIVES):
        attribute, side = level.attribute, level.side
    else:
        return None
    return _between(Level(attribute, -side), Level(attribute, side)) if side else None


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
    wish = to_wish(cursor, attribute, Amount(min(first, last), max(first, last), unit, begin, end))
    return Sweep(attribute, first, last, wish.in_units)


def _from_level(cursor: Cursor) -> Sweep | None:
    """from thin to bold, thin to very bold, from upright to leaning right"""
    cursor.accept(("from",))
    first = _end(cursor)
    if first is None or not cursor.accept(_TO):
        return None
    last = _end(cursor, first.attribute)
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
