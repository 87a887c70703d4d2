"""Scales and scores of training images, against quantiles of known distributions and the scales' own conversion."""

from __future__ import annotations

import math

import pytest
import torch

from engine.config.condition import ATTRIBUTES, SCORES, ConditionConfig, Scale
from engine.config.data import MNIST
from engine.data.measured import LEAST_IMAGES, Measured, find_scales, score_images, to_scores


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Exponential attributes, four times as large for nines; zeros are few, and one of them is flat."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.cat([torch.zeros(LEAST_IMAGES - 1), torch.full((20_000,), 1), torch.full((20_000,), 9)]).long()
    values = torch.empty(len(labels), len(ATTRIBUTES), dtype=torch.float64).exponential_(generator=rng)
    values[labels == 9] *= 4
    values[0] = math.nan
    return Measured(values, torch.zeros(len(labels), 4, dtype=torch.long), labels)


def test_scales_are_quantiles_over_all_and_within_the_classes_that_are_large_enough(measured: Measured) -> None:
    thickness, _, width, _ = find_scales(measured, MNIST)
    assert thickness.classes == ()
    assert [k for k, scale in enumerate(width.classes) if scale] == [1, 9]
    for label, times in ((1, 1), (9, 4)):
        for z in (-1.0, 0.0, 1.0, 2.0):
            below = 0.5 * (1 + math.erf(z / math.sqrt(2)))
            assert width.of(label).value(z) == pytest.approx(-times * math.log1p(-below), rel=0.05)  # the exponential's quantile
    assert width.all.value(0) > width.of(1).value(0)


def test_scores_are_normal_within_the_class_and_those_of_the_scale(measured: Measured) -> None:
    conditions = ConditionConfig(find_scales(measured, MNIST)[1:])  # without thickness
    without, within = score_images(measured, conditions)
    nines = measured.labels == 9
    assert within.shape == (len(measured.labels), 3)
    assert float(within[nines, 1].mean()) == pytest.approx(0, abs=0.05)
    assert float(within[nines, 1].std()) == pytest.approx(1, abs=0.05)
    assert float(without[nines, 1].mean()) > 0.3
    assert within[1:, 0].equal(without[1:, 0])  # slant compares with all
    assert within[0].isnan().all()
    for at in (5, 300, 30_000):
        label = int(measured.labels[at])
        assert float(within[at, 2]) == pytest.approx(conditions.scales[2].of(label).score(float(measured.attributes[at, 3])), abs=1e-5)


def test_scores_continue_beyond_the_scale() -> None:
    scale = Scale(tuple(3 * z + z**3 for z in SCORES))
    values = torch.linspace(-60, 60, 101, dtype=torch.float64)
    assert to_scores(values, scale).tolist() == pytest.approx([scale.score(float(value)) for value in values])


def test_equal_values_still_give_a_rising_scale() -> None:
    flat = Measured(torch.full((500, 4), 3.0, dtype=torch.float64), torch.zeros(500, 4, dtype=torch.long), torch.zeros(500, dtype=torch.long))
    for scales in find_scales(flat, MNIST):
        assert scales.all.score(3.0) <= 0
