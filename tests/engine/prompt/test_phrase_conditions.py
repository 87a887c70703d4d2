"""Phrases as conditions in units, conditions in words, facts that are changed step by step, and changes of the last answer."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phrase_scales import TOLD

from engine.config.condition import ATTRIBUTES, VARIANTS, Condition, ConditionConfig, Interval
from engine.config.data import MNIST
from engine.errors import PromptError
from engine.prompt.changes import Change, apply_change, asked_moves
from engine.prompt.conditions import to_condition, to_phrase
from engine.prompt.facts import CLASS, HAND, drop_fact, facts, group_facts, step_fact
from engine.prompt.hand_numbers import NUMBERS, hand_number, number_hands, other_hand
from engine.prompt.levels import LADDERS
from engine.prompt.parser import parse, parse_or_change
from engine.prompt.phrase import Hand, Phrase, Target
from engine.prompt.vocabulary import vocabulary_for
from engine.prompt.words import prompt_words, words

VOCABULARY = vocabulary_for(MNIST.class_names, True)


def code(hand: Hand) -> tuple[float, ...]:
    return float(hand.number), 1.0, 2.0


def phrases(text: str) -> tuple[Phrase, ...]:
    prompt = parse(text, random.Random(0), MNIST.class_names, TOLD)
    return prompt.conditions or tuple(map(Phrase, prompt.labels))


def conditions(text: str) -> tuple[Condition, ...]:
    return tuple(to_condition(phrase, TOLD, code) for phrase in phrases(text))


def test_scores_become_units_by_the_scales_of_the_class() -> None:
    bold, wide = conditions("bold 7"), conditions("wide 1, wide 7")
    assert (bold[0].interval("thickness").low, bold[0].interval("thickness").high) == (pytest.approx(2.7 + 0.52 * 0.7), math.inf)
    assert [each.interval("width").low for each in wide] == pytest.approx([5 + 0.52, 13 + 0.52 * 3])


def test_hands_that_are_left_open_get_numbers_that_follow_from_the_seed() -> None:
    asked = phrases("3, 1 in one hand and 4, 5 in one hand, 7 in hand 12")
    numbered = [phrase.hand.number for phrase in number_hands(asked, 41) if phrase.hand]
    assert numbered[:2] == [hand_number(41)] * 2
    assert numbered[2:4] == [hand_number(41, 1)] * 2
    assert numbered[4] == 12
    assert number_hands(asked, 41) == number_hands(asked, 41) != number_hands(asked, 42)
    assert len({hand_number(7, place) for place in range(NUMBERS)}) == NUMBERS
    assert other_hand(41, number_hands(asked, 41)) not in numbered


def test_slant_is_in_degrees_already_and_hands_become_codes() -> None:
    assert conditions("crossed 7 leaning left in hand 5") == (Condition(7, (("slant", Interval(high=-5)),), (("crossed", True),), (5.0, 1.0, 2.0)),)
    assert conditions("7")[0].is_plain


def test_values_beyond_what_can_be_asked_for_are_cut() -> None:
    (condition,) = conditions("very narrow 1")
    assert condition.interval("width").high == pytest.approx(5 - 1.28)
    wide = Phrase(1, (Target("width", Interval(-9, -9), False),))
    assert to_condition(wide, TOLD, code).interval("width") == Interval(1, 1)


def test_a_level_and_a_number_narrow_each_other() -> None:
    asked_for = conditions("bold thickness 3 to 5 7")[0].interval("thickness")
    assert (asked_for.low, asked_for.high) == (pytest.approx(2.7 + 0.52 * 0.7), 5)


ends = st.floats(1, 10, allow_nan=False)


@st.composite
def asked(draw: st.DrawFn) -> Condition:
    label = draw(st.integers(0, 9))
    attributes = {}
    for name in draw(st.sets(st.sampled_from(sorted(ATTRIBUTES)))):
        low, high = sorted((draw(ends), draw(ends)))
        attributes[name] = draw(st.sampled_from((Interval(low, high), Interval(low, low), Interval(low), Interval(high=high))))
    variants = tuple((name, draw(st.booleans())) for name, digit in VARIANTS.items() if digit == label and draw(st.booleans()))
    return Condition(label, tuple(attributes.items()), variants)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(asked())
def test_a_condition_in_words_is_read_as_itself(condition: Condition) -> None:
    assert conditions(words(condition)) == (condition,)
    assert conditions(words(condition, TOLD)) == (condition,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a thick seven tilted left, with a crossbar", "bold crossed 7 leaning left"),
        ("a 1 with a base, not wide", "1 not wide with a base"),
        ("thickness 3 slant -20 4", "4 thickness 3 px slant -20°"),
        ("very long upright 2", "upright very long 2"),
    ],
)
def test_conditions_are_said_in_levels_where_they_are_levels(text: str, said: str) -> None:
    (condition,) = conditions(text)
    assert words(condition, TOLD) == said
    assert to_phrase(condition, TOLD) == phrases(text)[0]


@pytest.mark.parametrize(
    "text", ["3 bold 7s in hand 4", "3, 7 in one hand", "3, in hand 12 7", "7 in its own hand, 7 in its own hand", "7 not very bold"]
)
def test_prompts_in_their_own_words_stay_as_they_are(text: str) -> None:
    assert prompt_words(phrases(text)) == text


def test_names_that_hold_other_words_are_quoted() -> None:
    names = ("boot", "light bulb", "7")
    asked_for = (*[Phrase(1, (Target("thickness", Interval(low=0.52), False),))] * 2, Phrase(0), Phrase(2))
    said = prompt_words(asked_for, names)
    assert said == '2 x bold "light bulb", boot, "7"'
    assert parse(said, random.Random(0), names, TOLD).conditions == asked_for


# --- facts ------------------------------------------------------------------------------------------------------------


def test_facts_are_short_and_each_can_be_changed() -> None:
    (phrase,) = phrases("a bold, crossed 7 leaning left, thickness 4 in hand 12")
    assert [(fact.name, fact.text) for fact in facts(phrase, VOCABULARY)] == [
        (CLASS, "7"),
        ("thickness", "bold and thickness 4 px"),
        ("slant", "leaning left"),
        ("crossed", "crossed"),
        (HAND, "hand 12"),
    ]
    stepped = {fact.name: prompt_words([step_fact(phrase, fact.name, 1, VOCABULARY)]) for fact in facts(phrase, VOCABULARY)}
    assert stepped == {
        CLASS: "bold 8 thickness 4 px leaning left in hand 12",
        "thickness": "crossed 7 thickness 4.25 px leaning left in hand 12",
        "slant": "bold crossed 7 thickness 4 px leaning slightly left in hand 12",
        "crossed": "bold uncrossed 7 thickness 4 px leaning left in hand 12",
        HAND: "bold crossed 7 thickness 4 px leaning left in hand 13",
    }
    for fact in facts(phrase, VOCABULARY)[1:]:
        assert fact.name not in [left.name for left in facts(drop_fact(phrase, fact.name), VOCABULARY)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bold 1 2 3", [(range(3), "1 2 3 · bold", False)]),
        ("two bold 3s and a thin 7", [(range(2), "2 × 3 · bold", True), (range(2, 3), "7 · thin", True)]),
        ("bold 7 7 3", [(range(3), "2 × 7, 3 · bold", False)]),
        ("bold 7, 3", [(range(1), "7 · bold", True), (range(1, 2), "3", True)]),
    ],
)
def test_pictures_of_which_the_same_is_asked_share_their_facts(text: str, said: list[tuple[range, str, bool]]) -> None:
    groups = group_facts(phrases(text), VOCABULARY)
    assert [(group.places, " · ".join(fact.text for fact in group.facts), group.facts[0].can_step) for group in groups] == said


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_levels_climb_their_ladder_and_stay_at_its_ends(name: str) -> None:
    ladder = LADDERS[name]
    phrase = Phrase(3, (Target(ladder[0].attribute, ladder[0].interval, name == "slant"),))
    climbed = [phrase := step_fact(phrase, name, 1, VOCABULARY) for _ in ladder]
    assert [step.targets[0].interval for step in climbed] == [level.interval for level in (*ladder[1:], ladder[-1])]


def test_values_stay_within_what_can_be_asked_for() -> None:
    (phrase,) = phrases("7 thickness 3 to 4 slant 59")
    assert step_fact(phrase, "slant", 5, VOCABULARY).target("slant") == Target("slant", Interval(60, 60), True)
    assert step_fact(phrase, "thickness", 100, VOCABULARY).target("thickness") == Target("thickness", Interval(9, 10), True)


# --- changes ----------------------------------------------------------------------------------------------------------


def changed(before: str, change: str, measured: tuple[dict[str, float], ...] = (), told: ConditionConfig = TOLD) -> str:
    found = parse_or_change(change, random.Random(0), MNIST.class_names, told)
    assert isinstance(found, Change)
    return prompt_words(apply_change(found, phrases(before), told, measured, other_hand=99))


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ("7", "bolder", "7 thickness 3.23 px"),  # 2.7 + 0.75 · 0.7
        ("7", "slightly bolder", "7 thickness 2.95 px"),
        ("bold 7 leaning left in hand 3", "thinner", "7 thickness 2.88 px leaning left in hand 3"),  # from z = 1
        ("7 slant -10", "more slanted", "7 slant -18°"),
        ("7 slant 10", "more slanted", "7 slant 18°"),
        ("7 slant 10", "much more upright", "7 slant 0°"),
        ("7 slant 10", "more to the left", "7 slant 2°"),
        ("7 thickness 3", "0.5 px bolder", "7 thickness 3.5 px"),
        ("wide 1, wide 7", "narrower", "1 width 5.25 px, 7 width 13.75 px"),  # by the scales of each class
        ("a 3 and a 7 in hand 2", "a bolder 7", "3 in hand 2, 7 thickness 3.23 px in hand 2"),
        ("thin 7 in hand 2", "again, in another hand", "thin 7 in hand 99"),
        ("thin 7", "make it bold", "bold 7"),
        ("crossed 7, 4", "plain", "uncrossed 7, open 4"),
        ("7 thickness 3", "again", "7 thickness 3 px"),
    ],
)
def test_a_change_keeps_all_but_one_thing(before: str, change: str, after: str) -> None:
    assert changed(before, change) == after


def test_a_change_goes_on_from_what_was_measured_unless_a_value_was_asked_for() -> None:
    seen = ({"thickness": 4.0, "slant": -12.0},)
    assert changed("bold 7", "bolder, more slanted", seen) == "7 thickness 4.53 px slant -20°"
    assert changed("7 thickness 3 px", "0.5 px bolder", seen) == "7 thickness 3.5 px"


def test_noise_is_kept_where_something_changes() -> None:
    def keeps(text: str) -> bool:
        change = parse_or_change(text, random.Random(0), MNIST.class_names, TOLD)
        assert isinstance(change, Change)
        return change.keeps_noise

    assert [keeps(text) for text in ("bolder", "again, in another hand", "bold", "again")] == [True, True, True, False]


@pytest.mark.parametrize("word", ["bolder", "crossed", "bolder 3s,"])
def test_a_long_change_is_not_repeated_whole(word: str) -> None:
    with pytest.raises(PromptError) as error:
        parse_or_change(f"{word} " * 60, random.Random(0))
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("before", "change", "why"),
    [
        ("3", "a bolder 7", "no picture of that class"),
        ("3", "the same but crossed", "only a 7 can be crossed, and the last answer has none"),
        ("7 slant 60", "more to the right", "the slant is at its limit"),
    ],
)
def test_changes_that_are_impossible_are_refused(before: str, change: str, why: str) -> None:
    with pytest.raises(PromptError, match=why):
        changed(before, change)


def test_what_a_network_is_not_told_can_not_be_changed() -> None:
    with pytest.raises(PromptError, match="not told width"):
        changed("7", "wider", told=ConditionConfig(TOLD.scales[:2]))


@pytest.mark.parametrize(
    ("text", "before", "made", "missed"),
    [
        ("bolder", {"thickness": 4.28}, [5.82, 4.5], [4.28, 4.4, 3.0]),
        ("thinner", {"thickness": 4.28}, [1.0, 4.0], [4.28, 5.82]),
        ("more slanted", {"slant": 6.0}, [40.0, 10.0], [6.0, 7.0, -30.0]),
        ("more slanted", {"slant": -6.0}, [-40.0, -10.0], [-6.0, 30.0]),
        ("less slanted", {"slant": -20.0}, [-12.0, 0.0, 5.0], [-19.0, -30.0, 25.0]),
        ("further left", {"slant": 6.0}, [0.0, -40.0], [6.0, 20.0]),
    ],
)
def test_a_relative_change_is_made_by_any_value_that_goes_the_way_it_says(
    text: str, before: dict[str, float], made: list[float], missed: list[float]
) -> None:
    change = parse_or_change(text, random.Random(0), MNIST.class_names, TOLD)
    assert isinstance(change, Change)
    ((name, move),) = asked_moves(change, [Phrase(7)], TOLD, [before], [before])[0].items()
    assert [move.is_made(name, value) for value in made] == [True] * len(made)
    assert [move.is_made(name, value) for value in missed] == [False] * len(missed)


def test_a_relative_change_of_one_class_says_nothing_of_the_others_and_an_amount_is_exact() -> None:
    shown = [{"thickness": 3.0}] * 2
    for text, names in (("make the 3 bolder", ["thickness"]), ("make the 3 0.5 px bolder", [])):
        change = parse_or_change(text, random.Random(0), MNIST.class_names, TOLD)
        assert isinstance(change, Change)
        assert [[*each] for each in asked_moves(change, [Phrase(3), Phrase(7)], TOLD, shown, shown)] == [names, []]
