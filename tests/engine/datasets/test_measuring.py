"""Strokes of training images: measured once, kept, and measured again where what was kept is damaged or belongs to other images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from finish import finish, finish_with_events

from engine.config.condition import ATTRIBUTES, VARIANTS
from engine.config.data import MNIST
from engine.data import mnist
from engine.datasets import cache, measuring
from engine.datasets.measuring import measure_images
from engine.errors import SettingError
from engine.measures.shape import measure
from engine.measures.strokes import to_strokes
from engine.protocol.events import Preparing

Digits = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


@pytest.fixture(scope="module")
def digits() -> Digits:
    images, labels = mnist.load(True, limit=40)
    return images.numpy(), labels.numpy()


def kept() -> list[Path]:
    return sorted((cache.datasets_dir() / "measures").iterdir())


@pytest.mark.slow
def test_values_are_those_of_each_image_and_variants_those_of_its_digit(digits: Digits) -> None:
    images, labels = digits
    events, values = finish_with_events(measure_images(MNIST, *digits))
    assert values.shape == (40, len(ATTRIBUTES) + len(VARIANTS))
    shape = measure(images[7])
    assert shape is not None
    assert values[7, :4].tolist() == pytest.approx([shape.thickness, shape.slant, shape.width, shape.length], rel=1e-6)
    for k, digit in enumerate(VARIANTS.values()):
        assert (~np.isnan(values[:, 4 + k])).tolist() == (labels == digit).tolist()
    assert isinstance(events[-1], Preparing)
    assert events[-1].fraction == 1


def test_they_are_kept_and_damage_is_noticed(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    first = finish(measure_images(MNIST, *digits))
    (path,) = kept()
    monkeypatch.setattr(measuring, "_values", None)
    events, again = finish_with_events(measure_images(MNIST, *digits))
    assert np.array_equal(first, again, equal_nan=True)
    assert not events
    damaged = bytearray(path.read_bytes())
    damaged[200] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(TypeError):
        finish(measure_images(MNIST, *digits))


def test_other_images_are_measured_anew(digits: Digits) -> None:
    finish(measure_images(MNIST, *digits))
    finish(measure_images(MNIST, digits[0][:20], digits[1][:20]))
    inverted = finish(measure_images(replace(MNIST, name="paper", digest="sha256:01"), 255 - digits[0], digits[1]))
    assert len(kept()) == 3
    shape = measure(to_strokes(digits[0][3]))
    assert shape is not None
    assert inverted[3, 0] == pytest.approx(shape.thickness)
    assert np.isnan(inverted[:, 4:]).all()  # whose sevens are crossed is known of MNIST alone


def test_a_flat_image_has_no_measures() -> None:
    values = finish(measure_images(MNIST, np.zeros((1, 28, 28), np.uint8), np.array([7])))
    assert np.isnan(values).all()


@pytest.mark.slow
def test_several_processes_measure_the_same(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = finish(measure_images(MNIST, *digits))
    kept()[0].unlink()
    monkeypatch.setattr(measuring, "FEW", 10)
    monkeypatch.setattr(measuring, "IMAGES", 16)
    monkeypatch.setattr(measuring, "processors", lambda: 2)
    together = finish(measure_images(MNIST, *digits))
    assert np.array_equal(alone, together, equal_nan=True)


@pytest.mark.parametrize(("change", "complaint"), [({"channels": 3}, "--grey"), ({"height": 256, "width": 256}, "--size")])
def test_images_that_can_not_be_measured_are_refused(change: dict[str, int], complaint: str, digits: Digits) -> None:
    with pytest.raises(SettingError, match=complaint):
        finish(measure_images(replace(MNIST, **change), *digits))  # type: ignore[arg-type]
