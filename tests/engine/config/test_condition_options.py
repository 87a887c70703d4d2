"""What is asked for in words of the command line, whether it makes sense, and how it is said."""

from __future__ import annotations

import math

import pytest

from engine.config.condition import ATTRIBUTES, Condition, ConditionConfig, Interval
from engine.config.condition_check import check_conditions, untold_parts
from engine.config.condition_options import AskedOptions, ask, change, parse_interval
from engine.config.condition_text import describe_condition
from engine.errors import SettingError

INF = math.inf


@pytest.mark.parametrize(
    ("name", "text", "low", "high"),
    [
        ("thickness", "3.5", 3.5, 3.5),
        ("thickness", " 3.5 px ", 3.5, 3.5),
        ("thickness", "3..4", 3, 4),
        ("thickness", "3px..4pixels", 3, 4),
        ("thickness", "..3", -INF, 3),
        ("thickness", "3..", 3, INF),
        ("thickness", "3.5...75", 3.5, 0.75),
        ("slant", "-20", -20, -20),
        ("slant", "−20°..−10°", -20, -10),
        ("slant", "+5 deg…10 degrees", 5, 10),
        ("slant", "..-.5", -INF, -0.5),
        ("slant", "20º", 20, 20),
        ("width", "9..9", 9, 9),
    ],
)
def test_a_value_or_an_interval(name: str, text: str, low: float, high: float) -> None:
    if low > high:
        with pytest.raises(SettingError, match="write the smaller value first"):
            parse_interval(name, text)
    else:
        assert parse_interval(name, text) == Interval(low, high)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("thickness", "bold", "thickness 'bold' is not a value; write one value or an interval: 4, 3..4, ..4 or 4.."),
        ("thickness", "3,5", "is not a value"),
        ("thickness", "..", "is not a value"),
        ("thickness", "", "is not a value"),
        ("thickness", "nan", "is not a value"),
        ("thickness", "3..4..5", "is not a value"),
        ("thickness", "1e3", "is not a value"),
        ("thickness", "\x1b[31m3", "is not a value"),
        ("thickness", "40", "thickness 40 px is outside 0.5 to 10 px"),
        ("thickness", "9" * 20, "is outside 0.5 to 10 px"),
        ("slant", "..80°", "slant 80° is outside -60 to 60°"),
        ("slant", "20px", "slant is in degrees, so '20px' can't be read; leave out 'px'"),
        ("width", "9°", "width is in pixels"),
        ("length", "50..40", "length 50..40 begins above its end"),
    ],
)
def test_what_is_no_value_is_one_sentence(name: str, text: str, problem: str) -> None:
    with pytest.raises(SettingError) as error:
        parse_interval(name, text)
    assert problem in str(error.value)
    assert str(error.value).isprintable()


def test_options_ask_the_same_of_all_and_variants_of_their_digits() -> None:
    asked = AskedOptions(slant="10..", variant=("crossed", "base"), without=("looped",))
    found = ask([Condition(label) for label in (7, 2, 3, 1)], asked)
    leaning = (("slant", Interval(low=10)),)
    variants: tuple[tuple[tuple[str, bool], ...], ...] = ((("crossed", True),), (("looped", False),), (), (("with a base", True),))
    assert found == tuple(Condition(label, leaning, own) for label, own in zip((7, 2, 3, 1), variants, strict=True))


@pytest.mark.parametrize(
    ("condition", "asked", "problem"),
    [
        (Condition(3), AskedOptions(variant=("crossed",)), "a 3 can't be crossed; only a 7 can, so leave out --variant"),
        (Condition(3), AskedOptions(without=("looped",)), "a 3 can't be looped; only a 2 can, so leave out --without"),
        (Condition(7), AskedOptions(variant=("crossed",), without=("crossed",)), "--variant crossed and --without crossed contradict each other"),
        (
            Condition(7, (("thickness", Interval(low=4)),)),
            AskedOptions(thickness="3"),
            "--thickness 3 px contradicts the prompt, which asks for thickness 4 px or more",
        ),
        (Condition(7, variants=(("crossed", False),)), AskedOptions(variant=("crossed",)), "the prompt asks for not crossed"),
    ],
)
def test_what_contradicts_is_one_sentence(condition: Condition, asked: AskedOptions, problem: str) -> None:
    with pytest.raises(SettingError, match=problem):
        ask([condition], asked)


def test_options_narrow_what_a_prompt_asks_for_and_replace_what_a_recipe_does() -> None:
    bold = Condition(7, (("thickness", Interval(low=3)), ("slant", Interval(high=0))), (("crossed", False),))
    narrower = ask([bold], AskedOptions(thickness="2..4"))[0]
    assert narrower.attributes == (("thickness", Interval(3, 4)), ("slant", Interval(high=0)))
    other = change([bold], AskedOptions(thickness="2", variant=("crossed",)))[0]
    assert other == Condition(7, (("thickness", Interval(2, 2)), ("slant", Interval(high=0))), (("crossed", True),))


@pytest.mark.parametrize("asked", [AskedOptions(thickness="2"), AskedOptions(variant=("crossed",))])
def test_a_caption_that_may_say_the_opposite_is_left_out(asked: AskedOptions) -> None:
    bold = Condition(7, (("thickness", Interval(low=3)),), (("crossed", False),), text="a bold uncrossed 7")
    assert change([bold], asked)[0].text is None
    assert change([bold], AskedOptions(hand=("12",)))[0].text == bold.text


@pytest.mark.parametrize(
    ("conditions", "labels"),
    [
        ((Condition(7),), (8,)),
        ((Condition(7),), (7, 7)),
        ((Condition(7, (("slant", Interval(-70, 0)),)),), (7,)),
        ((Condition(7, (("width", Interval(low=1e308)),)),), (7,)),
        ((Condition(3, variants=(("crossed", True),)),), (3,)),
        ((Condition(None, variants=(("crossed", True), ("looped", True))),), (None,)),
        ((Condition(7, text=""),), (7,)),
        ((Condition(7, text="x" * 401),), (7,)),
    ],
)
def test_conditions_of_no_picture_are_refused(conditions: tuple[Condition, ...], labels: tuple[int | None, ...]) -> None:
    with pytest.raises(SettingError):
        check_conditions(conditions, labels)


def test_plain_conditions_are_none_at_all() -> None:
    assert check_conditions((Condition(7), Condition()), (7, None)) is None
    assert check_conditions((Condition(7), Condition(3, text="bold")), (7, 3)) == (Condition(7), Condition(3, text="bold"))


def test_a_network_without_conditions_is_told_no_part() -> None:
    everything = Condition(7, (("slant", Interval(1, 1)),), (("crossed", False),), (0.5, 0.0, 1.0), "a seven")
    assert untold_parts(everything, None) == ["slant", "crossed", "a hand", "words"]
    assert untold_parts(everything, ConditionConfig((), ("crossed",), hand=2, text=True)) == ["slant", "a hand of 3 numbers"]
    assert untold_parts(Condition(7), None) == []


def test_an_exact_value_is_met_within_its_tolerance_and_an_interval_as_it_stands() -> None:
    tolerance = ATTRIBUTES["slant"].tolerance
    assert Interval(20, 20).widened(tolerance) == Interval(17, 23)
    assert Interval(19, 21).widened(tolerance) == Interval(17, 23)
    for wide in (Interval(10, 20), Interval(17, 23), Interval(low=20), Interval(high=20), Interval()):
        assert wide.widened(tolerance) == wide


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition(7), "7"),
        (Condition(7, (("slant", Interval(-20, -20)), ("thickness", Interval(3, 4)))), "7, thickness 3 to 4 px, slant -20°"),
        (Condition(7, (("slant", Interval(low=10.004)),)), "7, slant 10° or more"),
        (Condition(7, (("width", Interval(high=9)),), (("crossed", True), ("looped", False))), "7, width 9 px or less, not looped, crossed"),
        (Condition(7, hand=(1.0,), text="a seven"), "7, in a hand, “a seven”"),
    ],
)
def test_conditions_in_words(condition: Condition, words: str) -> None:
    assert describe_condition(condition, "7") == words
