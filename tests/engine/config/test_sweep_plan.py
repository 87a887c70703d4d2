"""A sweep is every combination of its lists, once, in the order of its sheet; what can't be one is refused with a sentence."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from engine.config.sampling import SampleConfig, default_for
from engine.config.sweep import AXES, EXAMPLES, MOST_CELLS, USUAL_STEPS, Value, parse_values, plan_race, plan_sweep
from engine.errors import SettingError

BASE = SampleConfig(seed=5)


def test_every_combination_once_the_last_axis_fastest() -> None:
    sweep = plan_sweep({"steps": (4, 8, 14), "guidance": (1.0, 1.4)}, BASE, "shipped")
    assert [(cell.sample.guidance, cell.sample.steps) for cell in sweep.cells] == list(product((1.0, 1.4), (4, 8, 14)))
    assert [sweep.labels(i) for i in range(6)] == [(f"guidance {g:g}", f"{s} steps") for g, s in product((1.0, 1.4), (4, 8, 14))]
    assert sweep.columns == 3
    assert {replace(cell.sample, guidance=1.4, steps=14) for cell in sweep.cells} == {replace(BASE, redraw_below=0.0)}, "nothing else differs"


def test_three_axes_come_in_the_order_of_the_sheet() -> None:
    lists: dict[str, tuple[Value, ...]] = {"seed": (1, 2), "steps": (2, 3), "weights": ("a", "b")}
    sweep = plan_sweep(lists, BASE, "a")
    assert [axis.name for axis in sweep.axes] == ["weights", "seed", "steps"]
    assert [(c.weights, c.sample.seed, c.sample.steps) for c in sweep.cells] == list(product("ab", (1, 2), (2, 3)))
    assert sweep.caption(5) == "b, seed 1, 3 steps"


def test_attributes_are_axes_too() -> None:
    sweep = plan_sweep({"slant": parse_values("slant", "-20°, 0, 20"), "thickness": (3.5, 4.0), "length": (40.0,)}, BASE, "shipped")
    assert [cell.attributes for cell in sweep.cells] == [
        (("thickness", thickness), ("slant", slant), ("length", 40.0)) for thickness, slant in product((3.5, 4.0), (-20.0, 0.0, 20.0))
    ]
    assert sweep.labels(0) == ("thickness 3.5 px", "slant -20°")


def test_a_list_of_one_is_a_setting() -> None:
    sweep = plan_sweep({"steps": (1, 8), "guidance": (3.0,)}, BASE, "shipped")
    assert [axis.name for axis in sweep.axes] == ["steps"]
    assert {cell.sample.guidance for cell in sweep.cells} == {3.0}
    assert sweep.caption(0) == "1 step"
    alone = plan_sweep({}, BASE, "shipped")
    assert (len(alone.cells), alone.columns, alone.caption(0)) == (1, 1, "")


def test_samplers_take_their_usual_steps_unless_steps_are_listed() -> None:
    samplers = ("ddpm", "ddim", "dpmpp", "one-step")
    sweep = plan_sweep({"sampler": samplers}, replace(BASE, steps=9), "shipped")
    assert [cell.sample.steps for cell in sweep.cells] == [1000, 50, 9, 1], "the shared steps are those of the shared sampler"
    assert sweep.labels(0) == ("ddpm, 1000 steps",)
    listed = plan_sweep({"sampler": samplers[:3], "steps": (7,)}, BASE, "shipped")
    assert {cell.sample.steps for cell in listed.cells} == {7}


def test_students_draw_in_one_step_unless_a_sampler_is_listed() -> None:
    sweep = plan_sweep({"weights": ("shipped", "student")}, BASE, "shipped", {"student"})
    assert [(cell.sample.sampler, cell.sample.steps) for cell in sweep.cells] == [("dpmpp", 14), ("one-step", 1)]
    back = plan_sweep({"weights": ("run", "shipped")}, default_for("one-step"), "run")
    assert [(cell.sample.sampler, cell.sample.steps) for cell in back.cells] == [("dpmpp", 14), ("one-step", 1)]


def test_a_race_holds_the_samplers_that_the_weights_can_use() -> None:
    def racers(weights: str) -> list[tuple[str, int]]:
        return [(cell.sample.sampler, cell.sample.steps) for cell in plan_race(BASE, weights, {"student"}).cells]

    assert racers("shipped") == list(USUAL_STEPS.items())
    assert racers("run") == list(USUAL_STEPS.items())[:3]
    assert racers("student") == [("one-step", 1)]
    assert {cell.sample.seed for cell in plan_race(BASE, "shipped").cells} == {5}
    assert plan_race(BASE, "shipped").caption(3) == "one-step, 1 step"


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ({"steps": tuple(range(1, 12)), "guidance": tuple(range(10))}, f"10 × 11 values are 110 drawings, and a sweep has at most {MOST_CELLS}"),
        ({"steps": (1, 2), "guidance": (1.0, 2.0), "seed": (1, 2), "weights": ("a", "b")}, "give one value for all but 3"),
        ({"sampler": ("one-step",), "steps": (1, 5)}, "steps 5 is outside 1 to 4"),
        ({"steps": (8,), "weights": ("shipped", "student")}, "steps 8 is outside 1 to 4"),
        ({"eta": (0.0, 1.0)}, "can't vary eta"),
    ],
)
def test_what_can_not_be_swept(lists: dict[str, tuple[Value, ...]], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        plan_sweep(lists, BASE, "shipped", {"student"})


@pytest.mark.parametrize("name", AXES)
def test_the_example_of_each_list_can_be_read(name: str) -> None:
    values = parse_values(name, EXAMPLES[name])
    assert ",".join(f"{value:g}" if isinstance(value, float) else f"{value}" for value in values) == EXAMPLES[name]


def test_spaces_and_repeats_in_a_list_do_not_matter() -> None:
    assert parse_values("steps", " 4, 8 ,4") == (4, 8)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("guidance", "1,,2", "empty entry"),
        ("guidance", "", "empty entry"),
        ("guidance", "1,x", "'x' is not a number; write a list such as 1,1.4,2"),
        ("guidance", "nan", "not a finite number"),
        ("steps", "1.5", "not a whole number"),
        ("steps", "4,0", "steps 0 is outside 1 to 1000"),
        ("seed", "-1", "outside"),
        ("sampler", "dpmpp,euler", "not one of"),
        ("steps", "4,\x1b[31m", "·"),
        ("slant", "0,80", "slant 80° is outside -60 to 60°"),
        ("thickness", "2,3..4", "thickness 3..4 is an interval, and a sweep takes single values; write a list such as 2,3,4"),
    ],
)
def test_a_bad_list_is_one_sentence(name: str, text: str, words: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_values(name, text)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()
