"""A prompt's text as tokens, and the counts among them. Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import NamedTuple

from engine.prompt.text import belong_together
from engine.prompt.vocabulary import DATE, DIFFERENT, JOINING, Kind, Vocabulary

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


def tokenize(text: str, vocabulary: Vocabulary, keep_fillers: bool = False) -> list[Token]:
    """The tokens of normalized text, by default without the words that mean nothing to the labels."""
    tokens, at = [], 0
    while found := vocabulary.token.search(text, at):
        start, end = found.span()
        kind, value, label = Kind.UNKNOWN, 0, None
        if name := _quoted_name(text, start, vocabulary):
            end, label = name
            kind = Kind.CLASS
        else:
            end = _end_of_name(text, start, end, vocabulary)
            kind, value, label = _classify(text[start:end], vocabulary)
        tokens.append(Token(kind, value, label, text[start:end], start, end))
        at = end
    for k, (token, after) in enumerate(pairwise(tokens)):
        if token.text in DIFFERENT and token.kind is Kind.UNKNOWN and after.kind is Kind.PLURAL:
            tokens[k] = token._replace(kind=Kind.FILLER)
    return tokens if keep_fillers else [token for token in tokens if token.kind is not Kind.FILLER]


def _quoted_name(text: str, at: int, vocabulary: Vocabulary) -> tuple[int, int] | None:
    """Where the name in quotes ends that begins at `at`, and its label; None for none."""
    if text[at] != '"' or (close := text.find('"', at + 1)) < 0:
        return None
    label = vocabulary.quoted.get(text[at + 1 : close])
    return None if label is None else (close + 1, label)


def _end_of_name(text: str, start: int, end: int, vocabulary: Vocabulary) -> int:
    """Where the longest name of a class that begins at `start` ends; `end`, that of the word there, if none does, or if a number is longer."""
    if not vocabulary.name_lengths or belong_together(text, start - 1, start):
        return end
    for length in vocabulary.name_lengths:
        after = start + length
        if after < end and text[start] in "0123456789.":
            break
        if after <= len(text) and _is_name(text[start:after], vocabulary) and not belong_together(text, after - 1, after):
            return after
    return end


def _is_name(word: str, vocabulary: Vocabulary) -> bool:
    found = vocabulary.look_up(word)
    return found is not None and found[0] in (Kind.CLASS, Kind.PLURAL)


def _classify(word: str, vocabulary: Vocabulary) -> tuple[Kind, int, int | None]:
    """The kind, value and label of a word."""
    word = ".." if not word.strip(".") and len(word) > 1 else " ".join(word.split())
    if found := vocabulary.look_up(word):
        kind, value = found
        if kind is Kind.CLASS and word.isascii() and word.isdecimal():
            return Kind.DIGIT, int(word), value
        return kind, value, value if kind in (Kind.CLASS, Kind.PLURAL) else vocabulary.number_label(value) if kind in NUMBERS else None
    if word in JOINING:
        return Kind.SEPARATOR, 0, None
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
    if kinds[0] is Kind.TENS and kinds[1] is Kind.DIGIT and tokens[at + 1].value < 10:
        length = 2
    elif kinds[0] is Kind.TENS and kinds[1:3] == [Kind.DASH, Kind.DIGIT] and tokens[at + 2].value < 10:
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


def number_label(words: Sequence[Token], vocabulary: Vocabulary) -> int | None:
    """The class whose name is this count, written in one word or in several; None for none."""
    if len(words) == 1 and words[0].kind is not Kind.MULTIPLE:
        return words[0].label
    if any(word.kind is Kind.MULTIPLE for word in words):
        return None
    return vocabulary.number_label(count_value(words))
