"""The known word or class name that is most like an unknown one. Plain Python: no tensors, no screen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from itertools import takewhile

from engine.prompt.levels import SIDES, WORDS
from engine.prompt.tokens import Token
from engine.prompt.variant_words import ADJECTIVES as VARIANTS
from engine.prompt.variant_words import NOUNS
from engine.prompt.vocabulary import DIGITS, IMAGINARY, SOUNDS_LIKE, Kind, Vocabulary

SHORTEST = 3
"""Letters of a word that is taken for a misspelt one."""
LIKE_A_NAME = 0.75
"""How similar a misspelt class name must be, as difflib has it."""
MOST_WORDS = 4
"""Words of a class name that is misspelt."""
MANY = 500
"""Known words from which on only those of about the same length and with the same first or last letter are compared."""

DESCRIPTIONS = sorted(
    {
        *(word for word in WORDS if len(word) > SHORTEST),
        *SIDES,
        *("not", "with", "without"),
        *(words[0] for table in (VARIANTS, NOUNS) for words in table if len(words) == 1),
        *("hand", "handwriting", "writer", "thickness", "slant", "width", "length", "again"),
    }
)
"""Words that say what strokes look like."""


def similar_word(word: str, vocabulary: Vocabulary, can_count: bool = False) -> str:
    """The known word that is most like an unknown one, "" for none; ² and Ⅶ are like 2 and 7.

    Numbers above nine are meant only by words that are very like them, where they `can_count` something: alone they are no class.
    """
    value = unicodedata.numeric(word, -1.0) if len(word) == 1 else -1.0
    if value in range(len(DIGITS)):
        return str(int(value))
    if re.fullmatch(IMAGINARY, word):
        return word.strip("i")
    if SOUNDS_LIKE.get(word) in vocabulary.words:
        return SOUNDS_LIKE[word]
    counts = get_close_matches(word, vocabulary.counts, n=1, cutoff=0.8) if can_count else []
    if len(word) < SHORTEST:
        return ""
    every = [*vocabulary.known, *DESCRIPTIONS] if vocabulary.describes else vocabulary.known
    close = get_close_matches(word, _comparable(word, every), n=3, cutoff=0.65 if len(word) < 4 else 0.7)
    near = counts or [
        known
        for known in sorted(close, key=lambda known: not is_one_slip(word, known))
        if known[0] == word[0] or (known[-1] == word[-1] and abs(len(known) - len(word)) <= 1)  # few slips change both ends
    ]
    return near[0] if near else ""


def is_one_slip(written: str, word: str) -> bool:
    """Whether one letter was left out, doubled or added, replaced, or exchanged with the next (Damerau 1964). Of short words none is replaced."""
    if len(word) - len(written) == 1:
        return any(word[:k] + word[k + 1 :] == written for k in range(len(word)))
    if len(written) - len(word) == 1:
        return len(written) > SHORTEST and any(written[:k] + written[k + 1 :] == word for k in range(len(written)))
    if len(written) != len(word):
        return False
    differ = [k for k, (a, b) in enumerate(zip(written, word, strict=True)) if a != b]
    if len(differ) != 2:
        return len(differ) < 2 and len(written) > SHORTEST
    first, second = differ
    return second == first + 1 and (written[first], written[second]) == (word[second], word[first])


def similar_name(text: str, tokens: Sequence[Token], vocabulary: Vocabulary) -> tuple[int, str] | None:
    """How many of the tokens, from the first on, are a misspelt or an incomplete class name, and that name; None for none."""
    parts = _names_by_part(vocabulary)
    together = takewhile(lambda token: token.kind is not Kind.SEPARATOR, tokens[:MOST_WORDS])
    written = [text[tokens[0].start : token.end] for token in together]
    longest_first = [(length, words) for length, words in reversed([*enumerate(written, 1)]) if len(words) >= SHORTEST]
    for length, words in longest_first:
        if words in parts:
            return length, parts[words]
    for length, words in longest_first:
        if near := get_close_matches(words, _comparable(words, parts), n=1, cutoff=LIKE_A_NAME):
            return length, parts[near[0]]
    return None


@lru_cache(maxsize=4)
def _names_by_part(vocabulary: Vocabulary) -> Mapping[str, str]:
    """What people may write for a class name or its plural: all of it, each side of a slash or a comma, each word. The first class of several."""
    parts: dict[str, str] = {}
    names = [word for wanted in (Kind.CLASS, Kind.PLURAL) for word, (kind, _) in vocabulary.words.items() if kind is wanted]
    for name in names:
        parts.setdefault(name, name)
    for name in names:
        for part in (*_pieces(name, r"\s*[/,;:()&+]\s*"), *_pieces(name, r"[\W_]+")):
            parts.setdefault(part, name)
    return parts


def _pieces(name: str, between: str) -> Iterable[str]:
    return (piece for piece in re.split(between, name) if len(piece) >= SHORTEST)


def _comparable(word: str, known: Collection[str]) -> Collection[str]:
    """Those of many known words that can be similar at all; few slips change both ends."""
    if len(known) < MANY:
        return known
    least, most = len(word) * 0.5, len(word) * 2
    return [other for other in known if least <= len(other) <= most and (other[0] == word[0] or other[-1] == word[-1])]
