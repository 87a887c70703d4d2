"""The words that a text encoder knows one by one: those of captions for training, and of prompts. Plain Python: no tensors, no screen."""

from __future__ import annotations

from functools import cache

from engine.captions import held_out
from engine.captions.facts import split_words
from engine.captions.nonsense import known_texts
from engine.captions.synonyms import (
    ADVERBS_OF,
    INCLINES,
    LEANS,
    NAMES,
    NAMES_OF_DIGITS,
    NOT,
    PLAIN,
    SIZES,
    VARIANT_PARTS,
    VARIANT_WORDS,
    WORDS,
)
from engine.captions.templates import FILLERS, TEMPLATES
from engine.captions.wording import SIDES, UPRIGHT
from engine.prompt.vocabulary import GRAMMAR


@cache
def known_words() -> tuple[str, ...]:
    """The words in alphabetical order, those of nonsense too. None of the held-out ones is among them."""
    nonsense = {word for text in known_texts() for word in split_words(text)}
    return tuple(sorted((caption_words() | nonsense) - held_out_words()))


@cache
def caption_words() -> frozenset[str]:
    """Those that occur in captions, whether they mean something or not."""
    texts = [*TEMPLATES, *FILLERS, *GRAMMAR, *LEANS, *INCLINES, *NOT, *PLAIN, *UPRIGHT]
    texts += ["slight gentle mild far with a without any in made of drawn having that which is looks has no strokes lines but left right"]
    for table in (WORDS, SIZES, NAMES, ADVERBS_OF, NAMES_OF_DIGITS, SIDES, VARIANT_WORDS, VARIANT_PARTS):
        texts += [word for words in table.values() for word in words]
    return frozenset(word for text in texts for word in split_words(text)) - held_out_words()


@cache
def held_out_words() -> frozenset[str]:
    """The words that no caption for training has."""
    texts = (*held_out.WORDS.values(), *held_out.VARIANT_WORDS.values(), *held_out.ADVERBS)
    return frozenset(word for text in texts for word in split_words(text) if word.isalpha())
