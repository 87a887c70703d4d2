"""Prompt -> labels, or one line that says why it can't be read. Plain Python: no tensors, no screen."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from engine.config.data import MNIST
from engine.errors import PromptError
from engine.prompt.faults import ParseError
from engine.prompt.grammar import MAX_LABELS as MAX_LABELS
from engine.prompt.grammar import Grammar, Labels
from engine.prompt.vocabulary import Vocabulary, vocabulary_for

MAX_CHARACTERS = 1000
LONGEST_SUGGESTION = 80
FAULTS_MENDED = 8
"""The most faults that a suggestion corrects."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to draw: 1 to 64 labels, each the place of a class among the class names."""

    labels: tuple[int, ...]
    shared_noise: bool = False
    """Whether all labels are drawn from the same noise; `grid` asks for it."""


def parse(text: str, rng: random.Random, class_names: Sequence[str] = MNIST.class_names) -> Prompt:
    """Read a prompt for pictures of these classes. Random labels come from `rng`, which is not touched if the prompt can't be read.

        prompt = grid | item {[","] item}                 and & + ; . / separate as the comma does
        grid   = "grid" | "all" ["ten"]                   every class, all from the same noise; must stand alone
        item   = count ["x"] plural | count "x" digit     three sevens, 7 x 4 (seven fours: the count comes first)
               | count ["random"] "digits"                three random digits, three digits
               | count "random" | "random" [["x"] count]  5 random, random 5, random x 5, random
               | digit ("-" | ".." | "to") digit          0-9, 9..0, three to seven; both ends are drawn
               | plural                                   sevens: one 7, as there is no count
               | digit | figures | date                   seven, 7; 314 is 3 1 4; 27/11/26 is 2 7 1 1 2 6
        count  = a number from 1 to 64                    12, twelve, twenty-five, a dozen, a couple of

    Case, articles and words such as "draw", "please", "of" and "number" don't matter: "one seven" is 1 7, "one sevens" and
    "a seven" are 7. Full-width letters and any script's decimal digits count as ASCII; ², ½, Ⅶ, 1.5 and 3/4 are not digits. There are
    no negative numbers.

    Where the classes are not digits, "digit" above is the name of a class, and "pictures" stands for "digits". The longest name that
    stands somewhere is read before any other word: T-shirt/top, 2 cats, random. A name in quotes is that class and nothing else. A
    number that is a class's name is that class, unless it counts: with classes 3 and boot, "3 boot" is both and "3 boots" are three; where
    3 is no class, "3 boot" is three, too. Numbers of several figures are split, 314 as 3 1 4, only where no class is called by such a number.

    Without classes a prompt is a count: 5, nine, a dozen, three pictures, random, grid. All labels are then 0.

    Raises PromptError with one line of printable text: what was understood, what is wrong, the nearest prompt that can be read
    (if any), and two examples.
    """
    vocabulary = vocabulary_for(tuple(class_names))
    if len(text) > MAX_CHARACTERS:
        raise PromptError(f"the prompt has {len(text):,} characters, but at most {MAX_CHARACTERS} are allowed; try {vocabulary.examples}")
    parser = Grammar(vocabulary.normalize(text), vocabulary)
    try:
        shared_noise = parser.prompt()
    except ParseError as error:
        near = _nearest_prompt(error.corrected_text, vocabulary)
        advice = f"; did you mean {near!r}? Try {vocabulary.examples}" if near else f"; try {vocabulary.examples}"
        raise PromptError(f"{parser.understood()}{error.why}{advice}", near, parser.rest()) from None
    return _drawn(parser.labels, shared_noise, rng, len(class_names))


def parse_if_readable(text: str, rng: random.Random, class_names: Sequence[str] = MNIST.class_names) -> Prompt | None:
    """What `parse` returns, or None where that raises. Much faster than finding out what is wrong, where there are many classes."""
    vocabulary = vocabulary_for(tuple(class_names))
    if len(text) > MAX_CHARACTERS:
        return None
    parser = Grammar(vocabulary.normalize(text), vocabulary, explains=False)
    try:
        shared_noise = parser.prompt()
    except ParseError:
        return None
    return _drawn(parser.labels, shared_noise, rng, len(class_names))


def _drawn(labels: Labels, shared_noise: bool, rng: random.Random, classes: int) -> Prompt:
    """The prompt, with random labels drawn."""
    if not classes:
        return Prompt((0,) * len(labels))
    return Prompt(tuple(rng.randrange(classes) if label is None else label for label in labels), shared_noise)


def _nearest_prompt(text: str, vocabulary: Vocabulary) -> str:
    """The text with its faults corrected one by one until it can be read; "" if that fails or the text is long."""
    for _ in range(FAULTS_MENDED):
        text = " ".join(text.split())
        if not 0 < len(text) <= LONGEST_SUGGESTION:
            break
        try:
            Grammar(text, vocabulary).prompt()
        except ParseError as error:
            text = error.corrected_text
        else:
            return text
    return ""
