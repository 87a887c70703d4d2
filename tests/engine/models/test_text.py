"""The tokenizer, the text encoder and its heads."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.captions.captions import random_plan
from engine.captions.facts import MOST_WORDS
from engine.captions.vocabulary import held_out_words, known_words
from engine.config.text import TextConfig
from engine.errors import SettingError
from engine.models.layers import count_parameters
from engine.models.text import CaptionReader, Readings, encode_facts, read_facts
from engine.models.tokenizer import NOTHING, UNKNOWN, Tokenizer
from engine.prompt.phrase import Phrase

ROOT = Path(__file__).parents[3]
CONFIG = TextConfig(known_words())


@pytest.fixture(scope="module")
def reader() -> CaptionReader:
    torch.manual_seed(0)
    return CaptionReader(CONFIG).eval()


def test_words_are_all_known_in_training_and_none_is_held_out() -> None:
    known = set(CONFIG.words)
    assert not known & held_out_words()
    tokens = Tokenizer(CONFIG)([random_plan(random.Random(seed)).text for seed in range(1500)])
    unknown = (tokens.words == UNKNOWN).sum() / tokens.present.sum()
    assert unknown < 0.005, "only those with another ending, such as widish"


def test_tokens_are_the_words_in_order_with_their_letters() -> None:
    config = TextConfig(("a", "bold", "seven"), trigrams=50)
    tokens = Tokenizer(config)(["A bold, 7 Seven!", ""])
    assert tokens.words.tolist() == [[2, 3, UNKNOWN, UNKNOWN, 4, UNKNOWN], [UNKNOWN] + [NOTHING] * 5]
    assert tokens.present.sum(1).tolist() == [6, 1]
    assert (tokens.trigrams[0, 1] > 0).sum() == 4  # <bo bol old ld>
    assert tokens.trigrams.max() <= 50
    assert tokens.trigrams[1].sum() == 0


def test_texts_of_any_length_and_script_become_tokens(reader: CaptionReader) -> None:
    tokens = Tokenizer(CONFIG)(["bold " * 5000, "x" * 10_000, "七 \ud800 \x00", " ", "7" * 99])
    assert tokens.words.shape == (5, MOST_WORDS)
    assert all(part.isfinite().all() for part in reader(tokens))


def test_a_misspelt_word_shares_most_of_its_letters_with_the_right_one() -> None:
    right, wrong, other = (set(row.tolist()) - {0} for row in Tokenizer(CONFIG)(["leaning leanning straight"]).trigrams[0, :3])
    assert len(right & wrong) >= 5
    assert len(right & other) <= 1


@pytest.mark.slow
def test_tokens_are_the_same_in_every_process() -> None:
    code = (
        "from engine.models.tokenizer import Tokenizer; from engine.config.text import TextConfig\n"
        "print(Tokenizer(TextConfig(('a',)))(['a bold seven']).trigrams[0, :3].tolist())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_the_reader_has_between_700_000_and_900_000_parameters() -> None:
    with torch.device("meta"):
        assert 700_000 <= count_parameters(CaptionReader(CONFIG)) <= 900_000
    assert 500 <= len(CONFIG.words) <= 1300


def test_a_caption_is_read_alike_beside_any_others(reader: CaptionReader) -> None:
    tokenizer = Tokenizer(CONFIG)
    alone, beside = reader(tokenizer(["a bold seven"])), reader(tokenizer(["7", "a bold seven", "a thin one that is leaning to the left"]))
    assert all(torch.allclose(one[0], two[1], atol=1e-5) for one, two in zip(alone, beside, strict=True))


def test_the_order_of_words_counts(reader: CaptionReader) -> None:
    left, right = reader.encoder(Tokenizer(CONFIG)(["bold not wide 7", "wide not bold 7"])).pooled
    assert not torch.allclose(left, right, atol=1e-3)


def test_facts_are_what_is_read_from_the_right_answers() -> None:
    says: list[Phrase | None] = [None, *(random_plan(random.Random(seed)).says for seed in range(300))]
    right = encode_facts(says)
    sizes = (11, right.attributes.max() + 1, 3, 2)
    logits = Readings(*(torch.nn.functional.one_hot(part, int(size)).float() for part, size in zip(right, sizes, strict=True)))
    assert read_facts(logits) == says


def test_a_variant_that_the_digit_can_not_have_is_not_read() -> None:
    right = encode_facts([Phrase(7, (), (("crossed", True),))])
    logits = [torch.nn.functional.one_hot(part, size).float() for part, size in zip(right, (11, 12, 3, 2), strict=True)]
    logits[0] = torch.nn.functional.one_hot(torch.tensor([3]), 11).float()
    assert read_facts(Readings(*logits)) == [Phrase(3)]


@pytest.mark.parametrize("words", [("a", "a"), ("",)], ids=str)
def test_a_configuration_with_a_word_twice_or_an_empty_one_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(SettingError):
        TextConfig(words)
