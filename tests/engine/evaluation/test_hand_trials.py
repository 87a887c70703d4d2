"""The AUC of hands against its definition, and the trials that it is measured in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.errors import SettingError
from engine.evaluation.hands import compare_codes, compare_values, draw_trials, measure_auc, weighted_auc

RNG = np.random.default_rng(0)
LABELS, WRITERS = np.arange(600) % 10, np.arange(600) // 60 - 1
"""Sixty digits by each of nine writers, and sixty by nobody known."""


def test_the_auc_is_the_share_of_pairs_in_which_the_positive_is_higher() -> None:
    positive, negative = RNG.integers(0, 6, 30).astype(float), RNG.integers(-2, 5, 20).astype(float)
    a, b = RNG.integers(0, 3, 30).astype(float), RNG.integers(0, 3, 20).astype(float)
    wins = sum(x * y * ((p > n) + 0.5 * (p == n)) for p, x in zip(positive, a, strict=True) for n, y in zip(negative, b, strict=True))
    assert weighted_auc(positive, negative, a, b) == pytest.approx(wins / (a.sum() * b.sum()))


@pytest.mark.parametrize("digits", [1, 5])
def test_trials_compare_different_classes_only(digits: int) -> None:
    trials = draw_trials(LABELS, WRITERS, digits, 50)
    sides = (side.numpy() for side in (trials.reference, trials.same, trials.other))
    for reference, same, other, writer, stranger in zip(*sides, trials.writer, trials.other_writer, strict=True):
        assert writer != stranger
        assert -1 not in (writer, stranger)
        assert set(WRITERS[reference]) == set(WRITERS[same]) == {writer}
        assert set(WRITERS[other]) == {stranger}
        classes = [set(LABELS[places]) for places in (reference, same, other)]
        assert [len(each) for each in classes] == [digits] * 3
        assert not classes[0] & (classes[1] | classes[2])


def test_perfect_codes_have_an_auc_of_one_and_meaningless_ones_of_a_half() -> None:
    trials = draw_trials(LABELS, WRITERS, 1, 400)
    perfect = torch.eye(10)[torch.tensor(WRITERS)]
    assert measure_auc(compare_codes(perfect, trials), trials).value == 1
    assert measure_auc(compare_values(perfect, trials), trials).value == 1
    nothing = torch.nn.functional.normalize(torch.randn(600, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    found = measure_auc(compare_codes(nothing, trials), trials)
    assert found.low < 0.5 < found.high
    assert found.low < found.value < found.high


def test_too_few_writers_are_refused() -> None:
    with pytest.raises(SettingError, match="fewer than two writers wrote 10 different digits"):
        draw_trials(LABELS[:65], WRITERS[:65], 5, 10)
