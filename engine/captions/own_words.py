"""Prompts for networks that learned from the captions of a data set: any text in the words of those. Plain Python: no tensors, no screen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from engine.captions.facts import MOST_WORDS, split_words
from engine.config.condition_check import LONGEST_TEXT
from engine.config.model import ModelConfig
from engine.errors import PromptError
from engine.prompt.faults import quote
from engine.prompt.parser import MAX_LABELS, Prompt
from engine.prompt.plurals import plurals_of
from engine.prompt.text import normalize
from engine.prompt.tokens import count_at, count_value, tokenize
from engine.prompt.vocabulary import vocabulary_for

LIKE_KNOWN = 0.6
"""How similar a known word must be to one that is not, as difflib has it."""


def caption_words_of(model: ModelConfig | None) -> Collection[str] | None:
    """The words that a network knows from the captions of its data set; None for one that learned from none."""
    return model.text.words if model and model.text and model.conditions and model.data.texts else None


def read_caption(text: str, known: Collection[str], class_names: Sequence[str], refused: PromptError) -> Prompt:
    """Pictures that show what a text says, which the parser refused: of the first class that it names, or of none.

    One picture, or as many as a count before the caption says: three red circles. Raises PromptError for a word that no caption has, with the
    text in the most similar words that some have; `refused` itself where it has no known word at all.
    """
    known = frozenset(known)
    count, text = _split_count(text, known, refused)
    words = split_words(text)
    unknown = [word for word in words if word not in known and any(char.isalnum() for char in word)]
    if not any(word in known for word in words if word.isalnum()):
        raise refused
    if unknown:
        near = {word: get_close_matches(word, sorted(known), 1, LIKE_KNOWN) for word in unknown}
        meant = " ".join(found[0] if (found := near.get(word)) else word for word in words if near.get(word) != [])
        meant = f"{count} {meant}" if count > 1 else meant
        raise PromptError(f"no caption that these weights learned from has the word {unknown[0]!r}; did you mean {meant!r}?", meant)
    text = " ".join(text.split())
    if len(words) > MOST_WORDS or len(text) > LONGEST_TEXT:
        raise PromptError(f"a caption has at most {MOST_WORDS} words, and this has {len(words)}; leave some out")
    if not class_names:
        return Prompt((0,) * count, caption=text)
    named = [label for word in words for label, name in enumerate(class_names) if name.casefold() == word]
    return Prompt((named[0] if named else None,) * count, caption=text)


def _split_count(text: str, known: Collection[str], refused: PromptError) -> tuple[int, str]:
    """The count that a text begins with, and the text of one: 3, "red circle" of three red circles. 1 and the text itself where captions count so."""
    line = normalize(text)
    counted = count_at(tokenize(line, vocabulary_for(())), 0)
    if not counted or all(word in known for word in split_words(line[counted[0].start : counted[-1].end])):
        return 1, text
    count, singulars = count_value(counted), {plural: word for word in known for plural in plurals_of(word) if word.isalpha()}
    if not count:
        raise refused
    if count > MAX_LABELS:
        raise PromptError(f"{quote(text)} is too much: a prompt draws at most {MAX_LABELS} pictures")
    words = split_words(line[counted[-1].end :])
    return count, " ".join(word if word in known else singulars.get(word, word) for word in words if word != "of" or "of" in known)
