"""A word that the chosen weights do not know, but others do."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from engine.config.data import MNIST
from engine.errors import PromptError
from engine.prompt.parser import parse
from engine.runs.other_classes import name_other_weights

CLOTHES = replace(MNIST, name="Clothes", class_names=("boot", "bag"), digest="sha256:00")


@pytest.mark.parametrize(
    ("text", "word"), [("a seven", "'seven'"), ("bag, three sevens", "'sevens'"), ("7", "'7'"), ("three x sevens", "'sevens'"), ("three", "'three'")]
)
def test_digits_are_said_to_be_classes_of_the_shipped_weights(text: str, word: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse(text, random.Random(0), CLOTHES.class_names)
    message = str(name_other_weights(caught.value, CLOTHES, "draw it with --weights {weights}"))
    assert message == f"{caught.value}. {word} is a class of shipped (MNIST); draw it with --weights shipped"


@pytest.mark.parametrize("text", ["kite", "bag, kites", "65 bags", "three kites", "bag, 2 x kites", "seven blue kites"])
def test_what_no_weights_know_is_left_alone(text: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse(text, random.Random(0), CLOTHES.class_names)
    assert name_other_weights(caught.value, CLOTHES, "w") is caught.value
