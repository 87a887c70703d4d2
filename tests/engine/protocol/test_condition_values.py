"""Conditions in recipes: they come back as they were, old recipes stay as they are, and nothing in a file is trusted."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from engine.config.compute import ComputeInfo
from engine.config.condition import Condition, Interval
from engine.config.sampling import SampleConfig
from engine.errors import SettingError
from engine.protocol.condition_values import measured_json
from engine.protocol.measured import Measured, compare, describe_miss, distance
from engine.protocol.recipe import Recipe, WeightsInfo
from engine.protocol.recipe_check import compare_recipes
from engine.protocol.recipe_values import recipe_from_json, recipe_json

BOLD = Condition(7, (("thickness", Interval(low=3.5)), ("slant", Interval(-20.25, -20.25))), (("crossed", True),))
OTHERS = (Condition(3, hand=(0.1, -1e-17, 3.0)), replace(BOLD, label=7), Condition(None, text="a “seven”"), Condition(0))
PLAIN = Recipe((7,), (0,), SampleConfig(), WeightsInfo("shipped", 3, "average"), ComputeInfo("cpu", "fp32", "contiguous"))
ALL = replace(PLAIN, labels=(7, 3, 7, None, 0), indices=(0, 1, 2, 3, 4), conditions=(BOLD, *OTHERS))


def through_text(recipe: Recipe) -> Recipe:
    return recipe_from_json(json.loads(json.dumps(recipe_json(recipe), allow_nan=False)))


def test_conditions_come_back_as_they_were() -> None:
    assert through_text(ALL) == ALL
    assert through_text(PLAIN) == PLAIN
    assert "conditions" not in recipe_json(PLAIN), "as older versions wrote it"
    assert through_text(ALL.only(3)) == ALL.only(3)
    assert ALL.only(4).conditions is None


def test_equal_conditions_are_written_once() -> None:
    many = replace(
        PLAIN, labels=(7, 3) * 500, indices=tuple(range(1000)), conditions=(replace(BOLD, variants=()), replace(BOLD, label=3, variants=())) * 500
    )
    values = recipe_json(many)["conditions"]
    assert values == {"distinct": [{"attributes": {"thickness": [3.5, None], "slant": [-20.25, -20.25]}}], "of_image": [0] * 1000}
    assert through_text(many) == many


@pytest.mark.parametrize(
    "hostile",
    [
        [],
        "bold",
        {"distinct": []},
        {"distinct": [{}], "of_image": []},
        {"distinct": [{}], "of_image": [1]},
        {"distinct": [{}], "of_image": [-1]},
        {"distinct": [{}], "of_image": [True]},
        {"distinct": [{}], "of_image": [[]]},
        {"distinct": [None], "of_image": [0]},
        {"distinct": [{}] * 2, "of_image": [0]},
        *(
            {"distinct": [condition], "of_image": [0]}
            for condition in (
                {"colour": "red"},
                {"attributes": ["thickness"]},
                {"attributes": {"height": [1, 2]}},
                {"attributes": {"thickness": 3}},
                {"attributes": {"thickness": [3]}},
                {"attributes": {"thickness": [3, "4"]}},
                {"attributes": {"thickness": [4, 3]}},
                {"attributes": {"thickness": [True, 3]}},
                {"attributes": {"thickness": [math.nan, 3]}},
                {"attributes": {"thickness": [3, math.inf]}},
                {"attributes": {"thickness": [3, 10**400]}},
                {"attributes": {"thickness": [3, 40]}},
                {"variants": {"crossed": 1}},
                {"variants": {"looped": True}},
                {"variants": {"upside down": True}},
                {"text": "a\x1b[2J"},
                {"hand": "12"},
                {"hand": [1, "2"]},
                {"hand": [math.nan]},
                {"hand": [0.0] * 4097},
                {"text": 7},
                {"text": "x" * 401},
            )
        ),
    ],
    ids=lambda values: str(values)[:60],
)
def test_hostile_values_are_one_sentence(hostile: Any) -> None:
    with pytest.raises(SettingError) as error:
        recipe_from_json({**recipe_json(PLAIN), "conditions": hostile})
    assert len(str(error.value)) < 300


def test_other_conditions_are_a_difference() -> None:
    assert compare_recipes(ALL, replace(ALL, conditions=(replace(BOLD, variants=()), *OTHERS))) == ["other conditions"]


def test_what_was_measured_beside_what_was_asked_for() -> None:
    near = compare(BOLD, {"thickness": 3.5, "slant": -18.0}, {"crossed": True})
    assert (near.missed, distance(BOLD, near), describe_miss(BOLD, near)) == ((), (0, 0.0), "")
    far = compare(BOLD, {"thickness": 3.3, "slant": -14.25}, {"crossed": False})
    assert far.missed == ("thickness", "slant", "crossed")
    wrong, away = distance(BOLD, far)
    assert (wrong, away) == (1, pytest.approx(0.2 / 0.2 + 3 / 3))
    assert describe_miss(BOLD, far) == "thickness 3.3 px instead of 3.5 px or more, slant -14.25° instead of -20.25° and not crossed"
    assert measured_json(far) == {"thickness": 3.3, "slant": -14.25, "crossed": False, "missed": ["thickness", "slant", "crossed"]}
    blank = compare(BOLD, {}, {})
    assert blank == Measured(missed=("thickness", "slant", "crossed"))
    assert distance(BOLD, blank) == (1, math.inf)
    assert measured_json(None) is None
