"""The text beside a drawing: the settings that its sampler used, and no others; what was asked for, and what was missed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.config.compute import ComputeInfo
from engine.config.condition import Condition, Interval
from engine.config.sampling import SampleConfig
from engine.protocol.events import DrawDone
from engine.protocol.measured import Measured
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from tui.render.captions import LONGEST_CONDITIONS, conditions_of, describe_measured, describe_missed, describe_sample, timing, value_captions

ENGINE = ComputeInfo("cpu", "fp32", "contiguous")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "seed 7 · dpmpp · 14 steps · guidance 1.4"),
        ({"eta": 0.3}, "seed 7 · dpmpp · 14 steps · guidance 1.4 · eta 0.3"),
        ({"sampler": "ddim", "eta": 1.0, "spacing": "leading"}, "seed 7 · ddim · 14 steps · guidance 1.4 · eta 1 · leading"),
        ({"sampler": "ddpm", "steps": 1000, "eta": 0.3}, "seed 7 · ddpm · 1000 steps · guidance 1.4"),
        ({"sampler": "one-step", "steps": 1, "eta": 0.3, "spacing": "leading"}, "seed 7 · one-step · 1 step"),
    ],
    ids=["default", "dpmpp with noise", "ddim with noise", "ddpm", "one-step"],
)
def test_describe_sample(settings: dict[str, Any], text: str) -> None:
    assert describe_sample(SampleConfig(seed=7, **settings)) == text


BOLD = Condition(7, (("thickness", Interval(low=3.5)),))


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        (None, ""),
        ((BOLD, replace(BOLD, label=3)), "thickness 3.5 px or more"),
        ((BOLD, BOLD, Condition(3)), "2 × 7, thickness 3.5 px or more; 3"),
        (
            tuple(replace(BOLD, label=label) for label in (7, 3)) * 8 + (Condition(1),),
            "7, thickness 3.5 px or more; 3, thickness 3.5 px or more; 7, …",
        ),
    ],
)
def test_what_pictures_are_asked_to_show(conditions: tuple[Condition, ...] | None, text: str) -> None:
    labels = tuple(condition.label for condition in conditions or (Condition(7),))
    recipe = Recipe(labels, tuple(range(len(labels))), SampleConfig(), WeightsInfo("w", 1, "average"), ENGINE, conditions=conditions)
    said = conditions_of(recipe)
    assert said == text or (text.endswith("…") and said.startswith(text[:-1]) and said.endswith("…") and len(said) == LONGEST_CONDITIONS)


@pytest.mark.parametrize(
    ("name", "asked", "found", "ways"),
    [
        ("slant", 29, {"slant": 24.31}, ["29° → 24°", "29°→24°", "29°!"]),
        ("thickness", 3.5, {"thickness": 2.94}, ["3.5 → 2.9 px", "3.5→2.9 px", "3.5 px!"]),
        ("slant", -20, {}, ["-20°!"]),
    ],
)
def test_the_caption_of_a_value_says_what_it_is_instead(name: str, asked: float, found: dict[str, float], ways: list[str]) -> None:
    condition = Condition(7, ((name, Interval(asked, asked)),))
    assert value_captions(condition, Measured(tuple(found.items()), (), (name,))) == ways
    assert value_captions(condition, Measured(tuple(found.items()))) == [ways[-1].removesuffix("!")]


def test_pictures_that_miss_are_named_with_what_was_measured() -> None:
    recipe = Recipe((7,) * 5, tuple(range(5)), SampleConfig(), WeightsInfo("w", 1, "average"), ENGINE, conditions=(BOLD,) * 5)
    images, miss = Images(bytes(5 * 784), 5), Measured((("thickness", 3.0),), (), ("thickness",))
    done = DrawDone(recipe, images, (images,), (1,), 0.5, 28.0, 2, measured=(miss, Measured((("thickness", 4.0),)), miss, miss, miss))
    one = "7 has thickness 3 px instead of 3.5 px or more"
    assert describe_missed(done) == f"4 of 5 digits are not as asked for: {one}; {one}; {one}; and 1 more"
    assert timing(done) == "0.50 s · 28 steps/s · 2 redrawn · 4 not as asked"
    assert describe_missed(replace(done, measured=())) == ""


@pytest.mark.parametrize(("count", "said"), [(2, "both are as asked for"), (3, "all 3 digits are as asked for")])
def test_several_pictures_that_are_all_as_asked_for(count: int, said: str) -> None:
    recipe = Recipe((7,) * count, tuple(range(count)), SampleConfig(), WeightsInfo("w", 1, "average"), ENGINE, conditions=(BOLD,) * count)
    images, met = Images(bytes(count * 784), count), Measured((("thickness", 4.0),))
    assert describe_measured(DrawDone(recipe, images, (images,), (1,), 0.5, 28.0, measured=(met,) * count)) == said
