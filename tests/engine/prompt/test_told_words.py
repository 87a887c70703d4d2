"""Which words of a prompt reach a network that reads captions."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from phrase_scales import TOLD

from engine.config.data import MNIST
from engine.config.hand import HandSource
from engine.prompt.parser import Prompt, parse
from engine.prompt.phrase import Hand
from engine.prompt.told_words import to_conditions

READS = replace(TOLD, text=True)


def hand(hand: Hand) -> HandSource:
    return HandSource(number=hand.number)


def read(text: str) -> Prompt:
    return parse(text, random.Random(0), MNIST.class_names, READS)


def told(prompt: Prompt) -> list[str | None]:
    assert prompt.conditions
    return [each.text for each in to_conditions(prompt.conditions, READS, hand, prompt.text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A  bold Seven, leaning left", ["A bold Seven, leaning left"]),  # one picture: the prompt as it stands
        ("a bold 3 and a thin 7", ["bold 3", "thin 7"]),  # several: each its own
        ("two crossed sevens", ["crossed 7"] * 2),
        ("7, a bold 3", [None, "bold 3"]),  # captions say more than the class
        ("a bold seven in hand 12", ["bold 7"]),  # … but neither hands nor numbers
        ("a crossed seven, slant 20°", ["crossed 7"]),
        ("thickness 3.5 five", [None]),
        ("eights from thin to bold", [None] * 5),
    ],
)
def test_captions_are_the_prompt_or_the_phrase_of_a_picture(text: str, words: list[str | None]) -> None:
    assert told(read(text)) == words


def test_a_prompt_that_is_too_long_for_a_caption_is_told_in_short() -> None:
    assert told(read(f"a bold seven {'please ' * 60}")) == ["bold 7"]


def test_a_network_that_reads_no_captions_is_told_none() -> None:
    prompt = read("a bold seven")
    assert prompt.conditions
    (condition,) = to_conditions(prompt.conditions, TOLD, hand, prompt.text)
    assert condition.text is None
    assert condition.interval("thickness") is not None
