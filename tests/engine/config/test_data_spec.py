"""DataSpec: MNIST is what its images are, files of today say nothing of it, and others carry it whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import Any

import pytest
import torch

from engine.config.data import MNIST, DataSpec, Preparation
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.serialize import from_dict, to_dict
from engine.config.training import PRESETS, TrainConfig
from engine.data import mnist
from engine.errors import SettingError

FLAGS = DataSpec("flags", 20, 32, 3, ("red", "green", "blue"), 90, -0.4, 0.7, "/data/flags.npz", "sha256:00")
MODEL_OF_TODAY = {
    "channels": [64, 128, 256],
    "time_dim": 128,
    "emb_dim": 256,
    "groups": 8,
    "attention": False,
    "attention_at_14": False,
    "prediction": "eps",
    "one_step": False,
    "image_size": 28,
    "classes": 10,
}
"""A config.json's `model` as digitty has always written it."""


@pytest.mark.slow
def test_mnist_is_what_its_files_hold() -> None:
    images, labels = mnist.load(True)
    assert images.shape == (MNIST.train_images, *MNIST.pixel_shape)
    assert int(labels.max()) + 1 == MNIST.classes
    counts = torch.bincount(images.flatten(), minlength=256).double() / images.numel()
    values = torch.arange(256, dtype=torch.float64) / 127.5 - 1
    mean = counts @ values
    assert float(mean) == pytest.approx(MNIST.mean, abs=5e-5)
    assert float((counts @ (values - mean).square()).sqrt()) == pytest.approx(MNIST.std, abs=5e-5)
    assert MNIST.digest == "md5:" + hashlib.md5(mnist.unpack("train-images-idx3-ubyte"), usedforsecurity=False).hexdigest()


def test_a_network_for_mnist_is_written_as_ever() -> None:
    assert json.dumps(to_dict(ModelConfig())) == json.dumps(MODEL_OF_TODAY)
    assert from_dict(ModelConfig, MODEL_OF_TODAY) == ModelConfig() == from_dict(ModelConfig, {})


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: str(preset.preset))
def test_a_run_on_other_images_carries_them(preset: TrainConfig) -> None:
    config = preset.with_data(FLAGS)
    again = from_dict(TrainConfig, json.loads(json.dumps(to_dict(config))))
    assert again == config
    assert again.data == FLAGS
    assert again.steps_per_epoch == -(-FLAGS.train_images // preset.batch_size)


@pytest.mark.parametrize("wrong", [{"image_size": 32}, {"classes": 11}, {"image_size": "28"}], ids=str)
def test_a_file_without_data_is_of_mnist_and_of_nothing_else(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="MNIST"):
        from_dict(ModelConfig, {**MODEL_OF_TODAY, **wrong})


def test_shapes() -> None:
    assert (MNIST.shape, MNIST.pixel_shape, MNIST.picture_bytes, MNIST.classes) == ((1, 28, 28), (28, 28), 784, 10)
    assert (FLAGS.shape, FLAGS.pixel_shape, FLAGS.picture_bytes, FLAGS.classes) == ((3, 20, 32), (20, 32, 3), 1920, 3)


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""},
        {"name": "a\x1b[31m"},
        {"name": 3},
        {"height": 0},
        {"width": 100_000},
        {"channels": 2},
        {"channels": True},
        {"test_images": -1},
        {"preparation": {"fit": "squeeze"}},
        {"preparation": {"hold_out": 1.0}},
        {"class_names": "abc"},
        {"class_names": ("a", "a")},
        {"class_names": ("a", " b")},
        {"class_names": [["a"]]},
        {"train_images": 0},
        {"mean": float("nan")},
        {"std": 0.0},
        {"source": ""},
        {"digest": None},
    ],
    ids=str,
)
def test_what_no_data_set_is(bad: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        replace(FLAGS, **bad)
    with pytest.raises(SettingError):
        from_dict(DataSpec, {**asdict(FLAGS), **bad})


def test_older_versions_read_a_spec_that_says_nothing_new() -> None:
    assert not {"test_images", "preparation"} & set(to_dict(FLAGS))
    prepared = replace(FLAGS, class_names=(), test_images=12, preparation=Preparation(fit="pad", classes=("a",), hold_out=0.1))
    assert from_dict(DataSpec, json.loads(json.dumps(to_dict(prepared)))) == prepared
    model = ModelConfig(data=replace(prepared, height=28, width=28))
    assert from_dict(ModelConfig, json.loads(json.dumps(to_dict(model)))) == model


def test_a_known_set_has_its_licence_and_files_say_it() -> None:
    """Old files get it as they are read, those of MNIST stay as they are, and it is no part of which images these are."""
    fashion = replace(FLAGS, source="fashion-mnist:/sets")
    old = {name: value for name, value in asdict(fashion).items() if name != "licence"}
    assert from_dict(DataSpec, old).licence == to_dict(ModelConfig(data=fashion))["data"]["licence"] == "MIT"
    digits = replace(MNIST, class_names=("a",), test_images=3)
    assert MNIST.licence == digits.licence == "CC BY-SA 3.0"
    assert "licence" not in {*to_dict(MNIST), *to_dict(digits), *to_dict(FLAGS)}
    own = replace(FLAGS, licence="CC0 1.0")
    assert from_dict(DataSpec, to_dict(own)).licence == "CC0 1.0"
    assert (own, hash(own)) == (FLAGS, hash(FLAGS))
    for wrong in (3, "", "a\nb", " x", "x" * 61):
        with pytest.raises(SettingError, match="licence"):
            from_dict(DataSpec, {**to_dict(FLAGS), "licence": wrong})


def test_older_versions_read_a_network_and_a_schedule_of_todays_kind() -> None:
    """A patch that is the usual one is left out; others are kept. The shift was always written."""
    for model in (ModelConfig(patch=1), ModelConfig(channels=(8, 16), patch=2), ModelConfig(channels=(8, 16))):
        assert model.patch is None
        assert "patch" not in to_dict(model)
    assert to_dict(TrainConfig())["schedule"]["shift"] == 1
    large = replace(FLAGS, height=64, width=128)
    config = replace(PRESETS["best"], model=ModelConfig(channels=(8, 16), data=large, patch=4), schedule=ScheduleConfig("cosine", shift=3.0))
    again = from_dict(TrainConfig, json.loads(json.dumps(to_dict(config))))
    assert again == config
    assert (again.model.patch_side, again.schedule.shift) == (4, 3.0)
    assert replace(config.model, channels=(8, 8, 8), patch=None).patch_side == 1


@pytest.mark.parametrize("size", [{"height": 22}, {"width": 30}])
def test_a_network_halves_its_images_twice(size: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="multiples of 4"):
        ModelConfig(data=replace(FLAGS, **size))
