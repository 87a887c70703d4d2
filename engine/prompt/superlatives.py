"""Words for as much of a quality as there is: as bold as possible, most slanted, least wide. Plain Python: no tensors, no screen."""

from __future__ import annotations

from engine.prompt.cursor import Cursor
from engine.prompt.levels import Degree, Level
from engine.prompt.slants import read_lean
from engine.prompt.thesaurus import ADJECTIVES, ADVERBS

_POSSIBLE = (
    *("as possible", "as it can be", "as they can be", "as can be", "as it gets", "as they get", "as they come", "as you can make it", "as you can"),
    *("as you like", "as it goes", "as one can", "as anyone can", "as ever", "as imaginable"),
)
_MOST = ("most", "maximally", "utmost", "maximum", "max")


def read_utmost(cursor: Cursor) -> Level | None:
    """The level that a superlative of several words asks for. "Least bold" is very thin, "least slanted" upright."""
    start = cursor.at
    if cursor.accept(("as",)):
        level = _level(cursor)
        if level and any(cursor.accept_all(words) for words in _POSSIBLE):
            return level._replace(degree=Degree.VERY if level.side else Degree.PLAIN)
    elif cursor.accept(_MOST):
        if level := _level(cursor):
            return level._replace(degree=Degree.VERY if level.side else Degree.PLAIN)
    elif cursor.accept(("least",)) and (level := _level(cursor)) and level.side:
        return Level("slant", 0) if level.attribute == "slant" else level._replace(side=-level.side, degree=Degree.VERY)
    cursor.at = start
    return None


def _level(cursor: Cursor) -> Level | None:
    cursor.longest(ADVERBS)
    if (lean := read_lean(cursor)) and not lean.exactly:
        return lean.level(Degree.PLAIN)
    return cursor.longest(ADJECTIVES)
