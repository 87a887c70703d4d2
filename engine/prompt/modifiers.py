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
from engine.prompt.hands import WRITERS, HandTarget, read_hand
from engine.prompt.leads import ARTICLES, LEADING, STROKES, Lead, accept_all_digits, read_leads
from engine.prompt.levels import Degree, Level
from engine.prompt.phrase import Target
from engine.prompt.relative import Again, Shift, read_again, read_bound, read_shift
from engine.prompt.rows import Sweep, read_sweep
from engine.prompt.slants import read_lean
from engine.prompt.superlatives import read_utmost
from engine.prompt.thesaurus import ADJECTIVES
from engine.prompt.tokens import NUMBERS, Token
from engine.prompt.variant_words import VariantTarget, read_variant
from engine.prompt.vocabulary import Kind

Meaning = Target | VariantTarget | HandTarget | Sweep | Shift | Again

_AFTER_NOT = ("at all", "in the least", "in any way", "whatsoever")
_ENDINGS = ("weight", "ish", "looking", "faced", "stroked", "lined", "style", "styled")
"""Of adjectives: heavy-weight, bold-looking."""
_SIZES = """tall taller tallest high higher highest height big bigger biggest large larger largest small smaller smallest tiny tiniest huge
    giant gigantic enormous minuscule oversized size sized"""
_FIXED = tuple(_SIZES.split())


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
    is_for_all = has_digits_before and accept_all_digits(cursor)
    lead = Lead()
    found: tuple[Meaning, bool] | None = _row(cursor)
    if found is None:
        lead = read_leads(cursor)
        found = _read_quality(cursor, lead)
    if found is None:
        cursor.at = start
        return None
    meaning, follows = found
    if lead.negated:
        any(cursor.accept_all(words) for words in _AFTER_NOT)
    tokens = cursor.tokens
    if cursor.kind() is Kind.NOUN and tokens[start].text in ("in", "using", "as"):
        cursor.at += 1  # 911 in thin digits
    has_article = lead.has_article or any(token.text in ARTICLES for token in tokens[max(start - 1, 0) : start])
    return Modifier(meaning, tokens[start].start, tokens[cursor.at - 1].end, follows or lead.follows, has_article, is_for_all)


def _read_quality(cursor: Cursor, lead: Lead) -> tuple[Meaning, bool] | None:
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


def _affirmed(cursor: Cursor, lead: Lead) -> tuple[Meaning, bool] | None:
    """A quality that makes sense only without a "not"."""
    if lead.degree is None and (row := _row(cursor)):
        return row
    if bound := read_bound(cursor):
        return bound, True
    if shift := read_shift(cursor, lead.degree or Degree.PLAIN):
        return shift, False
    if target := read_measure(cursor) or read_dimension(cursor):
        _skip_nouns(cursor)
        return target, True
    if hand := read_hand(cursor):
        return hand, True
    return (again, False) if (again := read_again(cursor)) else None


def _negated_bound(cursor: Cursor) -> tuple[Target, bool] | None:
    """What "not" leaves of a bound: no thicker than 2 px, not more than 3 px thick."""
    start = cursor.at
    target = read_bound(cursor) or read_measure(cursor) or read_dimension(cursor)
    if target and math.isinf(target.interval.high) and math.isfinite(target.interval.low):
        return target._replace(interval=Interval(high=target.interval.low)), True
    if target and math.isinf(target.interval.low) and math.isfinite(target.interval.high):
        return target._replace(interval=Interval(low=target.interval.high)), True
    cursor.at = start
    return None


def _row(cursor: Cursor) -> tuple[Sweep, bool] | None:
    return (sweep, True) if (sweep := read_sweep(cursor)) else None


def _level(level: Level, negated: bool) -> Target:
    """The target for a level, or for what "not" leaves of it."""
    interval = level.opposite if negated else level.interval
    assert interval is not None
    return Target(level.attribute, interval, level.attribute == "slant")


def _skip_nouns(cursor: Cursor) -> None:
    """Nouns that say no more than the adjective before them: bold strokes, a light hand."""
    if cursor.word() == "-" and cursor.word(1) in _ENDINGS:
        cursor.at += 2
    elif cursor.kind(1) not in NUMBERS and cursor.word(1) not in (":", "=", "of"):
        cursor.accept(_ENDINGS)
    while (cursor.word(1) != "-" and cursor.accept(STROKES)) or _accept_writer(cursor):
        pass


def _accept_writer(cursor: Cursor) -> bool:
    """Consume "hand", unless it begins a modifier: hand 12, hand of answer 12."""
    if cursor.word() not in WRITERS or cursor.kind(1) in NUMBERS or cursor.word(1) in ("of", "number", "#"):
        return False
    cursor.at += 1
    return True
