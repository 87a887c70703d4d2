"""Prompts in the words of a data set's own captions: counts, words that no caption has, and too many pictures."""

from __future__ import annotations

import pytest

from engine.captions.own_words import read_caption
from engine.errors import PromptError

WORDS = ("a", "red", "blue", "circle", "box", "on", "the", "left")
REFUSED = PromptError("can't read it")


@pytest.mark.parametrize(
    ("text", "count", "caption"),
    [
        ("a red circle", 1, "a red circle"),
        ("three red circles", 3, "red circle"),
        ("3 red circles on the left", 3, "red circle on the left"),
        ("a dozen blue boxes", 12, "blue box"),
        ("twenty-five of the blue boxes", 25, "the blue box"),
        ("two red circle", 2, "red circle"),
    ],
)
def test_a_count_before_a_caption_draws_as_many_pictures(text: str, count: int, caption: str) -> None:
    prompt = read_caption(text, WORDS, (), REFUSED)
    assert (prompt.labels, prompt.caption) == ((0,) * count, caption)
    assert read_caption(text, WORDS, ("box", "circle"), REFUSED).labels == (int("circle" in caption),) * count


def test_where_captions_count_the_number_is_part_of_the_caption() -> None:
    prompt = read_caption("two circles", ("two", "circles"), (), REFUSED)
    assert (prompt.labels, prompt.caption) == ((0,), "two circles")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("65 red circles", "at most 64 pictures"),
        ("0 red circles", "can't read it"),
        ("three", "can't read it"),
        ("three red elephants", "has the word 'elephants'"),
        ("three rad circles", "did you mean '3 red circle'"),
    ],
)
def test_what_can_not_be_drawn_is_refused(text: str, says: str) -> None:
    with pytest.raises(PromptError, match=says):
        read_caption(text, WORDS, (), REFUSED)
