"""What is wrong with a prompt that can't be read, and how to correct it. Plain Python: no tensors, no screen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from engine.prompt.similar import similar_name, similar_word
from engine.prompt.tokens import NUMBERS, Token, count_at, count_value
from engine.prompt.vocabulary import DASHES, MOST_IN_GRID, Kind, Vocabulary

LONGEST_SHOWN = 40
"""Characters of a prompt that a message quotes."""
MOST_REPEATED = 6
"""The most times that a suggestion repeats a range: ten digits each, of at most 64."""
LIKE_A_YEAR = 100
"""A number from which on a dash beside it is more likely part of a date or a telephone number than of a range."""
EXCLUDING = ("not", "no", "never", "except", "excluding", "without")
"""Words that say which classes not to draw."""
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
    if not vocabulary.class_names:
        return _no_count(text, here, vocabulary)
    if here.kind in (Kind.UNKNOWN, Kind.NUMBER, Kind.DATE):
        return _unreadable(text, tokens, at, vocabulary)
    left = _side(tokens, at)
    if not left:
        return ParseError(_rule(here.kind, vocabulary, here.text), replace_tokens(text, [here], ""))
    after = at + len(left)
    link = next((token for token in tokens[after : after + 1] if token.kind in (Kind.TO, Kind.DASH, Kind.TIMES, Kind.RANDOM)), None)
    beyond = after + (link is not None)
    right = _side(tokens, beyond)
    if not right and (_is_worse(tokens[beyond : beyond + 1], vocabulary) or _is_misspelt(text, tokens[beyond:], vocabulary)):
        return _unreadable(text, tokens, beyond, vocabulary)
    if not right and tokens[beyond : beyond + 1] and tokens[beyond].kind is Kind.UNKNOWN and count_at(tokens, at):
        return ParseError(f"can't read {quote(tokens[beyond].text)}")  # the count in front of it is no fault
    if link is None:
        return _no_class(text, left, right, vocabulary)
    if right and link.kind is Kind.TIMES:
        swapped = " x ".join(text[side[0].start : side[-1].end] for side in (right, left))
        return ParseError(_rule(Kind.TIMES, vocabulary), replace_tokens(text, [*left, *right], swapped))
    if right and link.kind in (Kind.TO, Kind.DASH):
        return _no_range(text, tokens, (left, link, right), vocabulary)
    return ParseError(_rule(link.kind, vocabulary), replace_tokens(text, [link], ""))


def _no_count(text: str, here: Token, vocabulary: Vocabulary) -> ParseError:
    """What is wrong in a prompt without classes, which is one count."""
    if here.kind is Kind.UNKNOWN:
        return ParseError(
            f"can't read {quote(here.text)}: these pictures have no classes", replace_tokens(text, [here], similar_word(here.text, vocabulary))
        )
    return ParseError(
        f"a prompt is one count, since these pictures have no classes, and {quote(here.text)} does not belong to it", text[: here.start]
    )


def too_many_for_a_grid(vocabulary: Vocabulary) -> ParseError:
    """A grid of more classes than a prompt draws."""
    classes = len(vocabulary.class_names)
    some = f"{vocabulary.word(0)} to {vocabulary.word(MOST_IN_GRID - 1)}"
    return ParseError(
        f"a grid of all {classes:,} classes is more than the {MOST_IN_GRID} that a prompt draws; the screen Grid shows them in pages", some
    )


def _unreadable(text: str, tokens: Sequence[Token], at: int, vocabulary: Vocabulary) -> ParseError:
    """An unknown word, a number that is no digit, or a date before something that it would count."""
    here = tokens[at]
    if here.kind is Kind.NUMBER and not vocabulary.is_digits:
        return _no_class(text, [here], (), vocabulary)
    if here.kind is Kind.NUMBER:
        figures = re.sub("[./]", " ", here.text)
        return ParseError(f"{quote(here.text)} is not a {vocabulary.noun}", f"{text[: here.start]}{figures}{text[here.end :]}")
    if here.kind is Kind.DATE and not vocabulary.is_digits:
        return _no_class(text, [here], (), vocabulary)
    if here.kind is Kind.DATE:
        why = f"{quote(here.text)} is a date, which is drawn digit by digit; put a comma after it"
        return ParseError(why, f"{text[: here.end]}, {text[here.end :]}")
    if here.text in EXCLUDING and any(token.label is not None for token in tokens[at + 1 :]):
        return ParseError(f"{quote(here.text)} says what not to draw; name the {vocabulary.nouns} to draw instead")
    if not vocabulary.is_digits and (found := similar_name(text, tokens[at:], vocabulary)):
        length, name = found
        return ParseError(f"can't read {quote(here.text)}", replace_tokens(text, tokens[at : at + length], name))
    word = similar_word(here.text, vocabulary, can_count=_can_be_counted(tokens[at + 1 : at + 2]))
    return ParseError(f"can't read {quote(here.text)}", replace_tokens(text, [here], word))


def _is_worse(following: Sequence[Token], vocabulary: Vocabulary) -> bool:
    """Whether what follows a number is the first thing to correct: 3/4, or a misspelt plural that the number may count."""
    return any(
        token.kind is Kind.NUMBER
        or (token.kind is Kind.UNKNOWN and vocabulary.words.get(similar_word(token.text, vocabulary), (None, 0))[0] is Kind.PLURAL)
        for token in following
    )


def _is_misspelt(text: str, following: Sequence[Token], vocabulary: Vocabulary) -> bool:
    """Whether what follows a number is the name of a class, misspelt or cut."""
    return bool(following) and following[0].kind is Kind.UNKNOWN and not vocabulary.is_digits and bool(similar_name(text, following, vocabulary))


def _no_range(text: str, tokens: Sequence[Token], parts: tuple[Sequence[Token], Token, Sequence[Token]], vocabulary: Vocabulary) -> ParseError:
    """The parts look like a range, but either they are none, or what follows them counts something else or repeats them."""
    left, link, right = parts
    words = [*left, link, *right]
    if is_range(words):
        after = tokens.index(words[-1]) + 1
        if tokens[after : after + 1] and tokens[after].kind is Kind.TIMES and (count := count_at(tokens, after + 1)):
            return counted_range(text, [*words, *count], words, count_value(count))
        return ParseError("put a comma after a range", f"{text[: words[-1].end]}, {text[words[-1].end :]}")
    if right[0].kind is Kind.PLURAL:
        return ParseError(_rule(link.kind, vocabulary), replace_tokens(text, [link], ""))
    if link.kind is Kind.DASH and max(count_value(left), count_value(right)) >= LIKE_A_YEAR:
        return ParseError(_rule(Kind.TO, vocabulary), re.sub(rf"(?<=[0-9])[{DASHES}](?=[0-9])", " ", replace_tokens(text, [link], "")))
    return ParseError(_rule(Kind.TO, vocabulary), replace_tokens(text, words, _nearest_range(left, right, vocabulary)))


def _side(tokens: Sequence[Token], at: int) -> Sequence[Token]:
    """The count, class or plural at `at`; empty for none."""
    return count_at(tokens, at) or [token for token in tokens[at : at + 1] if token.kind in (Kind.CLASS, Kind.PLURAL)]


def _can_be_counted(following: Sequence[Token]) -> bool:
    """Whether a word before these tokens may be a count: before sevens, x 7, digits, random, dozen, or a misspelt plural."""
    kinds = (Kind.PLURAL, Kind.CLASS, Kind.TIMES, Kind.NOUN, Kind.RANDOM, Kind.MULTIPLE)
    return any(token.kind in kinds or (token.kind is Kind.UNKNOWN and token.text.endswith("s")) for token in following)


def is_range(tokens: Sequence[Token]) -> bool:
    """Whether the tokens are a range: a dash or "to" between two that name one class each, or two plurals."""
    if len(tokens) != 3 or tokens[1].kind not in (Kind.TO, Kind.DASH):
        return False
    ends = tokens[0], tokens[2]
    return all(end.label is not None for end in ends) and len({end.kind is Kind.PLURAL for end in ends}) == 1


def counted_range(text: str, words: Sequence[Token], repeated: Sequence[Token], count: int) -> ParseError:
    """`words` are a count and the range that is to be repeated."""
    written = ", ".join([text[repeated[0].start : repeated[-1].end]] * count) if 0 < count <= MOST_REPEATED else ""
    return ParseError("a range takes no count; write the range several times instead", replace_tokens(text, words, written) if written else "")


def _nearest_range(left: Sequence[Token], right: Sequence[Token], vocabulary: Vocabulary) -> str:
    """The range between two classes that is nearest to what was asked for, else that of all classes."""
    highest = len(vocabulary.class_names) - 1
    first, last = (min(side[0].label if len(side) == 1 and side[0].label is not None else count_value(side), highest) for side in (left, right))
    if first == last:
        first, last = 0, highest
    return f"{vocabulary.word(first)} to {vocabulary.word(last)}"


def _no_class(text: str, left: Sequence[Token], right: Sequence[Token], vocabulary: Vocabulary) -> ParseError:
    """`left` is a number that names no class; `right` may be what it was meant to count."""
    count = quote(text[left[0].start : left[-1].end])
    if not vocabulary.is_digits:
        names = [quote(name) for name in vocabulary.class_names[:CLASSES_LISTED]] + ["…"] * (len(vocabulary.class_names) > CLASSES_LISTED)
        why = f"{count} is not a class (the classes are {', '.join(names)})"
        if left[0].kind not in NUMBERS:
            return ParseError(why)
        same = next((name for name in vocabulary.quoted if name.isdecimal() and int(name) == count_value(left)), "")
        if same or not vocabulary.splits_figures:
            near = similar_name(text, left, vocabulary)
            return ParseError(why, replace_tokens(text, left, same or (near[1] if near else "")))
        return ParseError(why, f"{text[: left[-1].end]} random {text[left[-1].end :]}")
    why = f"{count} is not a digit (digits go from 0 to 9)"
    if len(right) == 1 and right[0].kind is Kind.DIGIT and right[0].label is not None:
        plural = f"{right[0].value}s" if right[0].text.isdecimal() else vocabulary.plural(right[0].label)
        return ParseError(why, replace_tokens(text, right, plural))
    return ParseError(why, replace_tokens(text, left, " ".join(str(count_value(left)))))


def _rule(kind: Kind, vocabulary: Vocabulary, word: str = "grid") -> str:
    """The rule that a word of this kind breaks where it stands."""
    noun, last = vocabulary.noun, len(vocabulary.class_names) - 1
    return {
        Kind.GRID: f"{quote(word)} draws every {noun} once, so nothing else can be drawn with it",
        Kind.TO: f"a range goes from one {noun} to another, {vocabulary.name(0)} to {vocabulary.name(last)} at most",
        Kind.DASH: f"a dash stands between two {vocabulary.nouns}; there are no negative numbers",
        Kind.TIMES: f"'x' goes between a count and a {noun}, in that order",
        Kind.RANDOM: "'random' takes only a count",
    }[kind]


def replace_tokens(text: str, tokens: Sequence[Token], replacement: str) -> str:
    """The text with a replacement for these tokens and whatever stands between them."""
    return f"{text[: tokens[0].start]} {replacement} {text[tokens[-1].end :]}"


def quote(text: str) -> str:
    """Quoted, escaped (combining marks too) and shortened, so that it is safe on any screen."""
    quoted = "".join(ascii(c)[1:-1] if unicodedata.category(c)[0] == "M" else c for c in repr(text[:LONGEST_SHOWN]))
    return quoted if len(quoted) <= LONGEST_SHOWN else f"{quoted[: LONGEST_SHOWN - 2]}…'"
