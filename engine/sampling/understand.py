"""What prompts mean that the parser can't read: a reader of captions finds words for it that the parser reads.

The parser has the last word. What it can read it reads alone: counts, numbers, units, several digits. Of other prompts each word that it does
not know must be explained, and where both read the same thing, both must agree. What is left is asked back, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import pairwise
from typing import NamedTuple

import torch

from engine.captions.facts import MOST_WORDS, split_words
from engine.captions.typos import meaningful_words
from engine.captions.vocabulary import caption_words
from engine.checkpoints.reader import shipped_reader
from engine.config.data import MNIST
from engine.models.text import CaptionReader, Readings, read_facts
from engine.models.tokenizer import Tokenizer
from engine.prompt.changes import Change
from engine.prompt.faults import ParseError, quote
from engine.prompt.leads import LEADING
from engine.prompt.levels import WORDS, Level
from engine.prompt.modifiers import Modifier, find_modifiers
from engine.prompt.phrase import Contradiction, Phrase, Target, meet
from engine.prompt.reading import read
from engine.prompt.similar import DESCRIPTIONS, SHORTEST
from engine.prompt.tokens import Token, tokenize
from engine.prompt.variant_words import VariantTarget, variants_for
from engine.prompt.vocabulary import Kind, Vocabulary, vocabulary_for
from engine.prompt.words import prompt_words
from engine.protocol.events import Event, Preparing
from engine.protocol.understood import Understood
from engine.sampling.respell import AUXILIARIES, TURNING, ignored_words, is_misspelt_filler, is_readable, respell

CHOICES = "digits can be bold or thin, wide or narrow, long or short, upright or leaning left or right"
"""What to say instead of a word that nobody knows."""
SURE = 0.6
"""The least probability of each answer where all words are known or misspelt …"""
SURE_OF_NEW = 0.9
"""… and where one is new to the reader, which then has only its letters to go by."""
UNSURE = 0.8
"""How much of its certainty is left where it reads something else in a part of the text."""
COMPARED = re.compile(r"\bas \w+ as (?:it|they|an?|the|its|answer)\b")
"""What compares pictures with something: as wide as it is long."""
LIKE_KNOWN = 0.8
"""How similar a misspelt word is to the right one, as difflib has it."""
SEVERAL = {Kind.FIGURES, Kind.DATE, Kind.NUMBER, Kind.TEEN, Kind.TENS, Kind.MULTIPLE, Kind.PLURAL, Kind.RANDOM, Kind.GRID, Kind.TIMES, Kind.NOUN}
"""What stands in prompts for several pictures, or for numbers, which captions don't have."""


class Reading(NamedTuple):
    """What a reader makes of a caption."""

    phrase: Phrase | None
    sure: float
    """The probability of its least certain answer."""


class Meant(NamedTuple):
    """What a caption means by parser and reader together."""

    phrase: Phrase
    unused: Sequence[bool]
    """Of each unknown word, whether a reader reads the same without it."""


class Known(NamedTuple):
    """What the parser knows in a prompt that it can't read as a whole."""

    phrase: Phrase
    described: Sequence[tuple[int, int]]
    """Where in the text the words are that say more than the class."""
    unknown: Sequence[Token]
    variants: Sequence[VariantTarget]
    turns: bool
    """Whether it has a "not" or the like besides, which the parser can't relate to anything."""
    is_single: bool
    """Whether it can be a caption of one picture."""
    says_something: bool

    def can_be(self, phrase: Phrase) -> bool:
        """Whether the digit of a phrase can have, or lack, the variants that the prompt names. No 3 can be crossed."""
        return all({*variants_for(target, phrase.label)} & {*phrase.variants} for target in self.variants)

    @property
    def is_open(self) -> bool:
        """Whether a word that the parser does not know may say something more."""
        return any(token.text not in ignored_words() | TURNING for token in self.unknown)


def understand(text: str, class_names: Sequence[str]) -> Iterator[Event]:
    """The job that explains a prompt for pictures of these classes, which the parser refused: Understood."""
    if tuple(class_names) != MNIST.class_names:
        yield Understood()
        return
    yield Preparing("reading the prompt")
    reader = shipped_reader()
    yield Understood() if reader is None else reword(text, reader)


def reword(text: str, reader: CaptionReader) -> Understood:
    """A prompt in words that the parser reads, as far as this reader is sure of it."""
    vocabulary = vocabulary_for(MNIST.class_names, True)
    normal = vocabulary.normalize(text)
    if is_readable(normal, vocabulary):
        return Understood(text)
    try:
        known = _find_known(normal, vocabulary)
    except (ParseError, Contradiction):
        return Understood()  # the parser says what excludes what
    if (known.turns and not known.is_open) or COMPARED.search(normal):
        return Understood()
    if not known.is_single or len(split_words(normal)) > MOST_WORDS:
        return _reword_words(normal, known, vocabulary)
    meant, sure = _read_rest(normal, known, reader)
    respelt = respell(normal, known.unknown, vocabulary)
    if meant is None:
        if respelt:
            return _ask_back(f"not sure what {quote(text)} means", prompt_words([respelt]))
        nonsense = f"{quote(text)} says nothing of a digit; try {vocabulary.examples}"
        return Understood() if known.says_something or sure < SURE else Understood(problem=nonsense)
    phrase = meant.phrase if known.is_open else replace(known.phrase, label=meant.phrase.label)
    words = prompt_words([phrase])
    if not is_readable(words, vocabulary) or not known.can_be(phrase):
        return Understood()
    if respelt and respelt != phrase:
        spelt = prompt_words([respelt])
        return Understood(spelt) if _is_part(phrase, respelt) else _ask_back(f"not sure what {quote(text)} means", spelt)
    needed = SURE
    for token, unused in zip(known.unknown, meant.unused, strict=True):
        is_explained = token.text in caption_words() or (is_misspelt(token.text) and (respelt is not None or not unused))
        if unused and phrase.is_plain and token.text in DESCRIPTIONS:
            return Understood()  # a loop, of a digit that has none, say
        opens = unused and token.text not in TURNING and _is_before_all(token, normal, vocabulary)
        if is_explained or opens or token.text in ignored_words() or is_misspelt_filler(token.text):
            continue
        needed = SURE_OF_NEW
        if any(target not in known.phrase.targets and _is_medium(target) for target in phrase.targets):
            return _ask_back(f"can't tell what {quote(token.text)} means; {CHOICES}", prompt_words([replace(known.phrase, label=phrase.label)]))
        if unused or sure < needed:
            what = f"; {CHOICES}" if phrase.is_plain else ""
            return _ask_back(f"can't tell what {quote(token.text)} means{what}", words)
    return Understood(words) if sure >= needed else _ask_back(f"not sure what {quote(text)} means", words)


def _read_rest(text: str, known: Known, reader: CaptionReader) -> tuple[Meant | None, float]:
    """What a reader adds to what the parser knows, and how sure it is; None for nonsense.

    It is asked about the whole text, and about the text without what the parser knows; where the two differ, it is less sure.
    """
    skipped = [(token.start, token.end) for token in known.unknown if token.text in AUXILIARIES - caption_words()]
    whole, rest, *without = read_texts(
        reader,
        [
            _cut(text, skipped),
            _cut(text, [*skipped, *known.described]),
            *(_cut(text, [*skipped, (token.start, token.end)]) for token in known.unknown),
        ],
    )
    if whole.phrase is None:
        return None, whole.sure
    unused = [left.phrase == whole.phrase for left in without]
    merged = _merge(known.phrase, rest.phrase) if rest.phrase else None
    if agrees(known.phrase, whole.phrase):
        doubt = 1.0 if merged in (None, whole.phrase) else UNSURE
        return Meant(whole.phrase, unused), whole.sure * doubt
    if known.is_open and knows_words(reader, text):
        return Meant(whole.phrase, unused), whole.sure * UNSURE  # where the parser takes "nto bold" for bold, say
    return (None, 0.0) if merged is None else (Meant(merged, unused), rest.sure * UNSURE)


def knows_words(reader: CaptionReader, text: str) -> bool:
    """Whether a reader was trained on all words of a text, or on words that they are misspellings of."""
    own = frozenset(reader.config.words)
    words = {word for word in split_words(text) if word.isalpha() and word not in own}
    return all(len(word) < SHORTEST or get_close_matches(word, own, 1, LIKE_KNOWN) for word in words)


def _cut(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text without some parts."""
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]} {text[end:]}"
    return text


def _merge(known: Phrase, rest: Phrase) -> Phrase | None:
    """What the parser knows, with what a reader found in the rest; None where the two exclude each other."""
    if None not in (known.label, rest.label) and known.label != rest.label:
        return None
    merged = replace(known, label=rest.label if known.label is None else known.label)
    try:
        for target in rest.targets:
            merged = merged if merged.target(target.attribute) else merged.with_target(target)
        for name, wanted in rest.variants:
            merged = merged.with_variant(name, wanted)
    except Contradiction:
        return None
    return merged


def _ask_back(why: str, meant: str) -> Understood:
    return Understood(problem=f"{why}; did you mean {meant!r}?", near=meant)


def _is_part(phrase: Phrase, more: Phrase) -> bool:
    """Whether a phrase asks for nothing that a more detailed one excludes."""
    same_label = phrase.label in (None, more.label)
    targets = all((other := more.target(target.attribute)) and meet(target.interval, other.interval) for target in phrase.targets)
    return same_label and targets and {*phrase.variants} <= {*more.variants}


def _reword_words(text: str, known: Known, vocabulary: Vocabulary) -> Understood:
    """Several pictures, or numbers: each misspelt word corrected, each one that means nothing left out."""
    for token in reversed(known.unknown):
        near = get_close_matches(token.text, DESCRIPTIONS, 1, LIKE_KNOWN) if len(token.text) > 3 else []
        if not near and token.text not in ignored_words():
            return Understood()
        text = f"{text[: token.start]}{near[0] if near else ''}{text[token.end :]}"
    text = " ".join(text.split())
    if not is_readable(text, vocabulary) or (known.phrase.label is not None and isinstance(read(text, vocabulary).asked, Change)):
        return Understood()  # "get" left out of "sevens that get bolder" makes something else of it
    return Understood(text)


@torch.inference_mode()
def read_texts(reader: CaptionReader, texts: Sequence[str]) -> list[Reading]:
    """What a reader makes of texts, all at once."""
    readings = reader(Tokenizer(reader.config)(texts))
    label, attributes, variants, nonsense = (part.softmax(-1).amax(-1) for part in readings)
    sure = torch.cat([label[:, None], attributes, variants], 1).amin(1)
    likely = torch.where(readings.nonsense.argmax(1) == 1, nonsense, torch.minimum(sure, nonsense))
    return [Reading(phrase, float(p)) for phrase, p in zip(read_facts(Readings(*readings)), likely, strict=True)]


def agrees(known: Phrase, whole: Phrase) -> bool:
    """Whether a reader found all that the parser knows."""
    same_label = known.label is None or known.label == whole.label
    return same_label and {*known.targets} <= {*whole.targets} and {*known.variants} <= {*whole.variants}


def _find_known(text: str, vocabulary: Vocabulary) -> Known:
    """Raises ParseError or Contradiction where what is known makes no sense."""
    modifiers, rest = find_modifiers(text, tokenize(text, vocabulary, keep_fillers=True))
    labels = [token.label for token in rest if token.label is not None]
    phrase = _described(Phrase(labels[0] if labels else None), modifiers)
    unknown = [token for token in rest if token.kind is Kind.UNKNOWN and token.text.isalpha() and not _is_known(token.text)]
    is_single = len(labels) <= 1 and not SEVERAL & {token.kind for token in rest}
    is_single &= not any(one.kind is Kind.DASH and one.end == two.start and two.label is not None for one, two in pairwise(rest))  # -3
    is_single &= all(isinstance(m.meaning, VariantTarget) or _is_level(m.meaning) for m in modifiers)
    described = [(modifier.start, modifier.end) for modifier in modifiers]
    turns = any(token.text in TURNING for token in rest)
    variants = [modifier.meaning for modifier in modifiers if isinstance(modifier.meaning, VariantTarget) and modifier.meaning.name]
    return Known(phrase, described, unknown, variants, turns, is_single, bool(labels or modifiers))


def _is_level(meaning: object) -> bool:
    return isinstance(meaning, Target) and not meaning.is_exact and meaning.in_units == (meaning.attribute == "slant")


def _is_medium(target: Target) -> bool:
    """Whether a target is for medium thickness, width or length, which is what a reader makes of words that are none of its own."""
    return not target.in_units and target.interval == Level(target.attribute, 0).interval


def _described(phrase: Phrase, modifiers: Sequence[Modifier]) -> Phrase:
    for modifier in modifiers:
        if isinstance(modifier.meaning, Target):
            phrase = phrase.with_target(modifier.meaning)
        elif isinstance(modifier.meaning, VariantTarget):
            for name, wanted in variants_for(modifier.meaning, phrase.label):
                phrase = phrase.with_variant(name, wanted)
    return phrase


def _is_known(word: str) -> bool:
    """Whether the parser knows a word that means something only beside others."""
    return word in WORDS or word in LEADING


def is_misspelt(word: str) -> bool:
    """Whether a word is like one that readers are trained on in captions."""
    return len(word) >= SHORTEST and bool(get_close_matches(word, caption_words(), 1, LIKE_KNOWN))


def _is_before_all(token: Token, text: str, vocabulary: Vocabulary) -> bool:
    """Whether only words that mean nothing stand before a word, and an article behind it: produce a bold seven."""
    before = [other for other in tokenize(text, vocabulary, keep_fillers=True) if other.start < token.start]
    behind = text[token.end :].split()
    return all(other.label is None and other.text not in meaningful_words() for other in before) and bool({"a", "an", "the", "some"} & {*behind[:3]})
