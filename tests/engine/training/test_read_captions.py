"""The batches and the loss of a caption reader."""

from __future__ import annotations

import math

import torch

from engine.captions.captions import states_pair
from engine.captions.facts import split_words, target_for
from engine.captions.vocabulary import held_out_words, known_words
from engine.config.text import TextConfig
from engine.models.text import CaptionReader, Readings, encode_facts, read_facts
from engine.models.tokenizer import UNKNOWN, Tokenizer
from engine.prompt.levels import Level
from engine.prompt.phrase import Phrase
from engine.training.read_captions import CaptionBatch, draw_captions, hide_words, reading_loss, right_readings

CPU = torch.device("cpu")
BOLD, THIN = (Phrase(7, (target_for(Level("thickness", side), False),)) for side in (1, -1))
BOLD_LEFT = Phrase(3, (target_for(Level("thickness", 1), False), target_for(Level("slant", -1), False)))


def test_batches_are_a_function_of_seed_and_step_and_hold_nothing_that_is_held_out() -> None:
    batch = draw_captions(1, 5, 400)
    assert batch == draw_captions(1, 5, 400)
    assert batch != draw_captions(1, 6, 400)
    assert batch != draw_captions(2, 5, 400)
    assert not any(phrase and states_pair(phrase) for phrase in batch.says)
    assert not held_out_words() & {word for text in batch.texts for word in split_words(text)}
    assert 20 <= batch.says.count(None) <= 80


def test_hidden_words_keep_their_letters() -> None:
    tokens = Tokenizer(TextConfig(known_words()))(["a bold seven leaning left"] * 200)
    hidden = hide_words(tokens, 0, 3)
    assert torch.equal(hidden.trigrams, tokens.trigrams)
    assert torch.equal(hidden.present, tokens.present)
    share = float((hidden.words == UNKNOWN).sum() / tokens.present.sum())
    assert 0.11 < share < 0.19


def test_the_loss_is_the_sum_of_the_cross_entropies_and_spares_nonsense() -> None:
    right = encode_facts([Phrase(7), None])
    even = Readings(torch.zeros(2, 11), torch.zeros(2, 4, 12), torch.zeros(2, 4, 3), torch.zeros(2, 2))
    facts = math.log(11) + 4 * math.log(12) + 4 * math.log(3)
    assert math.isclose(float(reading_loss(even, right)), (2 * math.log(2) + facts) / 2, rel_tol=1e-5)


def test_a_reader_learns_the_captions_of_one_batch() -> None:
    torch.manual_seed(0)
    batch = CaptionBatch(
        ["a bold seven", "a thin seven", "seven that is not bold", "bold 3 leaning left", "uncrossed 7", "hello there"],
        [BOLD, THIN, Phrase(7, (target_for(Level("thickness", 1), True),)), BOLD_LEFT, Phrase(7, (), (("crossed", False),)), None],
    )
    config = TextConfig(known_words(), trigrams=64, width=32, layers=1)
    reader, tokens = CaptionReader(config), Tokenizer(config)(batch.texts)
    right, optimizer = right_readings(batch, CPU), torch.optim.Adam(reader.parameters(), 1e-2)
    for _ in range(40):
        loss = reading_loss(reader(tokens), right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert read_facts(reader(tokens)) == batch.says
