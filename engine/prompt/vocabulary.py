"""The words of a prompt: what kind each one is to the grammar, and its value. Plain Python: no tensors, no screen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, cached_property

from engine.formatting import printable


class Kind(Enum):
    """What a word is to the grammar."""

    DIGIT = auto()  # seven, 7: a number from 0 to 9, and the class of that name where there is one
    FIGURES = auto()  # 314: a count, or a class for each figure
    DATE = auto()  # 2026-11-27, 27/11/26: a class for each figure
    NUMBER = auto()  # 1.5, 3/4: a number that is neither
    TEEN = auto()  # ten to nineteen
    TENS = auto()  # twenty to ninety
    MULTIPLE = auto()  # dozen: multiplies the number before it
    CLASS = auto()  # boot: a class whose name is not a number
    PLURAL = auto()  # sevens, 7s, boots
    RANDOM = auto()
    NOUN = auto()  # digits: what a count counts when no class is named
    GRID = auto()
    TO = auto()
    TIMES = auto()
    DASH = auto()
    SEPARATOR = auto()
    FILLER = auto()  # of, please: means nothing
    UNKNOWN = auto()
    END = auto()  # after the last word


COUNTS = (Kind.TEEN, Kind.TENS, Kind.MULTIPLE)
"""What names no class, and only counts."""

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
MULTIPLES = {"dozen": 12, "pair": 2, "couple": 2, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
FILLERS = ("a", "an", "the", "of", "some", "just", "only", "another", "digit", "number", "me", "us", "i", "you", "please", "now", "from", "for")
VERBS = ("draw", "show", "give", "make", "paint", "write", "sketch", "generate", "create", "can", "could", "want", "would", "like")
SEPARATORS = ("and", "then", "plus", *",;&+/|.:!?()[]{}、。")
DASHES = "-‐‒–—−~"
IRREGULAR_PLURALS = {"zero": ("zeroes", "zeros")}
SOUNDS_LIKE = {"ate": "eight", "won": "one", "too": "two", "fore": "four", "oh": "zero", "nought": "zero", "naught": "zero", "nil": "zero"}
"""Words that sound like a digit but are spelt differently."""

_DAY, _MONTH, _BESIDE = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])", "[0-9./-]"
DATE = re.compile(
    rf"(?<!{_BESIDE})(?:[0-9]{{4}}([./-]){_MONTH}\1{_DAY}|(?:{_DAY}([./-]){_MONTH}\2|{_MONTH}([./-]){_DAY}\3)(?:[0-9]{{4}}|[0-9]{{2}}))(?![./-]?[0-9])"
)
"""2026-11-27, 27.11.2026, 27/11/26, 11/27/26. Neither 1-2-3 nor 3/4 is a date."""
NUMBER = "[0-9]+(?:[./][0-9]+)+"
"""1.5, 3/4"""
IMAGINARY = r"(?<![^\W_])i[0-9]+(?![^\W_])|[0-9]+i(?![^\W_])"
"""i3, 3i: the word "i" means nothing, but it does not stand directly beside a number."""
_INVISIBLE = re.compile("[\N{VARIATION SELECTOR-1}-\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP}]")
"""What turns a character, such as 7, into an emoji."""

GRAMMAR: dict[str, tuple[Kind, int]] = {
    **{word: (Kind.DIGIT, value) for value, word in enumerate(DIGITS)},
    **{word: (Kind.TEEN, value) for value, word in enumerate(TEENS, 10)},
    **{word: (Kind.TENS, 10 * value) for value, word in enumerate(TENS, 2)},
    **{word: (Kind.MULTIPLE, value) for word, value in MULTIPLES.items()},
    **dict.fromkeys(("random", "randomly"), (Kind.RANDOM, 0)),
    **dict.fromkeys(("digits", "numbers"), (Kind.NOUN, 0)),
    **dict.fromkeys(("grid", "all"), (Kind.GRID, 0)),
    **dict.fromkeys(("to", "through", "thru", "until", "till", ".."), (Kind.TO, 0)),
    **dict.fromkeys(("x", "×", "*", "times"), (Kind.TIMES, 0)),
    **dict.fromkeys(DASHES, (Kind.DASH, 0)),
    **dict.fromkeys(SEPARATORS, (Kind.SEPARATOR, 0)),
    **dict.fromkeys(FILLERS + VERBS, (Kind.FILLER, 0)),
}
"""The words that any data set's prompts know; a number has its value, the others have none."""


@dataclass(frozen=True)
class Vocabulary:
    """The words of prompts for one data set, whose classes have these names."""

    class_names: tuple[str, ...]

    @cached_property
    def words(self) -> Mapping[str, tuple[Kind, int]]:
        """The kind and value of each word. The value of a CLASS or a PLURAL is its label."""
        nouns = [*self._named, *((label, DIGITS[value]) for value, label in self.digit_labels.items())]
        plurals = {word: (Kind.PLURAL, label) for label, noun in nouns for word in plurals_of(noun)}
        classes = {name: (Kind.CLASS, label) for label, name in self._named if label not in self.digit_labels.values()}
        return {**GRAMMAR, **plurals, **classes}

    @cached_property
    def digit_labels(self) -> Mapping[int, int]:
        """The label of each number from 0 to 9 that names a class, as a word or as a figure."""
        names = {name: label for label, name in self._named}
        found = ((value, names.get(word, names.get(str(value)))) for value, word in enumerate(DIGITS))
        return {value: label for value, label in found if label is not None}

    @cached_property
    def token(self) -> re.Pattern[str]:
        """Matches the next token. Class names of several words come first, the longest before the others."""
        names = [word for word, (kind, _) in self.words.items() if kind in (Kind.CLASS, Kind.PLURAL) and not word.isalpha()]
        phrases = [rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(names, key=len, reverse=True)]
        imaginary = [IMAGINARY] if self.words.get("i", (None, 0))[0] is Kind.FILLER else []
        return re.compile("|".join([DATE.pattern, *phrases, NUMBER, *imaginary, r"[0-9]s\b", "[0-9]+", r"[^\W0-9_]+", r"\.{2,}", r"\S"]))

    @cached_property
    def known(self) -> Sequence[str]:
        """The words that a misspelt word may have been meant as, wherever it stands."""
        kinds = (Kind.FILLER, Kind.SEPARATOR, *COUNTS)
        return [word for word, (kind, _) in self.words.items() if kind not in kinds and len(word) > 2]

    @cached_property
    def counts(self) -> Sequence[str]:
        """The words that a misspelt word may have been meant as where it can count something."""
        return [word for word, (kind, _) in self.words.items() if kind in COUNTS]

    @cached_property
    def is_digits(self) -> bool:
        """Whether the classes are the digits 0 to 9, in order."""
        return self.digit_labels == dict(enumerate(range(len(DIGITS)))) and len(self.class_names) == len(DIGITS)

    @property
    def noun(self) -> str:
        """What messages call a class."""
        return "digit" if self.is_digits else "class"

    @property
    def nouns(self) -> str:
        """What messages call classes."""
        return "digits" if self.is_digits else "classes"

    @property
    def examples(self) -> str:
        """Two prompts that can be read."""
        return "'three sevens' or '0-9'" if self.is_digits else f"'three {self.plural(0)}' or 'grid'"

    def name(self, label: int) -> str:
        """The shortest word that a prompt can call a class by: its figure, else its name."""
        return next((str(value) for value, own in self.digit_labels.items() if own == label), printable(self._names[label], 40))

    def plural(self, label: int) -> str:
        return printable(plurals_of(self._names[label])[0], 40)

    @property
    def _named(self) -> list[tuple[int, str]]:
        """The labels that have a name to call them by."""
        return [(label, name) for label, name in enumerate(self._names) if name]

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(" ".join(normalize(name).split()) for name in self.class_names)


@cache
def vocabulary_for(class_names: tuple[str, ...]) -> Vocabulary:
    """The vocabulary for classes of these names, made once."""
    return Vocabulary(class_names)


def plurals_of(name: str) -> tuple[str, ...]:
    """The plurals of a class name; the first is the usual one."""
    if name in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[name]
    if name.endswith(("s", "x", "z", "ch", "sh")):
        return (f"{name}es",)
    if name.endswith("y") and not name.endswith(("ay", "ey", "oy", "uy")):
        return (f"{name[:-1]}ies",)
    return (f"{name}s",)


def normalize(text: str) -> str:
    """Lower case, without quotes, with decimal digits, emoji of digits and full-width letters as ASCII. Other numerals stay, and are refused."""
    text = _INVISIBLE.sub("", text)
    folded = (str(unicodedata.decimal(c, c)) if c.isnumeric() else unicodedata.normalize("NFKC", c) for c in text)
    return re.sub("['\"`‘’“”]", "", "".join(folded).casefold())
