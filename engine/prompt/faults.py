"""What is wrong with a prompt that can't be read, and how to correct it. Plain Python: no tensors, no screen."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches

from engine.prompt.tokens import Token, count_at, count_value
from engine.prompt.vocabulary import DIGITS, Kind, Vocabulary

LONGEST_SHOWN = 40
"""Characters of a prompt that a message quotes."""
CLASSES_LISTED = 5
"""Class names that a message lists."""


class ParseError(Exception):
    """Parsing stopped. `corrected_text` is the text without this fault, though it may have others; "" if no correction is known."""

    def __init__(self, why: str, corrected_text: str = "") -> None:
        super().__init__(why)
        self.why, self.corrected_text = why, corrected_text


def explain_fault(text: str, tokens: Sequence[Token], at: int, vocabulary: Vocabulary) -> ParseError:
    """What is wrong where no item of the grammar starts at token `at`."""
    here = tokens[at]
    if here.kind is Kind.UNKNOWN:
        return ParseError(f"can't read {quote(here.text)}", replace_tokens(text, [here], similar_word(here.text, vocabulary)))
    left = _side(tokens, at)
    if not left:
        return ParseError(_rule(here.kind, vocabulary), replace_tokens(text, [here], ""))
    after = at + len(left)
    link = next((token for token in tokens[after : after + 1] if token.kind in (Kind.TO, Kind.DASH, Kind.TIMES, Kind.RANDOM)), None)
    right = _side(tokens, after + (link is not None))
    if link is None:
        return _no_class(text, left, right, vocabulary)
    if right and link.kind is Kind.TIMES:
        swapped = " x ".join(text[side[0].start : side[-1].end] for side in (right, left))
        return ParseError(_rule(Kind.TIMES, vocabulary), replace_tokens(text, [*left, *right], swapped))
    if right and link.kind in (Kind.TO, Kind.DASH):
        if _is_range(left, right):
            return ParseError("put a comma after a range", f"{text[: right[-1].end]}, {text[right[-1].end :]}")
        if right[0].kind is not Kind.PLURAL:
            return ParseError(_rule(Kind.TO, vocabulary), replace_tokens(text, [*left, *right], _nearest_range(left, right, vocabulary)))
    return ParseError(_rule(link.kind, vocabulary), replace_tokens(text, [link], ""))


def _side(tokens: Sequence[Token], at: int) -> Sequence[Token]:
    """The count, class or plural at `at`; empty for none."""
    return count_at(tokens, at) or [token for token in tokens[at : at + 1] if token.kind in (Kind.CLASS, Kind.PLURAL)]


def _is_range(left: Sequence[Token], right: Sequence[Token]) -> bool:
    """Whether a range goes from `left` to `right`: both name one class, or both are plurals."""
    sides = (*left, *right)
    return len(sides) == 2 and all(side.label is not None for side in sides) and len({side.kind is Kind.PLURAL for side in sides}) == 1


def _nearest_range(left: Sequence[Token], right: Sequence[Token], vocabulary: Vocabulary) -> str:
    """The range between two classes that is nearest to what was asked for, else that of all classes."""
    highest = len(vocabulary.class_names) - 1
    first, last = (min(side[0].label if len(side) == 1 and side[0].label is not None else count_value(side), highest) for side in (left, right))
    if first == last:
        first, last = 0, highest
    return f"{vocabulary.name(first)} to {vocabulary.name(last)}"


def _no_class(text: str, left: Sequence[Token], right: Sequence[Token], vocabulary: Vocabulary) -> ParseError:
    """`left` is a number that names no class; `right` may be what it was meant to count."""
    count = quote(text[left[0].start : left[-1].end])
    if not vocabulary.is_digits:
        names = [quote(name) for name in vocabulary.class_names[:CLASSES_LISTED]] + ["…"] * (len(vocabulary.class_names) > CLASSES_LISTED)
        return ParseError(f"{count} is not a class (the classes are {', '.join(names)})", f"{text[: left[-1].end]} random {text[left[-1].end :]}")
    why = f"{count} is not a digit (digits go from 0 to 9)"
    if len(right) == 1 and right[0].kind is Kind.DIGIT and right[0].label is not None:
        plural = f"{right[0].value}s" if right[0].text.isdecimal() else vocabulary.plural(right[0].label)
        return ParseError(why, replace_tokens(text, right, plural))
    return ParseError(why, replace_tokens(text, left, " ".join(str(count_value(left)))))


def _rule(kind: Kind, vocabulary: Vocabulary) -> str:
    """The rule that a word of this kind breaks where it stands."""
    noun, last = vocabulary.noun, len(vocabulary.class_names) - 1
    return {
        Kind.GRID: "'grid' or 'all' must be the whole prompt",
        Kind.TO: f"a range goes from one {noun} to another, {vocabulary.name(0)} to {vocabulary.name(last)} at most",
        Kind.DASH: f"a dash stands between two {vocabulary.nouns}; there are no negative numbers",
        Kind.TIMES: f"'x' goes between a count and a {noun}, in that order",
        Kind.RANDOM: "'random' takes only a count",
    }[kind]


def similar_word(word: str, vocabulary: Vocabulary) -> str:
    """The known word that is most like an unknown one, "" for none; ² and Ⅶ are like 2 and 7."""
    value = unicodedata.numeric(word, -1.0) if len(word) == 1 else -1.0
    if value in range(len(DIGITS)):
        return str(int(value))
    near = get_close_matches(word, vocabulary.known, n=1, cutoff=0.65 if len(word) < 4 else 0.7)
    return near[0] if near else ""


def replace_tokens(text: str, tokens: Sequence[Token], replacement: str) -> str:
    """The text with a replacement for these tokens and whatever stands between them."""
    return f"{text[: tokens[0].start]} {replacement} {text[tokens[-1].end :]}"


def quote(text: str) -> str:
    """Quoted, escaped (combining marks too) and shortened, so that it is safe on any screen."""
    quoted = "".join(ascii(c)[1:-1] if unicodedata.category(c)[0] == "M" else c for c in repr(text[:LONGEST_SHOWN]))
    return quoted if len(quoted) <= LONGEST_SHOWN else f"{quoted[: LONGEST_SHOWN - 2]}…'"
