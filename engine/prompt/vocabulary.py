"""The words of a prompt: what kind each one is to the grammar, and its value. Plain Python: no tensors, no screen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property, lru_cache

from engine.formatting import printable
from engine.prompt.plurals import plurals_of
from engine.prompt.text import normalize, normalize_name, normalize_quoted, quotable

MOST_IN_GRID = 64
"""Classes that one prompt can draw all of."""
LONGEST_EXAMPLE = 20
"""Characters of a class name that examples take."""
LONGEST_SHOWN = 40
"""Characters of a class name in a message."""


class Kind(Enum):
    """What a word is to the grammar."""

    DIGIT = auto()  # seven, 7, and 12 where a class has that name: a number, and the class of that name where there is one
    FIGURES = auto()  # 314: a count, or a class for each figure
    DATE = auto()  # 2026-11-27, 27/11/26: a class for each figure
    NUMBER = auto()  # 1.5, 3/4: a number that is neither
    TEEN = auto()  # ten to nineteen
    TENS = auto()  # twenty to ninety
    MULTIPLE = auto()  # dozen: multiplies the number before it
    CLASS = auto()  # boot, "12": a class whose name is not a number, or stands in quotes
    PLURAL = auto()  # sevens, 7s, boots
    RANDOM = auto()
    NOUN = auto()  # digits, pictures: what a count counts when no class is named
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
MULTIPLES = {"dozen": 12, "pair": 2, "couple": 2, "few": 3, "several": 5, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
HALF_DOZEN = ("half a dozen", "half dozen")
FILLERS = (
    *("a", "an", "the", "of", "some", "just", "only", "another", "me", "us", "i", "id", "you", "please", "now", "from", "for", "my", "our"),
    *("first", "finally", "lastly", "also", "row", "series", "sequence", "year", "thanks", "thank", "kindly"),
    *("house", "phone", "telephone", "zip", "pin", "code", "postcode", "lucky", "favourite", "favorite"),
    *("normal", "ordinary", "regular", "standard", "usual", "typical", "average"),
)
DIGIT_WORDS: dict[str, tuple[Kind, int]] = {
    **dict.fromkeys(("digits", "numbers"), (Kind.NOUN, 0)),
    **dict.fromkeys(("digit", "number"), (Kind.FILLER, 0)),
}
"""The words for what is drawn, where that is digits …"""
PICTURE_WORDS = dict.fromkeys((word + s for word in ("picture", "image", "photo", "sample", "drawing") for s in ("", "s")), (Kind.NOUN, 0))
"""… and where it is something else."""
CLASS_WORDS = dict.fromkeys(("class", "classes"), (Kind.NOUN, 0))
VERBS = ("draw", "show", "give", "make", "paint", "write", "sketch", "generate", "create", "can", "could", "want", "would", "like", "have", "need")
SEPARATORS = ("and", "then", "plus", *",;&+/|.:!?()[]{}、。")
JOINING = ("followed by", "next to", "along with", "together with", "as well as", "after that", "beside", "besides", "alongside")
"""Further separators, most of several words."""
DIFFERENT = ("different", "distinct", "various", "separate")
"""Before a plural they mean nothing: pictures of one class differ anyway."""
DASHES = "-‐‒–—−~"
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
GRAMMAR: dict[str, tuple[Kind, int]] = {
    **{word: (Kind.DIGIT, value) for value, word in enumerate(DIGITS)},
    **{word: (Kind.TEEN, value) for value, word in enumerate(TEENS, 10)},
    **{word: (Kind.TENS, 10 * value) for value, word in enumerate(TENS, 2)},
    **{word: (Kind.MULTIPLE, value) for word, value in MULTIPLES.items()},
    **dict.fromkeys(HALF_DOZEN, (Kind.MULTIPLE, 6)),
    **dict.fromkeys(("random", "randomly"), (Kind.RANDOM, 0)),
    **dict.fromkeys(("grid", "all", "every", "each"), (Kind.GRID, 0)),
    **dict.fromkeys(("to", "through", "thru", "until", "till", ".."), (Kind.TO, 0)),
    **dict.fromkeys(("x", "×", "*", "times"), (Kind.TIMES, 0)),
    **dict.fromkeys(DASHES, (Kind.DASH, 0)),
    **dict.fromkeys(SEPARATORS, (Kind.SEPARATOR, 0)),
    **dict.fromkeys(FILLERS + VERBS, (Kind.FILLER, 0)),
}
"""The words that any data set's prompts know; a number has its value, the others have none."""


@dataclass(frozen=True)
class Vocabulary:
    """The words of prompts for one data set, whose classes have these names. No names: there are no classes, and a prompt takes a count."""

    class_names: tuple[str, ...]
    describes: bool = False
    """Whether a prompt may also say what strokes look like, so that a misspelt word may have been meant so."""

    @cached_property
    def words(self) -> Mapping[str, tuple[Kind, int]]:
        """The kind and value of each word. The value of a CLASS or a PLURAL is its label. Names of classes come before grammar."""
        nouns = [*self._named, *((label, DIGITS[value]) for value, label in self.digit_labels.items())]
        plurals: dict[str, tuple[Kind, int]] = {}
        for label, noun in nouns:
            for word in plurals_of(noun):
                plurals.setdefault(word, (Kind.PLURAL, label))
        numbers = set(self.digit_labels.values())
        classes: dict[str, tuple[Kind, int]] = {}
        for label, name in self._named:
            if label not in numbers:
                classes.setdefault(name, (Kind.CLASS, label))
        return {**GRAMMAR, **self._nouns, **plurals, **classes}

    @cached_property
    def _nouns(self) -> Mapping[str, tuple[Kind, int]]:
        """The words for what is drawn."""
        if self.is_digits:
            return DIGIT_WORDS
        return {**PICTURE_WORDS, **(CLASS_WORDS if self.class_names else {})}

    @cached_property
    def digit_labels(self) -> Mapping[int, int]:
        """The label of each number from 0 to 9 that names a class, as a word or as a figure."""
        found = ((value, self._labels.get(word, self._labels.get(str(value)))) for value, word in enumerate(DIGITS))
        return {value: label for value, label in found if label is not None}

    def number_label(self, value: int) -> int | None:
        """The label of the class that is called by this number; None for none."""
        return self.digit_labels.get(value, self._labels.get(str(value)))

    @cached_property
    def splits_figures(self) -> bool:
        """Whether 314 is 3 1 4, as it is where no class is called by a number of several figures."""
        return not any(name.isdecimal() and len(name) > 1 for name in self._names)

    @cached_property
    def token(self) -> re.Pattern[str]:
        """Matches the next token, apart from the names of classes."""
        imaginary = [IMAGINARY] if self.words.get("i", (None, 0))[0] is Kind.FILLER else []
        dates = [DATE.pattern] if self.splits_figures and self.digit_labels else []
        joining = [phrase.replace(" ", r"\s+") + r"\b" for phrase in (*JOINING, *HALF_DOZEN)]
        return re.compile("|".join([*dates, *joining, NUMBER, *imaginary, r"[0-9]s\b", "[0-9]+", r"[^\W0-9_]+", r"\.{2,}", r"\S"]))

    @cached_property
    def name_lengths(self) -> Sequence[int]:
        """How many characters the names of classes and their plurals have, the longest first. Empty where single words are all that there is."""
        if self.is_digits:
            return ()
        return sorted({len(word) for word, (kind, _) in self.words.items() if kind in (Kind.CLASS, Kind.PLURAL)}, reverse=True)

    def look_up(self, word: str) -> tuple[Kind, int] | None:
        """The kind and value of a word; None for an unknown one. Where only capitals tell two classes apart, they count."""
        return self.words.get(word) or (self.words.get(word.casefold()) or self._any_case.get(word.casefold()) if self.case_matters else None)

    def normalize(self, text: str) -> str:
        """A prompt's text in the form that can be read. A name in quotes has `"` around it; other quotes are gone."""
        return normalize(text) if self.is_digits else normalize_quoted(text, self.quoted, self.case_matters)

    @cached_property
    def quoted(self) -> Mapping[str, int]:
        """The label of each name that may stand in quotes."""
        exact = {quotable(name, self.case_matters): label for label, name in reversed([*enumerate(self.class_names)])}
        return {**self._labels, **exact}

    @cached_property
    def known(self) -> Sequence[str]:
        """The words that a misspelt word may have been meant as, wherever it stands."""
        never = {Kind.FILLER, Kind.SEPARATOR} | (set(COUNTS) if self.class_names else {Kind.TO, Kind.TIMES})
        return [word for word, (kind, _) in self.words.items() if kind not in never and len(word) > 2]

    @cached_property
    def counts(self) -> Sequence[str]:
        """The words that a misspelt word may have been meant as where it can count something."""
        return [word for word, (kind, _) in self.words.items() if kind in COUNTS]

    @cached_property
    def case_matters(self) -> bool:
        """Whether only capitals tell two classes apart."""
        return len({quotable(name, False) for name in self.class_names}) < len({quotable(name, True) for name in self.class_names})

    @cached_property
    def is_digits(self) -> bool:
        """Whether the classes are the digits 0 to 9, in order."""
        return len(self.class_names) == len(DIGITS) and self.digit_labels == dict(enumerate(range(len(DIGITS))))

    @property
    def noun(self) -> str:
        """What messages call a class."""
        return "digit" if self.is_digits else "class" if self.class_names else "picture"

    @property
    def nouns(self) -> str:
        """What messages call classes."""
        return "digits" if self.is_digits else "classes" if self.class_names else "pictures"

    @cached_property
    def example(self) -> int:
        """The class that examples name: the first, or the shortest where that is long."""
        names = [self.name(label) for label in range(min(len(self.class_names), 1000))]
        return 0 if len(names[0]) <= LONGEST_EXAMPLE else min(range(len(names)), key=lambda label: len(names[label]))

    @property
    def examples(self) -> str:
        """Two prompts that can be read."""
        if not self.class_names:
            return "'5' or 'a dozen'"
        whole = "grid" if len(self.class_names) <= MOST_IN_GRID else "random"
        return "'three sevens' or '0-9'" if self.is_digits else f"'three {self.plural(self.example)}' or '{whole}'"

    def word(self, label: int) -> str:
        """The shortest word that calls a class in normalized text: its figure, else its name."""
        return next((str(value) for value, own in self.digit_labels.items() if own == label), self._names[label])

    def name(self, label: int) -> str:
        """The shortest word that people call a class by: its figure, else its name, cut where it is long."""
        return next((str(value) for value, own in self.digit_labels.items() if own == label), printable(self.class_names[label], LONGEST_SHOWN))

    def plural(self, label: int) -> str:
        """How people call several of a class."""
        return printable(plurals_of(self.class_names[label])[0], LONGEST_SHOWN)

    @cached_property
    def _labels(self) -> Mapping[str, int]:
        """The label of each name."""
        return {name: label for label, name in reversed(self._named)}

    @cached_property
    def _any_case(self) -> Mapping[str, tuple[Kind, int]]:
        """The words by their casefolded forms; the first of several."""
        return {word.casefold(): found for word, found in reversed([*self.words.items()])}

    @cached_property
    def _named(self) -> Sequence[tuple[int, str]]:
        """The labels that have a name to call them by."""
        return [(label, name) for label, name in enumerate(self._names) if name]

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(normalize_name(name, self.case_matters) for name in self.class_names)


@lru_cache(maxsize=16)
def vocabulary_for(class_names: tuple[str, ...], describes: bool = False) -> Vocabulary:
    """The vocabulary for classes of these names, made once."""
    return Vocabulary(class_names, describes)
