"""What the Prompt screen suggests to type."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.config.data import MNIST
from engine.runs.conditional_weights import EVERYTHING
from tui.render.prompt_examples import CHANGES, DESCRIBED, hello


def test_it_suggests_what_the_weights_can_be_told() -> None:
    text = hello(MNIST, EVERYTHING).plain
    assert all(example in text for example in (*DESCRIBED, *CHANGES))
    assert max(map(len, text.splitlines())) <= 76, "whole at 80 columns"


@pytest.mark.parametrize(
    ("told", "shown", "hidden"),
    [
        (replace(EVERYTHING, hand=0), "a looped two", "hand"),
        (replace(EVERYTHING, variants=()), "2026 in one hand", "looped"),
        (replace(EVERYTHING, scales=()), "a looped two", "bold"),
    ],
)
def test_what_they_were_not_trained_with_is_not_suggested(told: object, shown: str, hidden: str) -> None:
    text = hello(MNIST, told).plain  # type: ignore[arg-type]
    assert shown in text
    assert hidden not in text


def test_a_small_screen_says_only_how_to_begin() -> None:
    assert hello(MNIST, EVERYTHING, 40, 12) == hello(MNIST, EVERYTHING, 160, 12) == hello(MNIST, None)


def test_weights_that_know_classes_alone_say_only_how_to_begin() -> None:
    assert hello(MNIST, None).plain == "Type a digit and press enter. Type help to list the keys."
