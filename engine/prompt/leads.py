"""Words before a quality that only lead to it: with, in, that is, not, very, an article; and those for all digits. No tensors, no screen."""

from __future__ import annotations

from dataclasses import dataclass

from engine.prompt.cursor import Cursor
from engine.prompt.levels import Degree
from engine.prompt.thesaurus import ADJECTIVES, ADVERBS
from engine.prompt.tokens import NUMBERS
from engine.prompt.vocabulary import Kind

MOST_LEADS = 10
"""Words before a quality that only lead to it."""
ARTICLES = ("a", "an", "the", "some", "any", "its")
_WITH = ("with", "has", "have", "having", "showing")
_STANDING = ("standing on", "sitting on", "resting on", "on top of", "stands on", "sits on", "rests on", "on")
NEGATIONS = ("not", "isnt", "arent", "never", "non", "no", "without", "doesnt", "dont", "lacking", "cant", "neither", "nor", "hardly", "scarcely")
_WITHOUT = ("no", "without", "lacking")
_AFTER_NEGATION = ("too", "so", "that", "-", "make", "draw", "write", "it", "them")
_OTHER_LEADS = """in that which is are but being drawn written made done by of from using at looking though yet it thats like even
    whose was should be must instead stays kept only just look looks who does do still rendered"""
_LEADS = tuple(_OTHER_LEADS.split())
_NOUNS = """stroke strokes line lines pen brush ink marker pencil type lettering font style script shape form written drawn letters numerals
    characters print"""
STROKES = tuple(_NOUNS.split())
_ALL = ("all", "both", "each", "everything", "them", "these", "those")
LEADING = {*_WITH, *_LEADS, *NEGATIONS, *(words[0] for words in ADVERBS if len(words) == 1)}
"""Words that only lead to a quality."""


@dataclass(slots=True)
class Lead:
    """What stands before a quality."""

    negated: bool = False
    degree: Degree | None = None
    has_with: bool = False
    """So that a noun may follow: with a crossbar."""
    follows: bool = False
    has_article: bool = False


def accept_all_digits(cursor: Cursor) -> bool:
    """Consume what says that all digits before are meant: all, both of them, every digit, that both."""
    start = cursor.at
    if cursor.word(-1) == "of":
        return False  # one of them bold
    cursor.accept(("that", "which", "who", "where", "with", "and"))
    cursor.accept(("is", "are", "being"))
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


def read_leads(cursor: Cursor) -> Lead:
    """The words before a quality, as many as there are."""
    lead = Lead()
    for _ in range(MOST_LEADS):
        if cursor.word(1) == "-" and (cursor.word(), "-", cursor.word(2)) in ADJECTIVES:
            break  # drawn-out
        if lead.negated and (cursor.accept(_AFTER_NEGATION) or cursor.accept_all("at all") or cursor.accept_all("all that")):
            continue  # "not too bold", and "don't make it bold", are no more than "not bold"
        if (degree := cursor.longest(ADVERBS)) is not None:
            lead.degree = max(lead.degree or degree, degree)
            if cursor.word() == "-" and (cursor.word(1),) in ADJECTIVES:
                cursor.at += 1  # extra-bold
        elif cursor.accept(ARTICLES):
            lead.has_article = not lead.follows
        elif word := cursor.accept(NEGATIONS):
            lead.negated, lead.follows = not lead.negated, True
            lead.has_with = lead.has_with or word in _WITHOUT
        elif cursor.accept(_WITH) or any(cursor.accept_all(words) for words in _STANDING):
            lead.has_with = lead.follows = True
        elif lead.follows and _introduces_strokes(cursor) and cursor.accept(STROKES):
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
