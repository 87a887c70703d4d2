"""The words of captions for levels, variants and digits: those that prompts know, and more, apart from what is held out. Plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from engine.captions import held_out
from engine.config.condition import AttributeName
from engine.prompt.levels import ADJECTIVES, ADVERBS, LEANING, Degree, Level
from engine.prompt.thesaurus import IN_CAPTIONS
from engine.prompt.variant_words import ADJECTIVES as VARIANT_ADJECTIVES
from engine.prompt.variant_words import NOUNS as VARIANT_NOUNS
from engine.prompt.vocabulary import DIGITS

Key = tuple[AttributeName, int]
"""An attribute and a side."""


def _levels() -> dict[Level, list[str]]:
    found: dict[Level, list[str]] = defaultdict(list)
    for words, level in ADJECTIVES.items():
        if not (len(words) == 2 and words[1] in _NOUNS):
            found[level].append(" ".join(words).replace(" - ", "-"))
    for (attribute, side), further in IN_CAPTIONS.items():
        found[Level(attribute, side)] += further.split()
    out = {word for words in held_out.WORDS.values() for word in words.split()}
    return {level: [word for word in words if word not in out] for level, words in found.items()}


_NOUNS = ("thickness", "weight", "width", "length")
WORDS: Mapping[Level, Sequence[str]] = _levels()
"""The adjectives of each level that has some of its own. The degrees of the others are those of an adverb and a plain adjective."""
HELD_OUT_WORDS: Mapping[Level, Sequence[str]] = {Level(*key): words.split() for key, words in held_out.WORDS.items()}

SIZES: Mapping[int, Sequence[str]] = {1: ("high", "large"), 0: ("medium", "average", "normal", "usual", "regular", "moderate"), -1: ("low", "small")}
"""Adjectives before "thickness", "width" and "length"."""
NAMES: Mapping[AttributeName, Sequence[str]] = {"thickness": ("thickness", "weight"), "width": ("width",), "length": ("length",)}

LEANS = tuple(word for word in LEANING if word not in ("lean", "slant", "tilt", "slope", "slopes", "tilts", "slants"))
"""Before "left" or "right"."""
INCLINES = ("slant", "tilt", "lean", "slope")
"""After "with a": a tilt to the left."""
_UNFIT = "a lot, a hint, a slight, slight, gentle, mild, much, very much, hard, well, far, too, so, way, heavily, steeply, just a bit, much"
_UNFIT_FOR_ADJECTIVES = frozenset(_UNFIT.split(", "))


def _adverbs(degree: Degree) -> tuple[str, ...]:
    every = (" ".join(words) for words, of in ADVERBS.items() if of is degree)
    return tuple(adverb for adverb in every if adverb not in _UNFIT_FOR_ADJECTIVES and adverb not in held_out.ADVERBS)


ADVERBS_OF: Mapping[Degree, Sequence[str]] = {degree: _adverbs(degree) for degree in Degree}
"""Those that can stand before an adjective."""
USUAL_ADVERBS: Mapping[Degree, Sequence[str]] = {
    Degree.VERY: ("very", "extremely", "really"),
    Degree.SLIGHT: ("slightly", "a bit", "a little"),
    Degree.PLAIN: ("quite", "rather", "fairly"),
}
NOT = ("not", "not", "not", "not too", "not so", "not that", "never")


def _variants(tables: Iterable[Mapping[tuple[str, ...], tuple[str, bool]]]) -> dict[tuple[str, bool], list[str]]:
    out = {word.strip() for words in held_out.VARIANT_WORDS.values() for word in words.split(",")}
    found: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for table in tables:
        for words, (name, wanted) in table.items():
            word = " ".join(words).replace(" - ", "-")
            if name and word not in out and words[0] not in _PLURALS:
                found[name, wanted].append(word)
    return dict(found)


_PLURALS = ("crossbars", "bars", "loops", "curls", "bases", "feet", "serifs")
VARIANT_WORDS: Mapping[tuple[str, bool], Sequence[str]] = _variants([VARIANT_ADJECTIVES])
"""Adjectives of each variant, and of digits without it."""
VARIANT_PARTS: Mapping[tuple[str, bool], Sequence[str]] = _variants([VARIANT_NOUNS])
"""What a digit with a variant, or without it, has."""
HELD_OUT_VARIANT_WORDS: Mapping[tuple[str, bool], Sequence[str]] = {key: words.split(", ") for key, words in held_out.VARIANT_WORDS.items()}
PLAIN = ("plain", "simple", "bare", "unadorned")
"""Without the variant that the digit can have."""


def _names(label: int) -> tuple[str, ...]:
    word, figure = DIGITS[label], str(label)
    return (word, word, word, figure, figure, figure, f"digit {word}", f"digit {figure}", f"number {word}", f"number {figure}")


NAMES_OF_DIGITS: Mapping[int | None, Sequence[str]] = {
    None: ("digit", "digit", "number", "numeral", "figure"),
    **{label: _names(label) for label in range(10)},
}
"""How each digit is called, and one that is not named."""
