"""Prompts for other classes than the digits: their names, the numbers beside them, and what is said of a number that names nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import PromptError
from engine.prompt.parser import Prompt, parse

CLOTHES = ("T-shirt", "trouser", "dress", "ankle boot", "bus")
FIGURES = ("0", "1", "2")


def read(text: str, names: tuple[str, ...] = CLOTHES) -> Prompt:
    return parse(text, random.Random(0), names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trouser", [1]),
        ("a Dress, please", [2]),
        ("t-shirt", [0]),
        ("ankle boot", [3]),
        ("three ankle boots", [3, 3, 3]),
        ("three ankle boot", [3, 3, 3]),
        ("2 dresses", [2, 2]),
        ("twenty-one buses", [4] * 21),
        ("a dozen T-shirts", [0] * 12),
        ("2 x bus", [4, 4]),
        ("trouser dress, bus", [1, 2, 4]),
        ("trouser to bus", [1, 2, 3, 4]),
        ("bus - dress", [4, 3, 2]),
    ],
)
def test_classes_are_called_by_name(text: str, expected: list[int]) -> None:
    assert read(text) == Prompt(tuple(expected))


@pytest.mark.parametrize("text", ["grid", "all", "all five"])
def test_the_grid_holds_every_class(text: str) -> None:
    assert read(text) == Prompt((0, 1, 2, 3, 4), shared_noise=True)


def test_random_labels_are_among_the_classes() -> None:
    assert set(read("64 random").labels) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("text", "why", "near"),
    [
        ("7", "'7' is not a class", "7 random"),
        ("trousr", "can't read 'trousr'", "trouser"),
        ("three qqq", "can't read 'qqq'", None),
        ("a dress, two dozen x qqq", "understood dress, but can't read 'qqq'", None),
        ("dress, 12", "understood dress, but '12' is not a class", "dress, 12 random"),
        ("3 to 9", "a range goes from one class to another, T-shirt to bus at most", "ankle boot to bus"),
        ("- dress", "a dash stands between two classes", "dress"),
        ("please", "no class in 'please'", None),
    ],
)
def test_refuses(text: str, why: str, near: str | None) -> None:
    with pytest.raises(PromptError) as caught:
        read(text)
    message = str(caught.value)
    assert why in message
    found = re.search("did you mean '(.*)'[?] Try", message)
    assert (found and found[1]) == near
    if near:
        assert read(near).labels
    assert message.lower().endswith("try 'three t-shirts' or 'grid'")


def test_classes_named_by_figures_are_read_as_figures_and_as_words() -> None:
    assert read("2 one, 0s 012", FIGURES).labels == (2, 1, 0, 0, 1, 2)
    assert read("two ones", FIGURES).labels == (1, 1)
    with pytest.raises(PromptError, match="understood 1, but '3' is not a class"):
        read("1 3", FIGURES)


def test_the_label_is_the_place_of_the_name_and_not_the_number() -> None:
    assert read("nine seven 79", ("seven", "nine")).labels == (1, 0, 0, 1)


WORDS = ("random", "12", "7", "x", "to", "-", "", "cat", "cats", "T-shirt/top", "a b", "grid", "'", "(", "²", "seven", "s", ".*", "digits")


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=5), min_size=1, max_size=6), st.lists(st.sampled_from(WORDS), max_size=8))
def test_whatever_the_classes_are_called_text_is_read_or_refused_on_one_line(names: list[str], words: list[str]) -> None:
    with suppress(PromptError), one_line_errors():
        assert all(0 <= label < len(names) for label in read(" ".join(words), tuple(names)).labels)


@contextmanager
def one_line_errors() -> Iterator[None]:
    try:
        yield
    except PromptError as error:
        if not str(error).isprintable():
            raise AssertionError(repr(error)) from error
        raise
