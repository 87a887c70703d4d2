"""Thousands of heaps of words mean for MNIST what they meant before class names became words of the grammar."""

from __future__ import annotations

import hashlib
import random

import pytest

from engine.prompt.parser import parse_if_readable

NUMBERS = """zero one two three four five six seven eight nine zeroes zeros ones twos threes fours fives sixes sevens eights nines
    ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy
    0 1 2 3 4 5 6 7 8 9 12 64 65 000 007 314 3s 7s 12s ２ ٣ ² Ⅶ 三 1.5 3/4 2026-11-27 27/11/26 i3 3i"""
OTHERS = """random randomly digits numbers digit number grid all x × * times to until dozen couple pair hundred a the of and then please draw
    - – .. … , & . ; / | + sevn ' " boots classes pictures 'seven' "two" `3` “four” 3's 7\ufe0f\u20e3"""
WORDS = (NUMBERS + " " + OTHERS).split()
GAPS = (" ", " ", " ", ", ", "", "\n", " and ")
BLOCKS = (
    "b04f9004b718b881",
    "366a9879b9776719",
    "37b446b1655fc8f6",
    "bcdc1e1e33bea6dc",
    "45bceef614f86f26",
    "8e65aff3922a79ce",
    "d193e9315a4f07f8",
    "4a0b8f3ed5b97327",
    "010201d2f0c29468",
    "10aa009c7be3d15b",
    "1ef59c39e3acb653",
    "47956646ae1dc010",
)
"""The beginning of the SHA-256 over what each block of prompts drew on 27 November 2026."""


def meaning(text: str) -> str:
    prompt = parse_if_readable(text, random.Random(3))
    return f"{prompt.labels} {prompt.shared_noise}" if prompt else "refused"


def heap(rng: random.Random) -> str:
    return "".join(rng.choice(WORDS) + rng.choice(GAPS) for _ in range(rng.choice((1, 2, 2, 3, 4, 6))))


def heaps(block: int) -> list[str]:
    rng = random.Random(block)
    return [heap(rng) for _ in range(1000)]


@pytest.mark.slow
def test_every_heap_of_words_means_what_it_meant() -> None:
    found = [hashlib.sha256("\n".join(map(meaning, heaps(block))).encode()).hexdigest()[:16] for block in range(len(BLOCKS))]
    assert tuple(found) == BLOCKS
