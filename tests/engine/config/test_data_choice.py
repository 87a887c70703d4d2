"""What people write about the data they train on: sizes, shares and names of classes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.config.data import MNIST, Preparation
from engine.config.data_choice import DataChoice, choice_again, parse_names, parse_share
from engine.errors import SettingError


@pytest.mark.parametrize(
    ("text", "sides"),
    [(None, None), ("64", (64, 64)), (" 16x24 ", (16, 24)), ("128×16", (128, 16))],  # as people paste it
)
def test_sizes(text: str | None, sides: tuple[int, int] | None) -> None:
    assert DataChoice(size=text).height_width() == sides


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"size": "12"}, "outside 16 to 128"),
        ({"size": "132"}, "outside 16 to 128"),
        ({"size": "30"}, "the nearest is 32"),
        ({"size": "64x30"}, "the nearest is 32"),
        ({"size": "big"}, "not a size in pixels"),
        ({"size": "٦٤"}, "not a size in pixels"),
        ({"size": "64x"}, "not a size in pixels"),
        ({"hold_out": "ten"}, "not a share such as 10%"),
        ({"hold_out": "10"}, "use 10%"),
        ({"hold_out": "95%"}, "hold-out 95% is outside 0% to 90%"),
        ({"hold_out": "200%"}, "hold-out 200% is outside 0% to 90%"),
        ({"hold_out": "-1%"}, "outside 0% to 90%"),
        ({"hold_out": "nan"}, "outside 0% to 90%"),
        ({"classes": " , "}, "not a list of names"),
        ({"classes": "cat,cat"}, "twice"),
        ({"classes": "cat\nd"}, "not a list of names"),
        ({"fit": "zoom"}, "not one of crop, pad, stretch"),
        ({"source": ""}, "not a name"),
    ],
    ids=str,
)
def test_what_no_data_set_can_meet(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        DataChoice(**wrong)  # type: ignore[arg-type]


def test_shares_and_names() -> None:
    assert [parse_share(text) for text in (None, "10%", "0.1", " 2.5 %", "0")] == [0.0, 0.1, 0.1, 0.025, 0.0]
    assert parse_names('T-shirt/top, "cat, black" ,12') == ("T-shirt/top", "cat, black", "12")
    assert parse_names(None) == ()
    choice = DataChoice("x", fit="pad", background="white", classes="a,b", hold_out="20%")
    assert choice.preparation() == Preparation("pad", "white", ("a", "b"), 0.2)


def test_a_spec_is_made_again_as_it_was() -> None:
    made = Preparation("pad", "white", ("a", "T-shirt, top", '12" "vinyl"'), 0.125)
    spec = replace(MNIST, height=16, width=24, class_names=made.classes, preparation=made)
    choice = choice_again(DataChoice("/new", size="64", data_root="/root"), spec)
    assert (choice.source, choice.data_root, choice.height_width(), choice.grey, choice.preparation()) == ("/new", "/root", (16, 24), True, made)
    untouched = choice_again(DataChoice("/new"), replace(spec, preparation=None))
    assert untouched.plain
    for each in (untouched, choice_again(DataChoice("/new"), replace(spec, preparation=Preparation()))):
        assert each.hold_out is not None, "what earlier runs did not hold out is not held out now"
