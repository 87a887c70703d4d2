"""A prompt's text as tokens, and the counts among them. Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from engine.prompt.vocabulary import DATE, Kind, Vocabulary

NUMBERS = (Kind.DIGIT, Kind.FIGURES, Kind.TEEN, Kind.TENS)


class Token(NamedTuple):
    """A word of a prompt."""

    kind: Kind
    value: int
    """Of a number."""
    label: int | None
    """The class it names; None for none."""
    text: str
    start: int
    end: int


def tokenize(text: str, vocabulary: Vocabulary) -> list[Token]:
    """The tokens of normalized text, without the words that mean nothing."""
    tokens = []
    for found in vocabulary.token.finditer(text):
        kind, value, label = _classify(found[0], vocabulary)
        if kind is not Kind.FILLER:
            tokens.append(Token(kind, value, label, found[0], *found.span()))
    return tokens


def _classify(word: str, vocabulary: Vocabulary) -> tuple[Kind, int, int | None]:
    """The kind, value and label of a word."""
    word = ".." if word.startswith("..") else " ".join(word.split())
    if word in vocabulary.words:
        kind, value = vocabulary.words[word]
        label = value if kind in (Kind.CLASS, Kind.PLURAL) else vocabulary.digit_labels.get(value) if kind is Kind.DIGIT else None
        return kind, value, label
    if DATE.fullmatch(word):
        return Kind.DATE, 0, None
    if "." in word[1:] or "/" in word[1:]:
        return Kind.NUMBER, 0, None
    if word[0] not in "0123456789" or word[-1] == "i":
        return Kind.UNKNOWN, 0, None
    if word[-1] == "s":
        label = vocabulary.digit_labels.get(int(word[0]))
        return Kind.UNKNOWN if label is None else Kind.PLURAL, 0, label
    value = int(word)
    return (Kind.DIGIT, value, vocabulary.digit_labels.get(value)) if len(word) == 1 else (Kind.FIGURES, value, None)


def count_at(tokens: Sequence[Token], at: int) -> Sequence[Token]:
    """The words of the count that starts at `at`, as many as belong to it: 12, twenty-five, two dozen, a hundred thousand. Empty for none."""
    kinds = [token.kind for token in tokens[at : at + 4]] + [Kind.END] * 4
    if kinds[0] is Kind.TENS and kinds[1] is Kind.DIGIT:
        length = 2
    elif kinds[0] is Kind.TENS and kinds[1:3] == [Kind.DASH, Kind.DIGIT]:
        length = 3
    else:
        length = int(kinds[0] in NUMBERS)
    end = at + length
    while end < len(tokens) and tokens[end].kind is Kind.MULTIPLE:
        end += 1
    return tokens[at:end]


def count_value(words: Sequence[Token]) -> int:
    """The value of a count: 25 for `twenty-five`, 24 for `two dozen`."""
    numbers = [word.value for word in words if word.kind is not Kind.MULTIPLE]  # the value of a dash is 0
    return prod((word.value for word in words if word.kind is Kind.MULTIPLE), start=sum(numbers) if numbers else 1)
