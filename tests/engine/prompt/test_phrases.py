"""What prompts ask of pictures besides their class: tables of what they mean and of what is refused, and heaps of words that must be either."""

from __future__ import annotations

import random
import string
import sys
from collections.abc import Sequence

import pytest
from phrase_scales import TOLD

from engine.config.condition import ConditionConfig, Interval
from engine.config.data import MNIST
from engine.errors import PromptError
from engine.prompt.changes import Change
from engine.prompt.parser import Prompt, parse, parse_if_readable, parse_or_change
from engine.prompt.phrase import Hand, Phrase, Target
from engine.prompt.vocabulary import vocabulary_for
from engine.prompt.words import change_words, prompt_words, understood

VOCABULARY = vocabulary_for(MNIST.class_names, True)


def read(text: str, told: ConditionConfig | None = TOLD) -> Prompt:
    return parse(text, random.Random(0), MNIST.class_names, told)


def shown(text: str) -> str:
    prompt = read(text)
    assert prompt.conditions is not None
    assert tuple(phrase.label for phrase in prompt.conditions) == prompt.labels
    assert parse_if_readable(text, random.Random(0), MNIST.class_names, TOLD) == prompt
    return understood(prompt.conditions, VOCABULARY)


def refusal(text: str, told: ConditionConfig | None = TOLD) -> PromptError:
    with pytest.raises(PromptError) as caught:
        read(text, told)
    return caught.value


RISING = ("of increasing thickness", "that get thicker", "bolder and bolder", "in order of thickness", "each bolder than the last")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # levels
        ("a bold seven leaning left", "7 · bold · leaning left"),
        ("a very thin, wide 3", "3 · very thin · wide"),
        ("seven, but upright", "7 · upright"),
        ("an 8 that is not bold", "8 · not bold"),
        ("a 7 that isn't very bold", "7 · not very bold"),
        ("a not too thin 3", "3 · not thin"),
        ("don't make it bold: 4", "4 · not bold"),
        ("7 neither bold nor leaning left", "7 · not bold · not leaning left"),
        ("a hairline 1", "1 · very thin"),
        ("quite a long, slightly narrow 9", "9 · slightly narrow · long"),
        ("5 in bold italics", "5 · bold · leaning right"),
        ("a seven with thin strokes", "7 · thin"),
        ("written with a thick pen: 7", "7 · bold"),
        ("a heavy-weight 9", "9 · bold"),
        ("7 that leans a bit to the left", "7 · leaning slightly left"),
        ("a left-leaning 7", "7 · leaning left"),
        ("a lean 7", "7 · leaning right"),
        ("a 5 with a strong left slant, 1 with a small tilt", "5 · leaning far left, 1 · leaning slightly right"),
        ("911 in thin digits", "9 1 1 · thin"),
        ("my house number 42, make them bold", "4 2 · bold"),
        ("a slant of 7, 3", "3 · slant 7°"),
        ("a backward 4", "4 · leaning left"),
        ("seven without any slant", "7 · upright"),
        ("a slanted 6, not upright", "6 · leaning right"),
        ("a gaunt seven", "7 · thin"),
        ("boldly written 4, heavyish 3", "4 · bold, 3 · slightly bold"),
        ("an extra-wide 8", "8 · very wide"),
        ("a barely tilted 1, insanely thick 4", "1 · leaning slightly right, 4 · very bold"),
        ("a hardly bold 7", "7 · not bold"),
        # superlatives
        ("thinnest 1", "1 · very thin"),
        ("the most slanted 5", "5 · leaning far right"),
        ("least bold 7, the least slanted 4", "7 · very thin, 4 · upright"),
        ("a 7 as bold as possible", "7 · very bold"),
        ("straightest 1", "1 · upright"),
        # variants
        ("a seven with a crossbar", "7 · crossed"),
        ("a seven without a crossbar", "7 · uncrossed"),
        ("a 7 with a line through the middle", "7 · crossed"),
        ("a looped two and a plain 1", "2 · looped, 1 · without a base"),
        ("an open four, a 4 closed at the top", "4 · open, 4 · closed"),
        ("not plain 7", "7 · crossed"),
        ("a one with a base", "1 · with a base"),
        ("1 standing on a base line", "1 · with a base"),
        ("looped 2026", "2 · looped, 0, 2 · looped, 6"),
        ("a crossed digit", "7 · crossed"),
        # numbers
        ("slant 20° thickness 3.5 five", "5 · thickness 3.5 px · slant 20°"),
        ("thickness 3-4 seven", "7 · thickness 3 to 4 px"),
        ("slant: -20, width = 12 px, 7", "7 · slant -20° · width 12 px"),
        ("5 tilted twenty-five degrees to the left", "5 · slant -25°"),
        ("a 6 leaning 15° right", "6 · slant 15°"),
        ("8 with thickness between 3 and 4", "8 · thickness 3 to 4 px"),
        ("at least 4 px thick 8", "8 · thickness at least 4 px"),
        ("8 narrower than 9 px", "8 · width at most 9 px"),
        ("1 with 3 px strokes", "1 · thickness 3 px"),
        ("thickness 3,5 seven", "7 · thickness 3.5 px"),
        ("thickness three point five 7", "7 · thickness 3.5 px"),
        ("thickness 3, 5 7", "5 7 · thickness 3 px"),
        ("length 40 ± 5, 7", "7 · length 35 to 45 px"),
        ("a bolder than usual 7", "7 · bold"),
        ("a 7 narrower than most", "7 · narrow"),
        ("8 no thicker than 2 px", "8 · thickness at most 2 px"),
        ("8 not less than 3 px thick", "8 · thickness at least 3 px"),
        ("a 7 with a slant not over 10°", "7 · slant at most 10°"),
        # which digits are described
        ("a bold 3 and a thin 7", "3 · bold, 7 · thin"),
        ("three bold sevens", "3 × 7 · bold"),
        ("three bold, wide sevens", "3 × 7 · bold · wide"),
        ("two threes four bold fives", "2 × 3, 4 × 5 · bold"),
        ("bold 2026", "2 0 2 6 · bold"),
        ("bold 3 1", "3 1 · bold"),
        ("bold 3, 1", "3 · bold, 1"),
        ("3 bold 7", "3, 7 · bold"),
        ("7 leaning left 3", "7 · leaning left, 3"),
        ("7 leaning left, bold 3", "7 · leaning left, 3 · bold"),
        ("5, very thin, wide 3", "5, 3 · very thin · wide"),
        ("5, very thin", "5 · very thin"),
        ("a 3 and a 7, both bold", "3 7 · bold"),
        ("a fat 6 followed by a thin 9", "6 · bold, 9 · thin"),
        ("left-slanted 2 next to a right-slanted 2", "2 · leaning left, 2 · leaning right"),
        ("first a wide 0 then a narrow 0", "0 · wide, 0 · narrow"),
        ("a normal 5, a bold 7", "5, 7 · bold"),
        ("the year 1999 slanted to the right", "1 9 9 9 · leaning right"),
        ("thickness=3 slant=10 digit=7", "7 · thickness 3 px · slant 10°"),
        ("42, both digits leaning right", "4 2 · leaning right"),
        ("0 1, where every digit is bold", "0 1 · bold"),
        ("a 7 and a 1 that both lean right", "7 1 · leaning right"),
        # digits that are named once
        ("2 threes, one bold one thin", "3 · bold, 3 · thin"),
        ("one bold and two thin eights", "8 · bold, 2 × 8 · thin"),
        ("a bold and a thin 7", "7 · bold, 7 · thin"),
        ("three wide 7s: the first bold, the others thin, in one hand", "7 · bold · wide · one hand, 2 × 7 · thin · wide · one hand"),
        ("two sevens, one of them bold", "7 · bold, 7"),
        ("a 2 and a 5, the 2 bold and the five thin", "2 · bold, 5 · thin"),
        ("a one with a base and a bold 3", "1 · with a base, 3 · bold"),
        # how many digits
        ("half a dozen bold 7s", "6 × 7 · bold"),
        ("two thin sevens and one bold three", "2 × 7 · thin, 3 · bold"),
        ("two sevens and 1 thin 3", "2 × 7, 3 · thin"),
        ("one bold, wide three", "3 · bold · wide"),
        ("one bold", "1 · bold"),
        ("one 2 with a loop and one 2 without a loop", "2 · looped, 2 · unlooped"),
        ("one seven leaning left", "7 · leaning left"),
        ("one two three in bold", "1 2 3 · bold"),
        ("zero one bold two", "0 1, 2 · bold"),
        ("1 bold 3", "1, 3 · bold"),
        ("a few thin sevens", "3 × 7 · thin"),
        ("thin digits", "0 1 2 3 4 5 6 7 8 9 · thin"),
        ("every digit in bold", "0 1 2 3 4 5 6 7 8 9 · bold"),
        # words around them
        ("six that isn't slanted at all", "6 · upright"),
        ("a three with strokes 4 pixels thick", "3 · thickness 4 px"),
        ("a 7 with a stroke of 3 px", "7 · thickness 3 px"),
        ("european style seven", "7 · crossed"),
        ("an open-topped four", "4 · open"),
        # hands
        ("same hand as answer 3, but a 9", "9 · the hand of answer 3"),
        ("five different handwritings of a 7", "5 × 7 · its own hand"),
        ("a seven by three different people", "3 × 7 · its own hand"),
        ("two fives in different handwriting", "2 × 5 · its own hand"),
        ("two fives in a different handwriting", "2 × 5 · one hand"),
        ("a 7 in the same style as answer 3", "7 · the hand of answer 3"),
        ("3 in hand 5 and 7 in the same hand", "3 7 · hand 5"),
        ("6 in somebody's handwriting, then 8 in the same person's handwriting", "6 8 · one hand"),
        ("seven in hand 12", "7 · hand 12"),
        ("4 in the hand of answer 12", "4 · the hand of answer 12"),
        ("a 7 in the same hand as before", "7 · the hand of the last answer"),
        ("2 6 in one hand", "2 6 · one hand"),
        ("three sevens by the same writer", "3 × 7 · one hand"),
        ("a 3, and a 7 in one hand", "3 7 · one hand"),
        ("a 3 in hand 5 and a 7 in hand 12", "3 · hand 5, 7 · hand 12"),
        ("hand 5: 3, 4", "3 4 · hand 5"),
        ("two 7s in different hands", "2 × 7 · its own hand"),
        # rows
        ("eights from thin to bold", "5 × 8 · thickness 2 to 3.4 px"),
        ("three eights slant from -10° to 20", "3 × 8 · slant -10 to 20°"),
        ("2-4 leaning from left to right", "2 3 4 · slant -12 to 16°"),
        ("two 8s getting bolder", "8 · thickness 2 px, 8 · thickness 3.4 px"),
        ("two 8s going from thin to bold", "8 · thickness 2 px, 8 · thickness 3.4 px"),
        *((f"two 8s {words}", "8 · thickness 2 px, 8 · thickness 3.4 px") for words in RISING),
        ("two 8s with decreasing width", "8 · width 16 px, 8 · width 10 px"),
        ("0-2 leaning more and more to the right", "0 1 2 · slant 0 to 16°"),
        ("from a thin 2 to a bold 2", "5 × 2 · thickness 2 to 3.4 px"),
        ("digits from thin to bold", "0 1 2 3 4 5 6 7 8 9 · thickness 2 to 3.4 px"),
        ("a row of 8s with slant going from -20 to 20", "5 × 8 · slant -20 to 20°"),
    ],
)
def test_reads(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026 in one hand", "2 0 2 6 · one hand"),
        ("3, 1 in one hand and 4, 5 in one hand", "3 1 · one hand, 4 5 · one hand"),
        ("2 0 2 6, each in its own hand", "2 0 2 6 · its own hand"),
        ("bold 31415926535", "3 1 4 1 5 9 2 6 5 3 … · bold"),
        ("bold eights slant from 20 to -20", "5 × 8 · bold · slant 20 to -20°"),
        ("3 slant 1, 3 slant 2, 3 slant 2, 3 slant 3", "3 · slant 1°, 2 × 3 · slant 2°, 3 · slant 3°"),
        ("3 slant 1, 3 slant 2, 3 slant 3, 3 slant 1", "3 × 3 · slant 1 to 3°, 3 · slant 1°"),
        ("3 slant 1, 3 slant 2, 3 thickness 3", "3 · slant 1°, 3 · slant 2°, 3 · thickness 3 px"),
        ("1 slant 1, 2 slant 2, 3 slant 3, 4 width 9, 5 length 9, 6, 7 bold", "1 2 3 · slant 1 to 3°, 4 · width 9 px, 5 · length 9 px, 6, …"),
    ],
)
def test_neighbours_that_one_description_fits_share_it(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_what_is_asked_of_classes_with_names_is_said_of_each() -> None:
    target = (Target("thickness", Interval(3.0, 3.0), in_units=True),)
    names = ("boot", "left shoe")
    said = understood([Phrase(0, target), Phrase(0, target), Phrase(1, target)], vocabulary_for(names, True))
    assert said == "2 × boot · thickness 3 px, left shoe · thickness 3 px"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("eights from thin to bold", (2, 2.35, 2.7, 3.05, 3.4)),
        ("three eights slant from -10° to 20", (-10, 5, 20)),
        ("0-2 tilting from 0 to 16°", (0, 8, 16)),
    ],
)
def test_the_values_of_a_row_are_evenly_spaced(text: str, values: Sequence[float]) -> None:
    found = [phrase.targets[0].interval for phrase in read(text).conditions or ()]
    assert [interval.low for interval in found] == [interval.high for interval in found] == pytest.approx(values)


def test_a_level_is_asked_for_in_scores_and_a_number_in_units() -> None:
    assert read("bold 7, thickness 3 slant 20 4 in hand 2").conditions == (
        Phrase(7, (Target("thickness", Interval(low=0.52), False),), (), Hand("number", 2)),
        Phrase(4, (Target("thickness", Interval(3, 3), True), Target("slant", Interval(20, 20), True)), (), Hand("number", 2)),
    )


def test_hands_are_shared_by_number() -> None:
    prompt = read("3, 1 in one hand and 4, 5 in one hand")
    assert [phrase.hand for phrase in prompt.conditions or ()] == [Hand("one", 0)] * 2 + [Hand("one", 1)] * 2


def test_a_prompt_of_classes_alone_asks_for_no_more() -> None:
    for text in ("7", "three sevens", "0-9", "a seven, please", "random"):
        assert read(text) == parse(text, random.Random(0))
        assert read(text).conditions is None


def test_rows_and_grids_share_their_noise() -> None:
    assert [read(text).shared_noise for text in ("eights from thin to bold", "bold grid", "all digits leaning left")] == [True] * 3
    assert [read(text).shared_noise for text in ("bold 0-9", "8 from thin to bold, 7", "0-9 leaning from left to right")] == [False] * 3


def test_random_digits_are_described_too_and_come_from_the_generator() -> None:
    prompt, rng = parse("5 bold random digits", random.Random(3), MNIST.class_names, TOLD), random.Random(3)
    assert prompt.labels == tuple(rng.randrange(10) for _ in range(5))
    rng = random.Random(3)
    assert parse("some bold digits", random.Random(3), MNIST.class_names, TOLD).labels == tuple(rng.randrange(10) for _ in range(5))
    assert len(read("one bold digit").labels) == 1


def test_five_hands_are_shared_by_ten_pictures() -> None:
    hands = [phrase.hand for phrase in read("ten sevens in 5 different hands").conditions or ()]
    assert hands == [Hand("one", k) for k in range(5)] * 2


def test_more_hands_than_fit_into_memory_cost_nothing() -> None:
    hands = [phrase.hand for phrase in read("two sevens in 999999999999 different hands").conditions or ()]
    assert hands == [Hand("one", 0), Hand("one", 1)]
    assert "at most 64" in str(refusal("a seven in 999999999999 different hands"))


@pytest.mark.parametrize(
    ("text", "why", "near"),
    [
        ("a thin bold 7", "understood 7, but 'thin' and 'bold' exclude each other", "a thin 7"),
        ("upright leaning left 7", "exclude each other", "upright 7"),
        ("a crossed 3", "'crossed' is impossible here: only a 7 can be crossed", "3"),
        ("3 with a base", "only a 1 can have a base", "3"),
        ("slant 20px 7", "slant is in degrees, so '20px' makes no sense", "slant 20° 7"),
        ("thickness 20° 7", "thickness is in pixels", "thickness 10 px 7"),
        ("thickness 3 mm 7", "thickness is in pixels, so '3 mm' makes no sense", "thickness 3 px 7"),
        ("a 7 that's 4 kg heavy", "thickness is in pixels, so '4 kg' makes no sense", "a 7 thats 4 px heavy"),
        ("a 7 slanted 90 degrees", "slant goes from -60 to 60°", "a 7 slanted 60°"),
        ("a 7 that is both upright and leaning left", "exclude each other", "a 7 that is both upright and"),
        ("not a 7", "'not' says what not to draw; name the digits to draw instead", None),
        ("thickness 900 seven", "thickness goes from 0.5 to 10 px, so '900' is outside", "thickness 10 seven"),
        ("slant 61 7", "slant goes from -60 to 60°", "slant 60 7"),
        ("7 3 px", "say what is '3 px': the thickness, the width or the length", "7 thickness 3 px"),
        ("thin thickness 4 px 7", "the two things that it asks of the thickness exclude each other", "7"),
        ("7 in hand 12 in hand 13", "exclude each other", "7 in hand 12"),
        ("a tall 7", "'tall' can't be asked for; what can is thickness, width, length and slant", "a 7"),
        ("the biggest 7", "'biggest' can't be asked for", "the 7"),
        ("every bold seven", "'every' draws every digit once, so nothing else can be drawn with it", "bold seven"),
        ("not medium 7", "leaves two sides", None),
        ("7 in a hand", "a hand has a number: in hand 12", None),
        ("bould seven", "can't read 'bould'", "bold seven"),
        ("a 7 leening left", "understood 7, but can't read 'leening'", "a 7 leaning left"),
        ("7 leaning lft", "can't read 'lft'", "7 leaning left"),
        ("an elegant 2", "can't read 'elegant'", "an 2"),
        ("70 different hands of a 7", "at most 64", None),
        ("a seven with a corssbar", "can't read 'corssbar'", "a seven with a crossbar"),
        ("bold 3 and purple 7", "understood 3 · bold, but can't read 'purple'", "bold 3 and 7"),
        ("60 bold 7s and 10 thin 1s", "'10 thin 1s' is too much", "60 bold 7s and 4 thin 1s"),
        ("bolder", "'bolder' changes the last answer on the Prompt screen; here, say what", None),
        ("a bolder 3 and a 7", "'bolder' changes the last answer, so nothing new can stand beside it", "3 and a 7"),
        ("from thin to wide 7", "from one thickness to another", None),
    ],
)
def test_refuses(text: str, why: str, near: str | None) -> None:
    error = refusal(text)
    assert why in str(error)
    assert (error.near or None) == near


@pytest.mark.parametrize("text", ["a bold seven leaning left", "a looped 2", "7 in hand 12", "bolder", "eights from thin to bold"])
def test_weights_that_are_told_classes_alone_draw_nothing_that_pretends(text: str) -> None:
    assert "these weights are told only which class to draw, not what it should look like" in str(refusal(text, None))
    assert parse_if_readable(text, random.Random(0)) is None


def test_weights_that_are_told_classes_alone_suggest_the_class() -> None:
    assert refusal("two bold 7s leaning left, please", None).near == "two 7s , please"


@pytest.mark.parametrize(
    ("text", "part", "told"),
    [
        ("a wide 7", "width", ConditionConfig(TOLD.scales[:2])),
        ("a crossed 7", "crossed", ConditionConfig(TOLD.scales)),
        ("7 in hand 3", "handwriting", ConditionConfig(TOLD.scales)),
    ],
)
def test_what_a_network_is_not_told_is_refused(text: str, part: str, told: ConditionConfig) -> None:
    assert part in str(refusal(text, told))


def test_names_of_classes_come_before_words_for_strokes() -> None:
    names = ("bold", "light bulb", "hand", "thin 3", "bulb")
    assert parse("bold light bulb, hand, thin 3", random.Random(0), names, TOLD) == Prompt((0, 1, 2, 3))
    prompt = parse("bold thin bulb", random.Random(0), names, TOLD)
    assert prompt == Prompt((0, 4), False, (Phrase(0), Phrase(4, (Target("thickness", Interval(high=-0.52), False),))))


def test_pictures_without_classes_can_be_described() -> None:
    assert parse("two bold pictures", random.Random(0), (), TOLD).conditions == (Phrase(0, (Target("thickness", Interval(low=0.52), False),)),) * 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bolder", "last answer · bolder"),
        ("more slanted", "last answer · more slanted"),
        ("less bold and a bit wider", "last answer · thinner · wider"),
        ("a slightly thinner 7", "last answer · 7 · thinner"),
        ("again, in another hand", "last answer · another hand"),
        ("the same but crossed", "last answer · crossed"),
        ("make it lean more to the left", "last answer · further left"),
        ("make the 7 upright again", "last answer · 7 · upright"),
        ("bold", "last answer · bold"),
        ("boldest", "last answer · very bold"),
        ("make them all bold", "last answer · bold"),
        ("redo it", "last answer"),
        ("less upright", "last answer · more slanted"),
    ],
)
def test_some_prompts_change_the_last_answer(text: str, expected: str) -> None:
    change = parse_or_change(text, random.Random(0), MNIST.class_names, TOLD)
    assert isinstance(change, Change)
    assert change_words(change, VOCABULARY) == expected


WORDS = """bold thin very slightly a bit not leaning left right upright with without crossbar loop base crossed looped open plain wide narrow
    long short slant thickness width 20 ° px 3.5 3 7 seven sevens 2026 0-9 from to in one hand 12 same writer answer bolder wider more again another
    but that is and , . - all both each random digit digits grid x three of it than at least between z 900 -20 like own getting italic mm _ = : > two
    twos no 1,5 point"""


PARTS = """bold; a thin; very wide; not long; leaning left; slightly slanted; with a crossbar; looped; plain; slant 20°; thickness 3-4; in one hand;
    at least 3 px thick; in hand 12; in the hand of answer 3; from thin to bold; but upright; that is not narrow; both short; 3; seven; three sevens;
    2 7s; 2026; 0-9; a random digit; 5 random; two ones; a 4"""


def heap(rng: random.Random) -> str:
    """Words in any order, or parts in any order."""
    words = WORDS.split() if rng.random() < 0.5 else [" ".join(part.split()) for part in PARTS.split(";")]
    return "".join(rng.choice(words) + rng.choice((" ", " ", ", ", " and ")) for _ in range(rng.choice((1, 2, 3, 4, 6))))


def read_or_refuse(text: str) -> Prompt | Change | PromptError:
    try:
        return parse_or_change(text, random.Random(0), MNIST.class_names, TOLD)
    except PromptError as error:
        return error


@pytest.mark.slow
def test_any_heap_of_words_is_read_and_said_again_or_refused_well() -> None:
    rng, read_again = random.Random(5), 0
    for text in (heap(rng) for _ in range(500)):
        found = read_or_refuse(text)
        if isinstance(found, PromptError):
            assert str(found).isprintable()
            assert not found.near or not isinstance(read_or_refuse(found.near), PromptError)
        elif isinstance(found, Prompt) and found.conditions:
            said = prompt_words(found.conditions)
            assert read(said).conditions == found.conditions, (text, said)
            read_again += 1
    assert read_again > 50


@pytest.mark.slow
def test_nonsense_stays_nonsense() -> None:
    rng = random.Random(6)
    for _ in range(300):
        letters = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randrange(3, 10)))
        noise = "".join(chr(rng.randrange(sys.maxunicode)) for _ in range(rng.randrange(1, 8)))
        for text in (letters, f"a {letters} seven", f"bold {letters}", f"7 {noise}a"):
            assert isinstance(read_or_refuse(text), PromptError), text
