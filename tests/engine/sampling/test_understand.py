"""Prompts that only a text encoder can read: said in the parser's words where it is sure, else asked back; the parser has the last word."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from engine.captions.captions import random_plan
from engine.captions.facts import target_for
from engine.captions.vocabulary import known_words
from engine.checkpoints.reader import shipped_reader
from engine.config.data import MNIST
from engine.config.text import TextConfig
from engine.models.text import CaptionReader
from engine.prompt.levels import Level
from engine.prompt.phrase import Phrase
from engine.prompt.phrasing import Phrases
from engine.prompt.reading import read
from engine.prompt.vocabulary import vocabulary_for
from engine.prompt.words import prompt_words
from engine.protocol.understood import Understood
from engine.sampling import understand as module
from engine.sampling.understand import Reading, reword

BOLD, WIDE = target_for(Level("thickness", 1), False), target_for(Level("width", 1), False)
MEDIUM = target_for(Level("thickness", 0), False)
BOLD_SEVEN, SEVEN = Phrase(7, (BOLD,)), Phrase(7)
VOCABULARY = vocabulary_for(MNIST.class_names, True)


def rewords(monkeypatch: pytest.MonkeyPatch, text: str, readings: Mapping[str, Reading], otherwise: Reading) -> Understood:
    """With a reader that reads this in texts with these words, and else something else."""

    def fake(reader: CaptionReader, texts: Sequence[str]) -> list[Reading]:
        return [next((reading for word, reading in readings.items() if word in text), otherwise) for text in texts]

    monkeypatch.setattr(module, "read_texts", fake)
    return reword(text, CaptionReader(TextConfig(known_words(), 8, 8, 1)))


def test_what_a_caption_states_can_always_be_said_to_the_parser() -> None:
    rng = random.Random(0)
    for _ in range(400):
        says = random_plan(rng).says
        asked = read(prompt_words([says]), VOCABULARY)
        if says.is_plain:
            assert asked.labels == [says.label]
        else:
            assert isinstance(asked.asked, Phrases)
            assert asked.asked.phrases == (says,)


@pytest.mark.parametrize(
    ("text", "sure", "expected"),
    [
        ("let me see a massive seven", 0.7, Understood("bold 7")),  # a word of training
        ("let me see a masssive seven", 0.7, Understood("bold 7")),  # misspelt
        ("sketch a seven havign massive lines", 0.7, Understood("bold 7")),  # a misspelt word that means nothing
        ("let me see a massive seven", 0.5, "not sure what 'let me see a massive seven' means; did you mean 'bold 7'?"),
        ("produce a massive seven", 0.7, Understood("bold 7")),  # a new word before it all
        ("draw a qompous seven please now", 0.95, Understood("bold 7")),  # a new word that the reader is sure of
        ("draw a qompous seven please now", 0.8, "can't tell what 'qompous' means; did you mean 'bold 7'?"),
    ],
)
def test_one_picture(monkeypatch: pytest.MonkeyPatch, text: str, sure: float, expected: Understood | str) -> None:
    readings = {word: Reading(BOLD_SEVEN, sure) for word in ("massive", "masssive", "qompous")}
    found = rewords(monkeypatch, text, readings, Reading(SEVEN, 0.99))
    if isinstance(expected, str):
        expected = Understood(problem=expected, near="bold 7")
    assert found == expected


def test_a_new_word_that_changes_nothing_is_asked_back(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rewords(monkeypatch, "let me see a purple seven", {}, Reading(SEVEN, 0.99))
    assert (found.problem, found.near) == (f"can't tell what 'purple' means; {module.CHOICES}; did you mean '7'?", "7")


@pytest.mark.parametrize("reading", [Phrase(3, (BOLD,)), Phrase(7, (WIDE,)), SEVEN])
def test_where_both_can_read_the_parser_is_not_contradicted(monkeypatch: pytest.MonkeyPatch, reading: Phrase) -> None:
    assert rewords(monkeypatch, "let me see a bold seven", {}, Reading(reading, 1.0)).prompt == ("bold 7" if reading.label == 7 else "")


@pytest.mark.parametrize("text", ["let me see a thin bold 7", "let me see a crossed uncrossed 7", "let me see a seven with thickness 99"])
def test_what_contradicts_itself_stays_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert not rewords(monkeypatch, text, {}, Reading(BOLD_SEVEN, 1.0)).prompt


def test_counts_and_numbers_are_the_parsers(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, meant in {
        "let me see three boldd sevens": "a three bold sevens",
        "we need a seven with slant 20°": "a seven with slant 20°",
        "produce three sevens": "",
    }.items():
        found = rewords(monkeypatch, text, {}, Reading(BOLD_SEVEN, 1.0))
        asked = [read(VOCABULARY.normalize(t), VOCABULARY).asked for t in (meant, found.prompt)] if meant else [found.prompt, ""]
        assert asked[0] == asked[1]


@pytest.mark.parametrize(
    ("text", "reading", "expected"),
    [
        ("a bld wdie seven", Phrase(7, (WIDE,)), Understood("bold wide 7")),  # the reader passes over a word
        ("a vrey bold seven", BOLD_SEVEN, Understood("very bold 7")),
        ("twoo with a lop", Phrase(None), Understood("looped 2")),
        ("slnated 7", Phrase(7, (target_for(Level("slant", 0), False),)), "not sure what 'slnated 7' means; did you mean '7 leaning right'?"),
        ("nto bold 7", BOLD_SEVEN, "not sure what 'nto bold 7' means; did you mean '7 not bold'?"),
        ("7 wiht a loop", SEVEN, f"can't tell what 'wiht' means; {module.CHOICES}; did you mean '7'?"),
        ("let me see a seven loop", SEVEN, Understood()),  # no seven has one
        ("let me see a crossed 3", Phrase(3), Understood()),  # only a 7 can be: the parser says so
        ("let me see a looped sevn", SEVEN, Understood()),
        ("let me see a messy 7", Phrase(7, (MEDIUM,)), f"can't tell what 'messy' means; {module.CHOICES}; did you mean '7'?"),
        ("bould sevn", None, "not sure what 'bould sevn' means; did you mean 'bold 7'?"),
        ("two sevens which get bolder, pal", SEVEN, Understood()),  # never a change of the last answer
        ("an elegant 7", SEVEN, f"can't tell what 'elegant' means; {module.CHOICES}; did you mean '7'?"),
    ],
)
def test_no_misspelt_word_is_passed_over_or_turned_round(
    monkeypatch: pytest.MonkeyPatch, text: str, reading: Phrase | None, expected: Understood | str
) -> None:
    found = rewords(monkeypatch, text, {}, Reading(reading, 1.0))
    if isinstance(expected, str):
        assert (found.problem, found.prompt) == (expected, "")
    else:
        assert found == expected


@pytest.mark.parametrize(
    "text",
    ["let me see a number between 3 and 5", "never ever bold 7", "let me see a thin or bold 7", "three or four bold 7s", "half a bold 7", "-7"],
)
def test_a_word_that_turns_the_meaning_is_not_left_out(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert not rewords(monkeypatch, text, {}, Reading(BOLD_SEVEN, 1.0)).prompt


def test_nonsense_is_called_so_unless_the_parser_knows_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    nonsense = Reading(None, 0.99)
    assert rewords(monkeypatch, "my dog ate it", {}, nonsense).problem == "'my dog ate it' says nothing of a digit; try 'three sevens' or '0-9'"
    assert rewords(monkeypatch, "my dog ate it", {}, Reading(None, 0.5)) == Understood()
    assert rewords(monkeypatch, "my dog ate a seven", {}, nonsense) == Understood()


def test_where_both_can_read_the_weights_that_ship_agree_with_the_parser() -> None:
    reader = shipped_reader()
    assert reader is not None
    rng, texts, says = random.Random(4), list[str](), list[Phrase]()
    while len(texts) < 60:
        plan = random_plan(rng)
        if module.is_readable(VOCABULARY.normalize(plan.text), VOCABULARY):  # then it is read right, as other tests ensure
            texts.append(plan.text)
            says.append(plan.says)
    found = module.read_texts(reader, texts)
    assert sum(one.phrase == other for one, other in zip(found, says, strict=True)) >= 59


def test_the_weights_that_ship_read_what_the_parser_cannot() -> None:
    reader = shipped_reader()
    assert reader is not None
    assert reword("let me see a massive sevven that tilts to the left", reader).prompt == "bold 7 leaning left"
    assert "says nothing of a digit" in reword("what should i cook tonight", reader).problem


def test_any_text_is_answered() -> None:
    reader = shipped_reader()
    assert reader is not None
    rng = random.Random(6)
    pieces = [
        *["seven", "7", "bold", "not", "very", ",", "slant", "20°", "three", "sevens", "the", "é", "’", "x", "0-9", "qwert", "ⅳ"],
        "\ud800",
        "\t",
        '"',
    ]
    for _ in range(150):
        text = " ".join(rng.choices(pieces, k=rng.randint(0, 40)))
        found = reword(text, reader)
        assert not found.prompt or module.is_readable(VOCABULARY.normalize(found.prompt), VOCABULARY)
