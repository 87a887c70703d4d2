"""Prompts: a table of what they mean, a table of what they are refused with, and random text that must be either."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import PromptError
from engine.prompt.parser import MAX_CHARACTERS, MAX_LABELS, Prompt, parse

fuzz = settings(derandomize=True, deadline=None, max_examples=300)

# Spelt out here, so that a slip in the module's own tables shows.
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
PLURALS = ["zeroes", "ones", "twos", "threes", "fours", "fives", "sixes", "sevens", "eights", "nines"]
TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = {2: "twenty", 3: "thirty", 4: "forty", 5: "fifty", 6: "sixty"}


def spelt(n: int, joint: str = " ") -> str:
    """1 to 64 in words."""
    if n < 20:
        return (DIGITS + TEENS)[n]
    return TENS[n // 10] + (joint + DIGITS[n % 10] if n % 10 else "")


def labels(text: str, seed: int = 0) -> list[int]:
    return list(parse(text, random.Random(seed)).labels)


def refusal(text: str) -> str:
    with pytest.raises(PromptError) as caught:
        parse(text, random.Random(0))
    return str(caught.value)


def suggestion(message: str) -> str | None:
    found = re.search(r"did you mean '(.*)'\? Try", message)
    return found[1] if found else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # one digit
        ("7", [7]),
        ("0", [0]),
        ("seven", [7]),
        ("SeVeN", [7]),
        ("a three", [3]),
        ("an eight", [8]),
        ("the nine", [9]),
        ("  seven\n", [7]),
        ("draw me a seven, please!", [7]),
        ("the number 7", [7]),
        ("digit 7", [7]),
        ("'seven'", [7]),
        # plurals without a count
        ("sevens", [7]),
        ("3s", [3]),
        ("3's", [3]),
        ("sixes", [6]),
        ("zeroes", [0]),
        ("zeros", [0]),
        # counts
        ("three sevens", [7, 7, 7]),
        ("one seven", [1, 7]),
        ("one sevens", [7]),
        ("three seven", [3, 7]),
        ("two 7s", [7, 7]),
        ("2 7s", [7, 7]),
        ("3sevens", [7, 7, 7]),
        ("three of the sevens", [7, 7, 7]),
        ("7 x 4", [4] * 7),
        ("4 x 7", [7] * 4),
        ("7x4", [4] * 7),
        ("7 × 4", [4] * 7),
        ("7*4s", [4] * 7),
        ("3 times seven", [7, 7, 7]),
        ("twelve x seven", [7] * 12),
        ("twelve ones", [1] * 12),
        ("12 ones", [1] * 12),
        ("007 ones", [1] * 7),
        ("twenty five sixes", [6] * 25),
        ("twenty-five sixes", [6] * 25),
        ("twenty fives", [5] * 20),
        ("sixty-four 2s", [2] * 64),
        ("a dozen threes", [3] * 12),
        ("two dozen threes", [3] * 24),
        ("half a dozen threes", [3] * 6),
        ("ten different sevens", [7] * 10),
        ("a pair of 4s", [4, 4]),
        ("a couple of fives", [5, 5]),
        # lists
        ("3 1 4", [3, 1, 4]),
        ("314", [3, 1, 4]),
        ("007", [0, 0, 7]),
        ("12", [1, 2]),
        ("3. 1. 4.", [3, 1, 4]),
        ("3 / 4", [3, 4]),
        ("12:30", [1, 2, 3, 0]),
        # dates
        ("2026-11-27", [2, 0, 2, 6, 1, 1, 2, 7]),
        ("27/11/26", [2, 7, 1, 1, 2, 6]),
        ("11/27/2026", [1, 1, 2, 7, 2, 0, 2, 6]),
        ("27.11.2026.", [2, 7, 1, 1, 2, 0, 2, 6]),
        ("1/2/33, 7", [1, 2, 3, 3, 7]),
        ("draw 27-11-26 and 0-2", [2, 7, 1, 1, 2, 6, 0, 1, 2]),
        ("3, 1 and 4", [3, 1, 4]),
        ("3,1,4", [3, 1, 4]),
        ("[3, 1, 4]", [3, 1, 4]),
        ("three one four", [3, 1, 4]),
        ("seven & two", [7, 2]),
        ("seven+two", [7, 2]),
        ("two threes and a four", [3, 3, 4]),
        ("two threes four fives", [3, 3, 5, 5, 5, 5]),
        ("three, sevens", [3, 7]),
        ("12 7", [1, 2, 7]),
        ("3 12 7s", [3, *[7] * 12]),
        # ranges
        ("0-9", list(range(10))),
        ("9-0", list(range(9, -1, -1))),
        ("2..5", [2, 3, 4, 5]),
        ("2…5", [2, 3, 4, 5]),
        ("3 – 7", [3, 4, 5, 6, 7]),
        ("3 to 7", [3, 4, 5, 6, 7]),
        ("from three to seven", [3, 4, 5, 6, 7]),
        ("threes to fives", [3, 4, 5]),
        ("three-five", [3, 4, 5]),
        ("5-5", [5]),
        ("0-2 and 9-8, two 4s", [0, 1, 2, 9, 8, 4, 4]),
        # other scripts
        ("３１４", [3, 1, 4]),
        ("ｓｅｖｅｎ", [7]),
        ("٣ ٤", [3, 4]),
        ("𝟟", [7]),
        ("7\ufe0f\u20e3", [7]),
        ("３　ｓｅｖｅｎｓ", [7, 7, 7]),
    ],
)
def test_reads(text: str, expected: list[int]) -> None:
    assert parse(text, random.Random(0)) == Prompt(tuple(expected), shared_noise=False)


@pytest.mark.parametrize("text", ["grid", "Grid!", "the grid", "show me the grid please", "all", "all digits", "all ten digits", "all 10 digits"])
def test_the_grid_is_ten_digits_over_one_noise(text: str) -> None:
    assert parse(text, random.Random(0)) == Prompt(tuple(range(10)), shared_noise=True)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("random", 1),
        ("a random digit", 1),
        ("random digits", 1),
        ("5 random", 5),
        ("random 5", 5),
        ("random x 5", 5),
        ("random digits x 5", 5),
        ("random five", 5),
        ("three random digits", 3),
        ("three digits", 3),
        ("ten numbers", 10),
        ("sixty-four random", 64),
    ],
)
def test_random_labels_come_from_the_generator_handed_in(text: str, count: int) -> None:
    rng = random.Random(41)
    assert labels(text, seed=41) == [rng.randrange(10) for _ in range(count)]


def test_random_labels_stand_where_they_were_asked_for() -> None:
    first, second = labels("random, random", seed=3)
    assert labels("5, random, 2 8s, random and 0", seed=3) == [5, first, 8, 8, second, 0]


def test_random_labels_cover_the_ten_digits() -> None:
    assert set(labels("64 random", seed=0)) == set(range(10))


@pytest.mark.parametrize("text", ["5 random and a bicycle", "64 random and 7", "random sevens"])
def test_a_refused_prompt_leaves_the_generator_alone(text: str) -> None:
    rng = random.Random(7)
    with pytest.raises(PromptError):
        parse(text, rng)
    assert rng.getstate() == random.Random(7).getstate()


@pytest.mark.parametrize(
    ("text", "why", "near"),
    [
        ("", "the prompt is empty", None),
        (" \t\n", "the prompt is empty", None),
        ("draw me a please", "no digit in 'draw me a please'", None),
        ("digits", "no digit in 'digits'", None),
        ("hello", "can't read 'hello'", None),
        ("quit", "can't read 'quit'", None),
        ("sevn", "can't read 'sevn'", "seven"),
        ("thre sevns", "can't read 'thre'", "three sevens"),
        ("tow", "can't read 'tow'", "two"),
        ("gird", "can't read 'gird'", "grid"),
        ("randm", "can't read 'randm'", "random"),
        ("draw a purple seven", "can't read 'purple'", "draw a seven"),
        ("1e3", "understood 1, but can't read 'e'", "1 3"),
        ("two threes and a bicycle", "understood 3 3, but can't read 'bicycle'", "two threes and a"),
        ("random, bicycle", "understood random, but can't read 'bicycle'", "random,"),
        ("12 ones bicycle", "understood 1 1 1 1 1 1 1 1 …, but can't read 'bicycle'", "12 ones"),
        # numbers above nine
        ("ten", "'ten' is not a digit (digits go from 0 to 9)", "1 0"),
        ("twelve", "'twelve' is not a digit", "1 2"),
        ("twenty-five", "'twenty-five' is not a digit", "2 5"),
        ("two dozen", "'two dozen' is not a digit", "2 4"),
        ("twelve seven", "'twelve' is not a digit", "twelve sevens"),
        ("twelve 7", "'twelve' is not a digit", "twelve 7s"),
        ("3, eleven", "understood 3, but 'eleven' is not a digit", "3, 1 1"),
        ("12s", "understood 1 2, but can't read 's'", "12"),
        # ranges, dashes, signs
        ("11 to 15", "a range goes from one digit to another", "0 to 9"),
        ("0-10", "a range goes from one digit to another", "0 to 9"),
        ("3 to twelve", "a range goes from one digit to another", "3 to 9"),
        ("3 to 7 sevens", "put a comma after a range", "3 to 7, sevens"),
        ("1-2-3", "put a comma after a range", "1-2, 3"),
        ("-3", "a dash stands between two digits; there are no negative numbers", "3"),
        ("−3", "no negative numbers", "3"),
        ("5, -3", "understood 5, but a dash", "5, 3"),
        ("3-", "a dash stands between two digits", "3"),
        ("to", "a range goes from one digit to another", None),
        # numbers that are no digits
        ("1.5", "'1.5' is not a digit", "1 5"),
        ("3.14", "'3.14' is not a digit", "3 14"),
        ("3/4", "'3/4' is not a digit", "3 4"),
        ("1/2/3", "'1/2/3' is not a digit", "1 2 3"),
        ("31/31/26", "'31/31/26' is not a digit", "31 31 26"),
        ("0-1.5", "'1.5' is not a digit", "0-1 5"),
        ("7, 1.5 sevens", "understood 7, but '1.5' is not a digit", "7, 1 5 sevens"),
        ("i3", "can't read 'i3'", "3"),
        ("3i", "can't read '3i'", "3"),
        ("27/11/26 sevens", "'27/11/26' is a date, which is drawn digit by digit; put a comma after it", "27/11/26, sevens"),
        ("2026-13-45", "a range goes from one digit to another", "2026 13 45"),
        ("555-1234", "a range goes from one digit to another", "555 1234"),
        # ranges that are counted
        ("3 x 0-9", "a range takes no count", "0-9, 0-9, 0-9"),
        ("0-9 x 3", "a range takes no count", "0-9, 0-9, 0-9"),
        ("two times threes to fives", "a range takes no count", "threes to fives, threes to fives"),
        ("7, 2 x 0 to 2", "understood 7, but a range takes no count", "7, 0 to 2, 0 to 2"),
        ("7 x 0-9", "a range takes no count", None),
        # words that only look or sound like others
        ("sieben", "can't read 'sieben'", "seven"),
        ("ate", "can't read 'ate'", "eight"),
        ("won", "can't read 'won'", "one"),
        ("hallo", "can't read 'hallo'", None),
        ("on 7", "can't read 'on'", "7"),
        ("twleve", "can't read 'twleve'", None),
        ("twleve sevns", "can't read 'twleve'", "twelve sevens"),
        ("twelve sevns", "can't read 'sevns'", "twelve sevens"),
        ("a dozn 3s", "can't read 'dozn'", "a dozen 3s"),
        # counts
        ("0 sevens", "a count of 0 draws nothing; a comma after it makes it a digit", "0, sevens"),
        ("zero sevens", "a count of 0 draws nothing; a comma after it makes it a digit", "zero, sevens"),
        ("0 x 7", "a count of 0 draws nothing", "7"),
        ("zero random", "a count of 0 draws nothing", "random"),
        ("random 0", "a count of 0 draws nothing", "random"),
        ("random x 0", "a count of 0 draws nothing", None),
        ("sevens x 4", "'x' goes between a count and a digit, in that order", "4 x sevens"),
        ("7 x 12", "'x' goes between a count and a digit, in that order", "12 x 7"),
        ("7 x", "'x' goes between", "7"),
        ("random sevens", "'random' takes only a count", "sevens"),
        ("5 random sevens", "'random' takes only a count", "5 sevens"),
        ("random 3 to 7", "'random' takes only a count", "3 to 7"),
        ("5 random 3", "'random' takes only a count", "5 3"),
        ("all sevens", "'all' draws every digit once, so nothing else can be drawn with it", "sevens"),
        ("7 and grid", "understood 7, but 'grid' draws every digit once", "7 and"),
        ("all 12 digits", "'all' draws every digit once", "12 digits"),
        # more than 64
        ("65 ones", "'65 ones' is too much: a prompt draws at most 64 pictures", "64 ones"),
        ("a hundred sevens", "'hundred sevens' is too much: a prompt draws at most 64 pictures", "64 sevens"),
        ("1 million ones", "'1 million ones' is too much: a prompt draws at most 64 pictures", "64 ones"),
        ("two hundred thousand ones", "'two hundred thousand ones' is too much", "64 ones"),
        ("random x 65", "is too much: a prompt draws at most 64 pictures", "random x 64"),
        ("random x", "'random' takes only a count", None),
        ("999999999 sevens", "is too much: a prompt draws at most 64 pictures", "64 sevens"),
        ("999999999 x 7", "is too much: a prompt draws at most 64 pictures", "64 x 7"),
        ("random 999999999", "is too much: a prompt draws at most 64 pictures", "random 64"),
        ("60 sevens and 10 ones", "'10 ones' is too much: a prompt draws at most 64 pictures", "60 sevens and 4 ones"),
        ("64 ones and 1", "'1' is too much: a prompt draws at most 64 pictures", None),
        ("1" * 65, "is too much: a prompt draws at most 64 pictures", None),
        # numerals that are no decimal digits, and what has no business in a prompt
        ("²", "can't read '²'", "2"),
        ("3²", "understood 3, but can't read '²'", "3 2"),
        ("Ⅶ", "can't read", "7"),
        ("½", "can't read '½'", None),
        ("⑩", "can't read '⑩'", None),
        ("三", "can't read '三'", "3"),
        ("seven\x1b[31m", r"can't read '\x1b'", "seven [31"),
        ("\x00", r"can't read '\x00'", None),
        ("\u202e7", r"can't read '\u202e'", "7"),
        ("\u2764\ufe0f 7", "can't read '\u2764'", "7"),
        ("\ud800", r"can't read '\ud800'", None),
    ],
)
def test_refuses(text: str, why: str, near: str | None) -> None:
    message = refusal(text)
    assert why in message
    assert suggestion(message) == near
    assert message.lower().endswith("try 'three sevens' or '0-9'")


def test_prompts_of_earlier_versions_draw_what_they_drew() -> None:
    """A prompt a line, and what it drew before dates, numbers and counted ranges were told apart. Only 3.14 and i3 ask by now."""
    lines = (Path(__file__).parent / "prompts_drawn.tsv").read_text().splitlines()
    assert len(lines) > 400
    for line in lines:
        text, drawn = line.split("\t")
        prompt = parse(text, random.Random(0))
        assert " ".join(map(str, prompt.labels)) + " grid" * prompt.shared_noise == drawn, text


def test_a_word_is_not_taken_for_a_number_that_only_counts() -> None:
    """A suggestion for a word alone is never a number above nine, digit by digit."""
    for word in ("sieben", "sixten", "elven", "twnty", "thirtn", "hundrd", "cozen", "tan", "tin", "net"):
        near = suggestion(refusal(word))
        assert near is None or len(labels(near)) == 1, word


def test_long_text_is_refused_for_its_length_before_it_is_read() -> None:
    assert "the prompt has 1,000,000 characters, but at most 1000 are allowed" in refusal("9" * 10**6)
    assert "1,000,007 characters" in refusal("9" * 10**6 + " sevens")
    assert "1,001 characters" in refusal("7" + " " * MAX_CHARACTERS)
    assert labels("7" + " " * (MAX_CHARACTERS - 1)) == [7]


@pytest.mark.parametrize("text", ["9" * 993 + " sevens", "9" * 1000, "b" * 1000, "é" * 1000, "please " * 142])
def test_long_words_are_shortened_in_the_message(text: str) -> None:
    message = refusal(text)
    assert "…'" in message
    assert len(message) < 200


@pytest.mark.parametrize("text", ["\ufdfa" * 1000, "sevn " * 200, "\u0300" * 1000, "- " * 500, "7, " * 333])
def test_long_heaps_have_a_short_message(text: str) -> None:
    assert len(refusal(text)) < 200


@pytest.mark.parametrize("text", ["three sevens", "0-9"])
def test_the_examples_in_every_refusal_can_be_read(text: str) -> None:
    assert f"'{text}'" in refusal("bicycle")
    assert labels(text)


def is_right_or_refused_well(text: str) -> None:
    try:
        prompt = parse(text, random.Random(0))
    except PromptError as error:
        message = str(error)
        assert message.isprintable(), "one line, nothing that moves a cursor"
        assert not any(unicodedata.category(c).startswith("M") for c in message)
        assert len(message) <= 300
        near = suggestion(message)
        if near is not None:
            assert labels(near), "what is suggested can be read"
    else:
        assert 1 <= len(prompt.labels) <= MAX_LABELS
        assert all(type(label) is int and 0 <= label <= 9 for label in prompt.labels)
        assert not prompt.shared_noise or prompt.labels == tuple(range(10))


@pytest.mark.slow
@fuzz
@given(st.text())
def test_any_text_is_right_or_refused_well(text: str) -> None:
    is_right_or_refused_well(text)


WORDS = (
    *(DIGITS + PLURALS + TEENS + list(TENS.values())),
    *("7", "0", "12", "64", "65", "000", "999999999999", "3s", "12s", "２", "٣", "²", "½", "Ⅶ", "-", "–", "..", "…", ",", "&", "."),
    *("random", "digits", "grid", "all", "x", "×", "*", "times", "to", "dozen", "couple", "hundred", "a", "the", "of", "and", "please"),
    *("sevn", "bicycle", "s", "'", "\x1b", "_", "é"),
)


@pytest.mark.slow
@fuzz
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(["", " ", ", "])), max_size=12))
def test_any_heap_of_known_words_is_right_or_refused_well(heap: list[tuple[str, str]]) -> None:
    is_right_or_refused_well("".join(word + gap for word, gap in heap))


def test_of_all_numerals_only_decimal_digits_are_digits() -> None:
    for numeral in filter(str.isnumeric, map(chr, range(sys.maxunicode + 1))):
        value = unicodedata.decimal(numeral, None)
        if value is None:
            assert "can't read" in refusal(numeral)
        else:
            assert labels(numeral) == [value]


@pytest.mark.slow
@fuzz
@given(st.lists(st.integers(0, 9), min_size=1, max_size=MAX_LABELS), st.sampled_from([" ", ", ", ",", " and ", "", "\n"]))
def test_a_list_reads_as_itself(expected: list[int], gap: str) -> None:
    assert labels(gap.join(map(str, expected))) == expected
    if gap:
        assert labels(gap.join(DIGITS[label] for label in expected)) == expected


@fuzz
@given(st.integers(1, MAX_LABELS), st.integers(0, 9))
def test_a_count_of_a_plural(count: int, digit: int) -> None:
    for number in (str(count), spelt(count), spelt(count, "-")):
        assert labels(f"{number} {PLURALS[digit]}") == [digit] * count
        assert labels(f"{number} {digit}s") == [digit] * count
        assert labels(f"{number} x {digit}") == [digit] * count
        assert labels(f"{number} times {DIGITS[digit]}") == [digit] * count


@fuzz
@given(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["-", "..", " to "]))
def test_a_range_has_both_its_ends(first: int, last: int, link: str) -> None:
    drawn = labels(f"{first}{link}{last}")
    assert sorted(drawn) == list(range(min(first, last), max(first, last) + 1))
    assert (drawn[0], drawn[-1]) == (first, last)


@pytest.mark.slow
@fuzz
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), min_size=1, max_size=6), st.sampled_from([", ", " and ", " "]))
def test_counts_add_up_to_64_at_most(groups: list[tuple[int, int]], gap: str) -> None:
    text = gap.join(f"{count} {PLURALS[digit]}" for count, digit in groups)
    expected = [digit for count, digit in groups for _ in range(count)]
    if len(expected) <= MAX_LABELS:
        assert labels(text) == expected
    else:
        assert "at most 64 pictures" in refusal(text)


def test_reading_needs_neither_tensors_nor_a_screen() -> None:
    code = "import sys, engine.prompt.parser; print(*{'torch', 'numpy', 'textual', 'rich', 'tui'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == [], f"engine.prompt.parser loads {loaded}"
