"""How well pictures fit captions: what is asked is true of real images, and real images that are judged as drawn ones have the same figures."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TypeVar

import pytest
import torch

from engine.captions.facts import true_levels
from engine.checkpoints.reader import reader_with_digest
from engine.config.condition import SCORES, AttributeScales, ConditionConfig, Scale
from engine.config.model import ModelConfig
from engine.config.text import TextConfig
from engine.config.training import PRESETS
from engine.data import mnist
from engine.data.measured import measure_each
from engine.data.shown import ShownImages
from engine.errors import SettingError
from engine.evaluation import captions as module
from engine.evaluation.captions import ask, check_captions, judge_captions
from engine.evaluation.ranking import draw_changed, draw_pairs, judge_changed, judge_pairs, judge_top
from engine.evaluation.real_images import Pictures
from engine.models.image_tower import ImageTower
from engine.protocol.events import Event
from engine.sampling.ranker import Ranker

T = TypeVar("T")
SCALES = tuple(
    AttributeScales(name, Scale(tuple(middle + spread * z for z in SCORES)))
    for name, middle, spread in (("thickness", 2.7, 0.7), ("slant", 5.0, 14.0), ("width", 13.0, 3.9))
)
TOLD = ConditionConfig(SCALES, ("looped",), text=True)
MODEL = ModelConfig(channels=(8, 8), groups=4, conditions=TOLD, text=TextConfig())


def finish(work: Generator[Event, None, T]) -> T:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            value: T = stop.value
            return value


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    return mnist.load(False, limit=40)


@pytest.fixture
def tower() -> ImageTower:
    """One with its first weights."""
    torch.manual_seed(0)
    config = replace(PRESETS["rank"].model, conditions=TOLD, reader=reader_with_digest()[1])
    return ImageTower(config).eval().requires_grad_(False)


def test_what_is_asked_is_true_of_the_real_image(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = digits
    asked = finish(ask(MODEL, Pictures.all_of(images), labels.repeat(2)[:60], 3))
    assert [condition.label for condition in asked.conditions] == labels.repeat(2)[:60].tolist()
    measured = measure_each(MODEL.data, images, labels)
    for k, condition in enumerate(asked.conditions):
        place = k % 40
        for name, interval in condition.attributes:
            assert float(measured.attributes[place, ["thickness", "slant", "width"].index(name)]) in interval.widened(1e-3)
        for name, wanted in condition.variants:
            assert (name, wanted) == ("looped", bool(measured.variants[place, 0] > 0))
        assert asked.captions[k] != asked.changed[k]
    assert sum(condition.text == caption for condition, caption in zip(asked.conditions, asked.captions, strict=True)) > 40
    assert asked.places.tolist() == [k % 40 for k in range(60)]
    assert finish(ask(MODEL, Pictures.all_of(images), labels, 3)).captions == asked.captions[:40]


def test_real_images_fit_as_well_as_real_images(
    digits: tuple[torch.Tensor, torch.Tensor], tower: ImageTower, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = digits
    monkeypatch.setattr(module, "load_tower", lambda: tower)
    asked = finish(ask(MODEL, Pictures.all_of(images), labels, 0))
    same = finish(judge_captions(asked, images, Pictures.all_of(images)))
    assert (same.fit, same.preferred) == (pytest.approx(same.real_fit), same.real_preferred)
    low, high = same.preferred_interval
    assert low <= same.preferred <= high
    ranker = Ranker(tower)
    logits = ranker.compare(ranker.encode_pictures(images), ranker.encode_captions(asked.captions)).diagonal()
    assert same.fit == pytest.approx(float(logits.sigmoid().mean()), rel=1e-4)
    turned = finish(judge_captions(asked, images.flip(0), Pictures.all_of(images)))
    assert turned.fit != pytest.approx(same.fit)
    assert (turned.real_fit, turned.real_preferred) == (pytest.approx(same.real_fit), same.real_preferred)


def test_weights_that_are_told_no_attributes_are_refused() -> None:
    with pytest.raises(SettingError, match="w was not trained with thickness"):
        check_captions(replace(MODEL, conditions=None, text=None), "w")
    other = replace(MODEL, data=replace(MODEL.data, name="shirts", class_names=tuple("abcdefghij")))
    with pytest.raises(SettingError, match="w draws shirts; leave out --captions"):
        check_captions(other, "w")
    check_captions(MODEL, "w")


class Oracle(Ranker):
    """Knows of each picture, whose code is its place, what is true of it."""

    def __init__(self, shown: ShownImages, says: dict[str, object]) -> None:
        self.shown, self.says = shown, says

    def encode_captions(self, texts):  # type: ignore[no-untyped-def]
        return list(texts)

    def compare_pairs(self, pictures, captions):  # type: ignore[no-untyped-def]
        rows = [self.shown.truths([self.says[text]], places.flatten()).flatten() for places, text in zip(pictures, captions, strict=True)]
        return torch.stack(rows).double()

    def compare(self, pictures, captions):  # type: ignore[no-untyped-def]
        return self.shown.truths([self.says[text] for text in captions]).double()


def test_who_knows_what_is_true_is_always_right(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = digits
    shown = ShownImages(measure_each(MODEL.data, images, labels), TOLD)
    changed, pairs = [*draw_changed(shown, range(40))], [*draw_pairs(shown, range(40))]
    says = {plan.text: plan.says for each in changed for plan in (each.own, each.other)}
    places = torch.arange(40)[:, None]
    found = judge_changed(Oracle(shown, says), places, changed)
    assert len(found["all"]) == len(changed) >= 25
    assert all(found["all"])
    assert judge_top(Oracle(shown, says), shown, places, changed, 2) == 1.0
    assert len(pairs) >= 15
    for pair in pairs:
        assert labels[pair.place] == labels[pair.other]
        assert pair.is_negated or true_levels(pair.attribute, float(shown.values[pair.place, shown.names.index(pair.attribute)]))  # type: ignore[arg-type]
    flat = judge_pairs(Fair(), places, pairs)
    assert not any(flat["all"]), "a tie is no right answer"


class Fair(Ranker):
    """To which all captions fit all pictures."""

    def __init__(self) -> None: ...

    def encode_captions(self, texts):  # type: ignore[no-untyped-def]
        return texts

    def compare_pairs(self, pictures, captions):  # type: ignore[no-untyped-def]
        return torch.zeros(pictures.shape[:2])
