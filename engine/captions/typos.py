"""Slips of the fingers in a caption. Plain Python: no tensors, no screen."""

from __future__ import annotations

import random
import re
from functools import cache

from engine.captions.facts import split_words
from engine.captions.held_out import VARIANT_WORDS as HELD_OUT_VARIANT_WORDS
from engine.captions.held_out import WORDS as HELD_OUT_WORDS
from engine.captions.synonyms import VARIANT_PARTS, WORDS
from engine.captions.synonyms import VARIANT_WORDS as TRAINED_VARIANT_WORDS
from engine.prompt.levels import WORDS as KNOWN
from engine.prompt.vocabulary import DIGITS

SHORTEST = 4
"""Letters of a word that gets typos; in shorter ones a slip easily makes another word."""
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
TRIES = 20
_WORD = re.compile(rf"[a-z]{{{SHORTEST},}}")


@cache
def meaningful_words() -> frozenset[str]:
    """Words that mean something in captions, so that no typo may become one: nine, fine."""
    texts = [*DIGITS, *KNOWN, *HELD_OUT_WORDS.values(), *HELD_OUT_VARIANT_WORDS.values()]
    for table in (WORDS, TRAINED_VARIANT_WORDS, VARIANT_PARTS):
        texts += [word for words in table.values() for word in words]
    return frozenset(word for text in texts for word in split_words(text))


def misspell(rng: random.Random, text: str, slips: int = 1) -> str:
    """The text with this many slips in its longer words, at most one in each; fewer where there are too few such words."""
    places = [found.span() for found in _WORD.finditer(text)]
    chosen = sorted(rng.sample(places, min(slips, len(places))), reverse=True)
    for start, end in chosen:
        for _ in range(TRIES):
            slipped = _slip(rng, text[start:end])
            if slipped != text[start:end] and slipped not in meaningful_words():
                text = text[:start] + slipped + text[end:]
                break
    return text


def _slip(rng: random.Random, word: str) -> str:
    """A letter left out, doubled, exchanged with the next, or replaced by its neighbour on the keyboard."""
    k = rng.randrange(len(word))
    way = rng.randrange(4)
    if way == 0:
        return word[:k] + word[k + 1 :]
    if way == 1:
        return word[:k] + word[k] + word[k:]
    if way == 2:
        k = min(k, len(word) - 2)
        return word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    return word[:k] + _neighbour(rng, word[k]) + word[k + 1 :]


def _neighbour(rng: random.Random, letter: str) -> str:
    row = next(row for row in ROWS if letter in row)
    at = row.index(letter)
    return rng.choice(row[max(at - 1, 0) : at] + row[at + 1 : at + 2])


_DROPPABLE = "a an the this that is are it i me my please draw write show give make want would like , : ; ."
DROPPABLE = frozenset(_DROPPABLE.split())
"""Words and signs that say nothing of a digit."""
DROPS = 0.6


def drop_words(rng: random.Random, text: str) -> str:
    """The text without some of the words and signs that say nothing of a digit: seven, bold leaning left."""
    kept = [word for word in text.replace(",", " ,").split() if word not in DROPPABLE or rng.random() >= DROPS]
    return " ".join(kept).replace(" ,", ",").strip(" ,:;") or text
