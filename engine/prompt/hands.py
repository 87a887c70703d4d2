"""Words for whose handwriting: in hand 12, in one hand, by the same writer, in the hand of answer 12. Plain Python: no tensors, no screen."""

from __future__ import annotations

from typing import Literal, NamedTuple

from engine.config.fields import MAX_SEED
from engine.prompt.cursor import Cursor
from engine.prompt.faults import ParseError
from engine.prompt.tokens import count_at, count_value
from engine.prompt.vocabulary import Kind

WRITERS = ("hand", "handwriting", "writer", "person", "author", "scribe", "writing")
_STYLES = ("style", "manner", "way")
"""What is the handwriting only after "the same"."""
_PLURALS = ("hands", "handwritings", "writers", "people", "persons", "authors", "scribes")
_BEFORE = ("as before", "as last time", "as the last answer", "as the last", "as in the last answer", "as that", "as above")
_SAME = ("one", "same", "single", "1")
_POSSESSIVE = ("persons", "writers", "authors", "scribes", "mans", "womans", "childs", "students", "hands")
_SOMEONES = ("somebodys", "someones", "anybodys", "anyones", *_POSSESSIVE)
"""Before "handwriting", without their apostrophes."""
_NEW = ("another", "different", "new", "other", "fresh", "else")
_MANY = ("different", "various", "separate", "many", "other", "several", "own", "new")


class HandTarget(NamedTuple):
    """Which handwriting is asked for: one with a number, that of an answer, one for all, another than before, or one for each picture."""

    kind: Literal["number", "answer", "one", "same", "new", "each"]
    number: int = 0
    """Of a hand, or of an answer: 0 for the last one. Of "each": how many hands; 0 for as many as pictures."""


def read_hand(cursor: Cursor) -> HandTarget | None:
    """A handwriting; the words "in" and "by" are read already. Raises ParseError where its number is missing."""
    start = cursor.at
    if found := _answers_hand(cursor) or _named(cursor):
        return found
    cursor.at = start
    cursor.accept(("the",))
    if word := cursor.accept(_SAME):
        if cursor.accept(_POSSESSIVE) and not cursor.accept(WRITERS):
            cursor.at -= 1
        elif cursor.word(-1) in WRITERS or cursor.accept((*WRITERS, *_STYLES)):
            return _as_before(cursor) or HandTarget("same" if word == "same" else "one")
    cursor.at = start
    cursor.accept(("a",))
    if cursor.accept(_SOMEONES) and cursor.accept(WRITERS):
        return HandTarget("one")
    cursor.at = start
    has_article = bool(cursor.accept(("a",))) or (start > 0 and cursor.word(-1) == "a")
    if not has_article and cursor.accept(("different",)) and cursor.accept(WRITERS):
        return HandTarget("each")
    if cursor.accept(_NEW) and (cursor.accept(WRITERS) or (cursor.accept(("persons",)) and cursor.accept(WRITERS))):
        return HandTarget("new")
    cursor.at = start
    cursor.accept(("its", "their", "his", "her"))
    if cursor.accept(("own",)) and cursor.accept((*WRITERS, *_PLURALS)):
        return HandTarget("each")
    cursor.at = start
    counted = count_at(cursor.tokens, cursor.at)
    cursor.at += len(counted)
    if cursor.accept(_MANY) and cursor.accept(_PLURALS):
        return HandTarget("each", count_value(counted) if counted else 0)
    cursor.at = start
    return None


def _as_before(cursor: Cursor) -> HandTarget | None:
    """What stands after "the same hand": as before, as in answer 12."""
    if any(cursor.accept_all(words) for words in _BEFORE):
        return HandTarget("answer")
    start = cursor.at
    if cursor.accept(("as",)):
        cursor.accept(("in", "of", "for"))
        if found := _named_answer(cursor):
            return found
        if cursor.accept(WRITERS) and (number := _number(cursor)) is not None:
            return HandTarget("number", number)
    cursor.at = start
    return None


def _named_answer(cursor: Cursor) -> HandTarget | None:
    """answer 12"""
    if not cursor.accept(("answer", "picture")):
        return None
    cursor.accept(("number", "#", "no"))
    number = _number(cursor)
    if number is None:
        raise ParseError("an answer has a number: in the hand of answer 12")
    return HandTarget("answer", number)


def _named(cursor: Cursor) -> HandTarget | None:
    """hand 12, the hand of answer 12."""
    start = cursor.at
    cursor.accept(("the",))
    word = cursor.accept((*WRITERS, "style"))
    if not word:
        cursor.at = start
        return None
    cursor.accept(("of", "from", "in"))
    cursor.accept(("the",))
    if any(cursor.accept_all(words) for words in ("last answer", "last picture", "last one")):
        return HandTarget("answer")
    if found := _named_answer(cursor):
        return found
    cursor.accept(("number", "#", "no", "nr", "seed"))
    number = _number(cursor)
    if number is not None:
        return HandTarget("number", number)
    cursor.at = start
    if word in ("hand", "handwriting"):
        raise ParseError("a hand has a number: in hand 12")
    return None


def _answers_hand(cursor: Cursor) -> HandTarget | None:
    """answer 12's hand, like answer 12 ("like" is read already)"""
    start = cursor.at
    if start and cursor.word(-1) == "like" and cursor.accept(("answer",)) and (number := _number(cursor)) is not None:
        return HandTarget("answer", number)
    cursor.at = start
    if cursor.accept(("answer",)) and (number := _number(cursor)) is not None and cursor.accept(("s", *WRITERS)):
        cursor.accept(WRITERS)
        return HandTarget("answer", number)
    cursor.at = start
    return None


def _number(cursor: Cursor) -> int | None:
    """A whole number, in figures or in words."""
    word = cursor.word()
    if word.isascii() and word.isdecimal():
        cursor.at += 1
        value = int(word)
    elif cursor.kind() in (Kind.DIGIT, Kind.TEEN, Kind.TENS):
        words = count_at(cursor.tokens, cursor.at)
        cursor.at += len(words)
        value = count_value(words)
    else:
        return None
    if value > MAX_SEED:
        raise ParseError(f"numbers of hands go up to {MAX_SEED}")
    return value
