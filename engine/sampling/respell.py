"""Corrects single slips in prompts, so that the parser reads what a reader of captions may take for something else. No tensors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from engine.captions.facts import split_words
from engine.captions.templates import FILLERS, TEMPLATES
from engine.captions.typos import meaningful_words
from engine.captions.vocabulary import caption_words
from engine.prompt.leads import NEGATIONS
from engine.prompt.phrase import Phrase
from engine.prompt.phrasing import Phrases
from engine.prompt.reading import Unreadable, read
from engine.prompt.similar import DESCRIPTIONS, is_one_slip, similar_word
from engine.prompt.tokens import Token
from engine.prompt.vocabulary import Vocabulary

_OTHERWISE = """between or either except excluding than half quarter minus negative anything nothing everything instead erase delete remove
    forget avoid unlike opposite fewer"""
TURNING = frozenset([*NEGATIONS, *_OTHERWISE.split()])
"""Words without which a prompt would mean something else."""
NAMES = ("digit", "number", "numeral", "figure")
AUXILIARIES = frozenset(["am", "be", "is", "are", "was", "were", "been", "being", "out", "up", "off", "down", "came", "come"])


def respell(text: str, unknown: Sequence[Token], vocabulary: Vocabulary) -> Phrase | None:
    """What the parser reads where a single slip is corrected in each unknown word; None where some word has none, or more."""
    changed = False
    for token in reversed(unknown):
        if token.text in ignored_words():
            near = ""
        elif token.text in DESCRIPTIONS:
            near = token.text
        elif token.text in caption_words() or not is_one_slip(token.text, near := similar_word(token.text, vocabulary)):
            return None
        else:
            changed = True
        text = f"{text[: token.start]}{near}{text[token.end :]}"
    if not changed:
        return None
    if not is_readable(text := " ".join(text.split()), vocabulary):
        return None
    found = read(text, vocabulary)
    if isinstance(found.asked, Phrases) and len(found.asked.phrases) == 1:
        return found.asked.phrases[0]
    return Phrase(found.labels[0]) if found.asked is None and len(found.labels) == 1 else None


def is_readable(text: str, vocabulary: Vocabulary) -> bool:
    """Whether the parser reads normalized text."""
    try:
        read(text, vocabulary, explains=False)
    except Unreadable:
        return False
    return True


@cache
def ignored_words() -> frozenset[str]:
    """Words that may stand anywhere in a caption and mean nothing."""
    words = frozenset({*FILLERS, *AUXILIARIES, *NAMES, *(word for template in TEMPLATES for word in split_words(template))})
    return words - TURNING


@cache
def is_misspelt_filler(word: str) -> bool:
    """Whether a word is a single slip away from words of captions that all mean nothing: havign, plaese."""
    near = [known for known in caption_words() if abs(len(known) - len(word)) < 2 and is_one_slip(word, known)]
    return bool(near) and not {*near} & (meaningful_words() | {*DESCRIPTIONS} | TURNING)
