"""Which captions are true of which images: as each caption's own facts say, one by one."""

from __future__ import annotations

import random

import torch

from engine.captions.captions import hard_negative, random_plan
from engine.config.condition import ATTRIBUTES, SCORES, VARIANTS, AttributeScales, ConditionConfig, Interval, Scale
from engine.data.measured import Measured
from engine.data.shown import ShownImages
from engine.prompt.phrase import Phrase, Target

DEGREES = Scale(tuple(5 + 14 * z for z in SCORES))
SCALES = tuple(AttributeScales(name, DEGREES if name == "slant" else Scale(tuple(SCORES))) for name in ATTRIBUTES)


def images(count: int) -> ShownImages:
    rng = torch.Generator().manual_seed(4)
    attributes = torch.randn(count, len(ATTRIBUTES), generator=rng, dtype=torch.float64)
    attributes[:, 1] = 5 + 14 * attributes[:, 1]
    attributes[0] = torch.nan
    labels, variants = torch.arange(count) % 10, torch.zeros(count, len(VARIANTS), dtype=torch.int64)
    for k, digit in enumerate(VARIANTS.values()):
        variants[labels == digit, k] = 2 * (torch.arange(count)[labels == digit] // 10 % 2) - 1
    return ShownImages(Measured(attributes, variants, labels), ConditionConfig(SCALES, tuple(VARIANTS)))


def test_a_caption_is_true_where_each_of_its_facts_is() -> None:
    shown, rng = images(60), random.Random(1)
    says = [plan.says for own in (random_plan(rng) for _ in range(100)) for plan in (own, hard_negative(rng, own))]
    truths = shown.truths(says)
    for place in range(60):
        digit = shown.of(place)
        for k, phrase in enumerate(says):
            is_true = phrase.label in (None, digit.label)
            is_true &= all(target.attribute in digit.values and digit.values[target.attribute] in target.interval for target in phrase.targets)
            is_true &= all(digit.variants.get(name) is wanted for name, wanted in phrase.variants)
            assert bool(truths[place, k]) is is_true
    assert 0.005 < float(truths.double().mean()) < 0.5
    assert torch.equal(shown.truths(says, torch.tensor([7, 3])), truths[[7, 3]])


def test_of_a_flat_image_only_its_class_is_known() -> None:
    shown = images(60)
    says = [Phrase(0), Phrase(None), Phrase(0, (Target("slant", Interval(-5, 5), True),))]
    assert shown.truths(says)[0].tolist() == [True, True, False]
    assert not shown.of(0).values
