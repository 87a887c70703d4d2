"""Prompts for data sets without classes: one count."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import PromptError
from engine.prompt.parser import MAX_LABELS, Prompt, parse


@pytest.mark.parametrize(
    ("text", "count"),
    [
        *(("5", 5), ("nine", 9), ("a dozen", 12), ("two dozen pictures", 24), ("twenty-five", 25), ("three pictures", 3), ("three random images", 3)),
        *(("random", 1), ("random 5", 5), ("5 random", 5), ("a picture", 1), ("draw me a photo, please", 1), ("grid", 10), ("all", 10), ("64", 64)),
    ],
)
def test_a_prompt_is_a_count(text: str, count: int) -> None:
    rng = random.Random(1)
    assert parse(text, rng, ()) == Prompt((0,) * count)
    assert rng.getstate() == random.Random(1).getstate()


@pytest.mark.parametrize(
    ("text", "why", "near"),
    [
        ("", "the prompt is empty", ""),
        ("please", "no count in 'please'", ""),
        ("65", "a prompt draws at most 64 pictures", "64"),
        ("0", "a count of 0 draws nothing", ""),
        ("boots", "can't read 'boots': these pictures have no classes", ""),
        ("sevn", "can't read 'sevn'", "seven"),
        ("3 5", "understood 3 pictures, but a prompt is one count", "3"),
        ("7 x 4", "understood 7 pictures, but a prompt is one count", "7"),
        ("1-9", "understood 1 picture, but a prompt is one count", "1"),
        ("1.5", "a prompt is one count", ""),
        ("-3", "a prompt is one count", ""),
    ],
)
def test_refuses(text: str, why: str, near: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse(text, random.Random(0), ())
    assert why in str(caught.value)
    assert caught.value.near == near
    assert str(caught.value).lower().endswith("try '5' or 'a dozen'")


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text() | st.lists(st.sampled_from(("3", "x", "dozen", "random", "pictures", "grid", "-", "boots", "²", "'")), max_size=6).map(" ".join))
def test_any_text_is_a_count_or_refused_on_one_line(text: str) -> None:
    with suppress(PromptError), one_line_errors():
        labels = parse(text, random.Random(0), ()).labels
        assert 1 <= len(labels) <= MAX_LABELS
        assert not any(labels)


@contextmanager
def one_line_errors() -> Iterator[None]:
    try:
        yield
    except PromptError as error:
        if not str(error).isprintable():
            raise AssertionError(repr(error)) from error
        raise
