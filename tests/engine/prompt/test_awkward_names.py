"""Class names that hold grammar, figures, other scripts or many words: the longest match, quotes, and numbers that count or name."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import PromptError
from engine.prompt.parser import parse, parse_if_readable
from engine.prompt.text import quotable

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
AWKWARD = (
    *("random", "12", "a, b", "all", "grid", "and", "2 cats", "cat", "Bus", "buses", "café", "🐱", "猫", "狗", "Dress"),
    *("rock 'n' roll", "3", "boot", "T-shirt/top", "x", "trousers", "bass (fish)", "7-up", "to", "½ moon"),
    *("../../etc", "..", "-"),
)
NUMBERED = tuple(str(i) for i in range(101))
IDS = ("00017", "10342", "10343", "90001")
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")


def drawn(text: str, names: tuple[str, ...]) -> list[str]:
    return [names[label] for label in parse(text, random.Random(0), names).labels]


def refusal(text: str, names: tuple[str, ...]) -> PromptError:
    with pytest.raises(PromptError) as caught:
        parse(text, random.Random(0), names)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("three ankle boots", ["Ankle boot"] * 3),
        ("sneaker and two bags", ["Sneaker", "Bag", "Bag"]),
        ("T-shirt/top", ["T-shirt/top"]),
        ("two t-shirts/tops, shirts", ["T-shirt/top"] * 2 + ["Shirt"]),
        ("DRESSES", ["Dress"]),
        ("Coat-Shirt", ["Coat", "Sandal", "Shirt"]),
        ("three pictures of bags", ["Bag"] * 3),
        ("2 images, bag", ["Shirt", "Shirt", "Bag"]),  # two random ones
        ('"Bag" “Coat” ‘Shirt’ `Dress`', ["Bag", "Coat", "Shirt", "Dress"]),
        ("three  ankle\n boots", ["Ankle boot"] * 3),
    ],
)
def test_clothes_are_called_by_name(text: str, expected: list[str]) -> None:
    assert drawn(text, FASHION) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((name, [name]) for name in AWKWARD),
        *((f'"{name}"', [name]) for name in AWKWARD),
        *((f"2 × {name}", [name, name]) for name in AWKWARD if name not in ("2 cats", "½ moon")),
        ("two cats", ["cat"] * 2),  # but 2 cats is a class
        ('2 "cat"', ["cat"] * 2),
        ("3 2 cats", ["2 cats"] * 3),
        ("boot, a, b", ["boot", "a, b"]),
        ("buses", ["buses"]),
        ("dresses", ["Dress"]),
        ("CAFÉS", ["café"]),
        ("cafe\u0301", ["café"]),  # as macOS writes file names
        ("🐱🐱", ["🐱", "🐱"]),
        ("🐱\ufe0f 猫狗", ["🐱", "猫", "狗"]),
        ("3猫", ["猫"] * 3),
        ("three bass (fish)", ["3", "bass (fish)"]),
        ("three basses (fish)", ["bass (fish)"] * 3),
        ("12 trousers", ["trousers"] * 12),  # a plural that is its own singular
        ("12 boots", ["boot"] * 12),
        ("12 boot", ["12", "boot"]),
        ("3 boot", ["3", "boot"]),
        ('"12" boots', ["12", "boot"]),
        ("twelve boots", ["boot"] * 12),
        ("twelve", ["12"]),
        ("rock n roll", ["rock 'n' roll"]),
        ("two T-shirts/tops", ["T-shirt/top"] * 2),
        ("4 boot", ["boot"] * 4),  # 4 is no class
        ("boot and boot", ["boot", "and", "boot"]),  # and is one
    ],
)
def test_names_that_hold_grammar_are_found_by_the_longest_match(text: str, expected: list[str]) -> None:
    assert drawn(text, AWKWARD) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", ["12"]),
        ("3 12", ["3", "12"]),
        ("3 x 12", ["12"] * 3),
        ("three 12s", ["12"] * 3),
        ('3 "12"', ["12"] * 3),
        ("12 x 7", ["7"] * 12),
        ("twelve", ["12"]),
        ("twenty-five", ["25"]),
        ("twenty five, 6", ["25", "6"]),
        ("10-15", ["10", "11", "12", "13", "14", "15"]),
        ("ten to twelve", ["10", "11", "12"]),
        ("12, 13 and 14", ["12", "13", "14"]),
        ("100", ["100"]),
    ],
)
def test_numbers_are_names_unless_they_count(text: str, expected: list[str]) -> None:
    assert drawn(text, NUMBERED) == expected


@pytest.mark.parametrize(
    ("text", "names", "why", "near"),
    [
        ("314", NUMBERED, "'314' is not a class", "34"),
        ("007", NUMBERED, "'007' is not a class", "7"),
        ("1.5", NUMBERED, "'1.5' is not a class", ""),
        ("17", IDS, "'17' is not a class", "00017"),
        ("10344", IDS, "'10344' is not a class", "10343"),
        ("ankel boot", FASHION, "can't read 'ankel'", "ankle boot"),
        ("2 ankel boots please", FASHION, "can't read 'ankel'", "2 ankle boots please"),
        ("boot", FASHION, "can't read 'boot'", "ankle boot"),
        ("tshirt", FASHION, "can't read 'tshirt'", "t-shirt/top"),
        ("3 t-shirts", FASHION, "can't read 't'", "3 t-shirts/tops"),
        ("hello", LETTERS, "can't read 'hello'", ""),
        ("grid", NUMBERED, "a grid of all 101 classes is more than the 64 that a prompt draws; the screen Grid", "0 to 63"),
    ],
)
def test_refuses_and_suggests_the_nearest_class(text: str, names: tuple[str, ...], why: str, near: str) -> None:
    error = refusal(text, names)
    assert why in str(error)
    assert error.near == near
    if near:
        assert drawn(near, names)


def test_numbers_of_one_length_are_names_by_their_figures() -> None:
    assert drawn("00017", IDS) == ["00017"]
    assert drawn("3 00017", IDS) == ["00017"] * 3
    assert drawn("10342 10343", IDS) == ["10342", "10343"]
    assert drawn("00017 to 10343", IDS) == list(IDS[:3])


def test_capitals_count_where_only_they_tell_classes_apart() -> None:
    assert drawn("A a three As, Z z", LETTERS) == ["A", "a", "A", "A", "A", "Z", "Z"]
    assert drawn("DRAW Three bs", LETTERS) == ["b"] * 3
    assert drawn("CAT", ("Cat", "cat", "dog")) == ["cat"]


def test_the_rest_of_a_refused_prompt_is_what_could_not_be_read() -> None:
    assert refusal("two bags, seven kites", FASHION).rest == "seven kites"


def one_space(name: str) -> str:
    return " ".join(name.split())


SHORT_NAMES = st.text(alphabet=st.sampled_from("ab cS'12x,-./½é猫🐱𝟟"), min_size=1, max_size=8).map(one_space).filter(bool)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.lists(SHORT_NAMES | st.sampled_from(AWKWARD), min_size=1, max_size=6, unique_by=lambda name: quotable(name, keep_case=False)))
def test_any_name_in_quotes_is_its_class(names: list[str]) -> None:
    for label, name in enumerate(names):
        if quotable(name, keep_case=False):
            assert parse(f'"{name}"', random.Random(0), names).labels == (label,)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(st.sampled_from((*AWKWARD, *FASHION, "7", "x", "-", ",", '"', "'", "three", "dozen", "pictures", "of", "zzz")), max_size=7))
def test_the_quick_reading_agrees_with_the_one_that_explains(words: list[str]) -> None:
    text, names = " ".join(words), (*AWKWARD, *FASHION[1:3])
    quick = parse_if_readable(text, random.Random(0), names)
    slow = None
    with suppress(PromptError):
        slow = parse(text, random.Random(0), names)
    assert quick == slow


@pytest.mark.slow
def test_ten_thousand_classes_are_read_and_refused_in_a_moment() -> None:
    import time

    rng = random.Random(1)
    names = tuple(f"{rng.choice(('red', 'old', 'wild'))} {rng.choice(('fish', 'bird', 'leaf'))} of the {i}th kind"[:60] for i in range(10_000))
    parse("three " + names[5], random.Random(0), names)
    started = time.process_time()
    for i in range(20):
        assert parse(f"two {names[i]}, {names[-i - 1]}", random.Random(0), names).labels == (i, i, 9_999 - i)
        assert parse_if_readable("three wilt birds " * 20, random.Random(0), names) is None
    quick = time.process_time() - started
    assert refusal("wild brid of the 77th kind", names).near
    assert quick < 1.5
    assert time.process_time() - started < 5
