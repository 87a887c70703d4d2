"""The words of a prompt that describe digits: each is found with its meaning, and what stays are the words of the labels. No tensors, no screen.

modifier = {lead} quality {noun}          lead: with, in, that is, but, not, without, very, a bit, an article, in any order
quality  = row | change | measure | lean | hand | variant | adjective | again
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.config.condition import Interval
from engine.prompt.amounts import read_dimension, read_measure
from engine.prompt.cursor import Cursor
from engine.prompt.faults import ParseError, quote, replace_tokens
from engine.prompt.hands import WRITERS, HandWish, read_hand
from engine.prompt.levels import ADVERBS, Degree, Level
from engine.prompt.phrase import Wish
from engine.prompt.relative import Again, Shift, read_again, read_bound, read_shift
from engine.prompt.rows import Sweep, read_sweep
from engine.prompt.slants import read_lean
from engine.prompt.superlatives import read_utmost
from engine.prompt.thesaurus import ADJECTIVES
from engine.prompt.tokens import NUMBERS, Token
from engine.prompt.variant_words import VariantWish, read_variant
from engine.prompt.vocabulary import Kind

Meaning = Wish | VariantWish | HandWish | Sweep | Shift | Again

MOST_LEADS = 10
"""Words before a quality that only lead to it."""
_ARTICLES = ("a", "an", "the", "some", "any", "its")
_WITH = ("with", "has", "have", "having", "showing")
NEGATIONS = ("not", "isnt", "arent", "never", "non", "no", "without", "doesnt", "dont", "lacking", "cant", "neither", "nor")
_WITHOUT = ("no", "without", "lacking")
_AFTER_NEGATION = ("too", "so", "that", "-", "make", "draw", "write", "it", "them")
_AFTER_NOT = ("at all", "in the least", "in any way", "whatsoever")
_OTHER_LEADS = """in that which is are but being drawn written made done by of from using at looking though yet it thats like even
    whose was should be must instead stays kept only just look looks who does do still rendered"""
_LEADS = tuple(_OTHER_LEADS.split())
_NOUNS = "stroke strokes line lines pen brush ink marker pencil type lettering font style script shape form written drawn"
_STROKES = tuple(_NOUNS.split())
_ENDINGS = ("weight", "ish", "looking", "faced", "stroked", "lined", "style", "styled")
"""Of adjectives: heavy-weight, bold-looking."""
_ALL = ("all", "both", "each", "everything")
_FIXED = (
    "tall",
    "taller",
    "high",
    "higher",
    "height",
    "big",
    "bigger",
    "large",
    "larger",
    "small",
    "smaller",
    "tiny",
    "huge",
    "giant",
    "enormous",
    "tallest",
    "highest",
    "biggest",
    "largest",
    "smallest",
    "tiniest",
    "hugest",
    "gigantic",
    "minuscule",
    "oversized",
    "size",
    "sized",
)

LEADING = {*_WITH, *_LEADS, *NEGATIONS, *(words[0] for words in ADVERBS if len(words) == 1)}
"""Words that only lead to a quality."""


@dataclass(frozen=True, slots=True)
class Modifier:
    """Words that describe digits, from one place in the text up to another."""

    meaning: Meaning
    start: int
    end: int
    follows: bool
    """Whether it usually stands behind what it describes: leaning left, with a loop. An adjective stands before it."""
    has_article: bool
    """Whether an article begins it, or stands before it, so that something new begins there."""
    is_for_all: bool = False
    """Whether "all" or "both" stands before it."""


@dataclass(slots=True)
class _Lead:
    """What stands before a quality."""

    negated: bool = False
    degree: Degree | None = None
    has_with: bool = False
    """So that a noun may follow: with a crossbar."""
    follows: bool = False
    has_article: bool = False


def find_modifiers(text: str, tokens: Sequence[Token]) -> tuple[list[Modifier], list[Token]]:
    """All modifiers, and the tokens that belong to none. Raises ParseError for what is recognized but makes no sense."""
    cursor = Cursor(text, tokens)
    found: list[Modifier] = []
    rest: list[Token] = []
    while cursor:
        start = cursor.at
        modifier = _read_modifier(cursor, any(token.kind not in (Kind.FILLER, Kind.SEPARATOR) for token in rest))
        if modifier is None:
            cursor.at = start + 1
            rest.append(tokens[start])
        else:
            found.append(modifier)
    return found, rest


def without_leads(tokens: Sequence[Token]) -> list[Token]:
    """The tokens without a "with" or an "in" before an unknown word, which is what a message should name: with a corssbar."""
    words = [*tokens]
    for at in range(len(words) - 2, -1, -1):
        after = next((token for token in words[at + 1 :] if token.kind is not Kind.FILLER), None)
        if after and words[at].kind is after.kind is Kind.UNKNOWN and words[at].text in LEADING:
            del words[at]
    return words


def _read_modifier(cursor: Cursor, has_digits_before: bool) -> Modifier | None:
    start = cursor.at
    is_for_all = has_digits_before and _accept_all(cursor)
    lead = _Lead()
    found: tuple[Meaning, bool] | None = _row(cursor)
    if found is None:
        lead = _read_lead(cursor)
        found = _read_quality(cursor, lead)
    if found is None:
        cursor.at = start
        return None
    meaning, follows = found
    if lead.negated:
        any(cursor.accept_all(words) for words in _AFTER_NOT)
    tokens = cursor.tokens
    has_article = lead.has_article or any(token.text in _ARTICLES for token in tokens[max(start - 1, 0) : start])
    return Modifier(meaning, tokens[start].start, tokens[cursor.at - 1].end, follows or lead.follows, has_article, is_for_all)


def _accept_all(cursor: Cursor) -> bool:
    """Consume what says that all digits before are meant: all, both of them, every digit, that both."""
    start = cursor.at
    cursor.accept(("that", "which", "who", "where", "with", "and"))
    if not (cursor.accept(_ALL) or (cursor.word() in ("every", "any") and cursor.accept(("every",)))):
        cursor.at = start
        return False
    every = cursor.word(-1) == "every"
    of = cursor.accept_all("of them") or cursor.accept_all("of these") or cursor.accept_all("of which") or cursor.accept_all("of those")
    cursor.accept(("the",))
    noun = cursor.kind() is Kind.NOUN or cursor.word() in ("digit", "number", "figure", "one", "ones", "digits", "numbers")
    if noun and not _is_counted_one(cursor):
        cursor.at += 1
    elif every and not of:
        cursor.at = start
        return False
    return True


def _is_counted_one(cursor: Cursor) -> bool:
    """Whether a "one" is a digit rather than what "each" stands before."""
    return cursor.word() == "one" and cursor.word(-1) not in ("each", "every")


def _read_lead(cursor: Cursor) -> _Lead:
    """The words before a quality, as many as there are."""
    lead = _Lead()
    for _ in range(MOST_LEADS):
        if lead.negated and (cursor.accept(_AFTER_NEGATION) or cursor.accept_all("at all") or cursor.accept_all("all that")):
            continue  # "not too bold", and "don't make it bold", are no more than "not bold"
        if (degree := cursor.longest(ADVERBS)) is not None:
            lead.degree = max(lead.degree or degree, degree)
            if cursor.word() == "-" and (cursor.word(1),) in ADJECTIVES:
                cursor.at += 1  # extra-bold
        elif cursor.accept(_ARTICLES):
            lead.has_article = not lead.follows
        elif word := cursor.accept(NEGATIONS):
            lead.negated, lead.follows = not lead.negated, True
            lead.has_with = lead.has_with or word in _WITHOUT
        elif cursor.accept(_WITH):
            lead.has_with = lead.follows = True
        elif lead.follows and _introduces_strokes(cursor) and cursor.accept(_STROKES):
            pass  # whose strokes are bold, with strokes 3 px thick
        elif cursor.word(1) not in ("least", "most") and (word := cursor.accept(_LEADS)):
            lead.follows = lead.follows or word not in ("of", "from", "only", "just", "by")
        else:
            break
    return lead


def _introduces_strokes(cursor: Cursor) -> bool:
    """Whether a noun such as "strokes" stands before what describes it."""
    at = 2 if cursor.word(1) == "of" else 1
    return cursor.word(1) in ("that", "which", "is", "are") or (cursor.kind(at) in NUMBERS or cursor.kind(at) is Kind.NUMBER)


def _read_quality(cursor: Cursor, lead: _Lead) -> tuple[Meaning, bool] | None:
    """The meaning of what comes next, and whether it usually stands behind what it describes."""
    if found := _negated_bound(cursor) if lead.negated else _affirmed(cursor, lead):
        return found
    start = cursor.at
    degree = lead.degree or Degree.PLAIN
    if utmost := read_utmost(cursor):
        _skip_nouns(cursor)
        return _level(utmost, lead.negated), utmost.attribute == "slant"
    if lean := read_lean(cursor):
        if lead.negated and not lean.is_said:
            return _level(Level("slant", 0), False), True
        if lean.exactly:
            return (lean.exactly, True) if not lead.negated else None
        _skip_nouns(cursor)
        return _level(lean.level(degree), lead.negated), lean.is_said
    if variant := read_variant(cursor, lead.has_with):
        _skip_nouns(cursor)
        return variant._replace(wanted=variant.wanted is not lead.negated), lead.has_with
    level = cursor.longest(ADJECTIVES)
    if level is not None:
        _skip_nouns(cursor)
        level = level._replace(degree=degree) if level.degree is Degree.PLAIN else level
        if level.opposite is None and lead.negated:
            raise ParseError(f"'not {level.words}' leaves two sides; say one of them")
        return _level(level, lead.negated), False
    if word := cursor.accept(_FIXED):
        cursor.at -= 1
        correction = replace_tokens(cursor.text, cursor.tokens[cursor.at : cursor.at + 1], "")
        raise ParseError(f"{quote(word)} can't be asked for; what can is thickness, width, length and slant", correction)
    cursor.at = start
    return None


def _affirmed(cursor: Cursor, lead: _Lead) -> tuple[Meaning, bool] | None:
    """A quality that makes sense only without a "not"."""
    if lead.degree is None and (row := _row(cursor)):
        return row
    if bound := read_bound(cursor):
        return bound, True
    if shift := read_shift(cursor, lead.degree or Degree.PLAIN):
        return shift, False
    if wish := read_measure(cursor) or read_dimension(cursor):
        _skip_nouns(cursor)
        return wish, True
    if hand := read_hand(cursor):
        return hand, True
    return (again, False) if (again := read_again(cursor)) else None


def _negated_bound(cursor: Cursor) -> tuple[Wish, bool] | None:
    """What "not" leaves of a bound: no thicker than 2 px, not more than 3 px thick."""
    start = cursor.at
    wish = read_bound(cursor) or read_measure(cursor) or read_dimension(cursor)
    if wish and math.isinf(wish.interval.high) and math.isfinite(wish.interval.low):
        return wish._replace(interval=Interval(high=wish.interval.low)), True
    if wish and math.isinf(wish.interval.low) and math.isfinite(wish.interval.high):
        return wish._replace(interval=Interval(low=wish.interval.high)), True
    cursor.at = start
    return None


def _row(cursor: Cursor) -> tuple[Sweep, bool] | None:
    return (sweep, True) if (sweep := read_sweep(cursor)) else None


def _level(level: Level, negated: bool) -> Wish:
    """The wish for a level, or for what "not" leaves of it."""
    interval = level.opposite if negated else level.interval
    assert interval is not None
    return Wish(level.attribute, interval, level.attribute == "slant")


def _skip_nouns(cursor: Cursor) -> None:
    """Nouns that say no more than the adjective before them: bold strokes, a light hand."""
    if cursor.word() == "-" and cursor.word(1) in _ENDINGS:
        cursor.at += 2
    elif cursor.kind(1) not in NUMBERS and cursor.word(1) not in (":", "=", "of"):
        cursor.accept(_ENDINGS)
    while cursor.accept(_STROKES) or _accept_writer(cursor):
        pass


def _accept_writer(cursor: Cursor) -> bool:
    """Consume "hand", unless it begins a modifier: hand 12, hand of answer 12."""
    if cursor.word() not in WRITERS or cursor.kind(1) in NUMBERS or cursor.word(1) in ("of", "number", "#"):
        return False
    cursor.at += 1
    return True
