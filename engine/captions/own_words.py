"""Prompts for networks that learned from the captions of a data set: any text in the words of those. Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from engine.captions.facts import MOST_WORDS, split_words
from engine.config.condition_check import LONGEST_TEXT
from engine.config.model import ModelConfig
from engine.errors import PromptError
from engine.prompt.parser import Prompt

LIKE_KNOWN = 0.6
"""How similar a known word must be to one that is not, as difflib has it."""


def caption_words_of(model: ModelConfig | None) -> Collection[str] | None:
    """The words that a network knows from the captions of its data set; None for one that learned from none."""
    return model.text.words if model and model.text and model.conditions and model.data.texts else None


def read_caption(text: str, known: Collection[str], class_names: Sequence[str], refused: PromptError) -> Prompt:
    """One picture that shows what a text says, which the parser refused: of the first class that it names, or of none.

    Raises PromptError for a word that no caption has, with the text in the most similar words that some have; `refused` itself where it has no
    known word at all.
    """
    known, words = frozenset(known), split_words(text)
    unknown = [word for word in words if word not in known and any(char.isalnum() for char in word)]
    if not any(word in known for word in words if word.isalnum()):
        raise refused
    if unknown:
        near = {word: get_close_matches(word, sorted(known), 1, LIKE_KNOWN) for word in unknown}
        meant = " ".join(found[0] if (found := near.get(word)) else word for word in words if near.get(word) != [])
        raise PromptError(f"no caption that these weights learned from has the word {unknown[0]!r}; did you mean {meant!r}?", meant)
    text = " ".join(text.split())
    if len(words) > MOST_WORDS or len(text) > LONGEST_TEXT:
        raise PromptError(f"a caption has at most {MOST_WORDS} words, and this has {len(words)}; leave some out")
    if not class_names:
        return Prompt((0,), caption=text)
    named = [label for word in words for label, name in enumerate(class_names) if name.casefold() == word]
    return Prompt((named[0] if named else None,), caption=text)
