"""Prompt -> labels, or one line that says why it can't be read. Plain Python: no tensors, no screen."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine.config.condition import ConditionConfig
from engine.config.data import MNIST
from engine.errors import PromptError
from engine.prompt.changes import Change
from engine.prompt.conditions import TOLD_CLASSES, check_told, in_units
from engine.prompt.faults import quote
from engine.prompt.grammar import MAX_LABELS as MAX_LABELS
from engine.prompt.phrase import Phrase
from engine.prompt.reading import Reading, Unreadable, read
from engine.prompt.vocabulary import Vocabulary, vocabulary_for
from engine.prompt.words import change_words, understood

DESCRIBED = "'a bold 7 leaning left'"
MAX_CHARACTERS = 1000
LONGEST_SUGGESTION = 80
FAULTS_MENDED = 8
"""The most faults that a suggestion corrects."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to draw: 1 to 64 labels, each the place of a class among the class names, or None for any; only captions leave that open."""

    labels: tuple[int | None, ...]
    shared_noise: bool = False
    """Whether all labels are drawn from the same noise; `grid` asks for it, and a row of one class such as `eights from thin to bold`."""
    conditions: tuple[Phrase, ...] | None = None
    """What is asked of each picture, with its label; None where the prompt names classes alone."""
    text: str = field(default="", compare=False)
    """The prompt itself, where it describes one picture."""
    caption: str = ""
    """What each picture shall show, in the words of the captions that a network learned from, where the prompt is such a caption."""


def parse(text: str, rng: random.Random, class_names: Sequence[str] = MNIST.class_names, told: ConditionConfig | None = None) -> Prompt:
    """Read a prompt for pictures of these classes. Random labels come from `rng`, which is not touched if the prompt can't be read.

    `told` says what the network is told besides classes; what goes beyond that is refused.

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

    What is not read so may also say what the pictures should look like (modifiers.py has the rules, binding.py which digits they describe):

        a bold seven leaning left; a looped two and a plain 1; thickness 3-4 seven; 2026 in one hand; eights from thin to bold

    Raises PromptError with one line of printable text: what was understood, what is wrong, the nearest prompt that can be read
    (if any), and two examples.
    """
    prompt = parse_or_change(text, rng, class_names, told)
    if isinstance(prompt, Prompt):
        return prompt
    raise PromptError(f"{quote(text)} changes the last answer on the Prompt screen; here, say what to draw as well, such as {DESCRIBED}")


def parse_or_change(
    text: str, rng: random.Random, class_names: Sequence[str] = MNIST.class_names, told: ConditionConfig | None = None
) -> Prompt | Change:
    """What `parse` returns, or the change of the last answer that a prompt such as "bolder" asks for. Raises PromptError as `parse` does."""
    vocabulary = vocabulary_for(tuple(class_names), told is not None)
    examples = example_prompts(class_names, told)
    if len(text) > MAX_CHARACTERS:
        raise PromptError(f"the prompt has {len(text):,} characters, but at most {MAX_CHARACTERS} are allowed; try {examples}")
    try:
        reading = read(vocabulary.normalize(text), vocabulary)
        _check_told(reading, told, vocabulary)
    except Unreadable as error:
        near = _nearest_prompt(error.corrected_text, vocabulary, told)
        advice = f"; did you mean {near!r}? Try {examples}" if near else f"; try {examples}"
        raise PromptError(f"{error.understood}{error.why}{advice}", near, error.rest) from None
    return _drawn(reading, rng, len(class_names), told, text)


def example_prompts(class_names: Sequence[str], told: ConditionConfig | None) -> str:
    """'seven', '3 1 4', 'three sevens' or 'a bold 7 leaning left': what a network that is told this can draw."""
    vocabulary = vocabulary_for(tuple(class_names), told is not None)
    if told and vocabulary.is_digits:
        return f"{vocabulary.examples.replace(' or ', ', ')} or {DESCRIBED}"
    return vocabulary.examples


def parse_if_readable(
    text: str, rng: random.Random, class_names: Sequence[str] = MNIST.class_names, told: ConditionConfig | None = None
) -> Prompt | None:
    """What `parse` returns, or None where that raises. Much faster than finding out what is wrong, where there are many classes."""
    drawn = parse_or_change_if_readable(text, rng, class_names, told)
    return drawn if isinstance(drawn, Prompt) else None


def parse_or_change_if_readable(
    text: str, rng: random.Random, class_names: Sequence[str] = MNIST.class_names, told: ConditionConfig | None = None
) -> Prompt | Change | None:
    """What `parse_or_change` returns, or None where that raises, as fast as `parse_if_readable`."""
    vocabulary = vocabulary_for(tuple(class_names), told is not None)
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        reading = read(vocabulary.normalize(text), vocabulary, explains=False)
        _check_told(reading, told, vocabulary)
    except Unreadable:
        return None
    return _drawn(reading, rng, len(class_names), told, text)


def _check_told(reading: Reading, told: ConditionConfig | None, vocabulary: Vocabulary) -> None:
    """Raises Unreadable where the network is not told what the prompt asks for."""
    if reading.asked is None:
        return
    if isinstance(reading.asked, Change):
        if told is None:
            raise Unreadable(f"understood {change_words(reading.asked, vocabulary)}, but ", TOLD_CLASSES, "", "")
        return
    for phrase in reading.asked.phrases:
        try:
            check_told(phrase, told)
        except PromptError as error:
            said = understood(reading.asked.phrases, vocabulary)
            raise Unreadable(f"understood {said}, but ", str(error), reading.plain_text, "") from None


def _drawn(reading: Reading, rng: random.Random, classes: int, told: ConditionConfig | None, text: str) -> Prompt | Change:
    """The prompt, with random labels drawn."""
    if isinstance(reading.asked, Change):
        return reading.asked
    labels = tuple((rng.randrange(classes) if classes else 0) if label is None else label for label in reading.labels)
    shared_noise = reading.shared_noise and classes > 0
    if reading.asked is None or told is None:
        return Prompt(labels, shared_noise)
    phrases = (replace(phrase, label=label) for phrase, label in zip(reading.asked.phrases, labels, strict=True))
    return Prompt(labels, shared_noise, tuple(in_units(phrase, told) for phrase in phrases), text if len(labels) == 1 else "")


def _nearest_prompt(text: str, vocabulary: Vocabulary, told: ConditionConfig | None) -> str:
    """The text with its faults corrected one by one until it can be read; "" if that fails or the text is long."""
    for _ in range(FAULTS_MENDED):
        text = " ".join(text.split())
        if not 0 < len(text) <= LONGEST_SUGGESTION:
            break
        try:
            _check_told(read(text, vocabulary), told, vocabulary)
        except Unreadable as error:
            text = error.corrected_text
        else:
            return text
    return ""
