"""The judge is as good as its file says, and a file that is not its own is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.checkpoints.classifier import WEIGHTS, load_classifier, save_classifier
from engine.data import mnist as data
from engine.errors import CheckpointError, OutputError
from engine.evaluation.augment import distort
from engine.evaluation.train_classifier import accuracy, train_classifier, untrained
from engine.models.classifier import FEATURES, to_unit


@pytest.fixture
def test_set() -> tuple[torch.Tensor, torch.Tensor]:
    return data.load(train=False)


@pytest.mark.slow
def test_the_shipped_weights_read_the_test_set(test_set: tuple[torch.Tensor, torch.Tensor]) -> None:
    judge = load_classifier()
    measured = accuracy(judge, *test_set)
    assert measured >= 0.993
    assert judge.test_accuracy == pytest.approx(measured, abs=3e-4)  # its file says what float32 read before it was rounded


def test_a_picture_is_judged_the_same_in_any_batch(test_set: tuple[torch.Tensor, torch.Tensor]) -> None:
    judge, images = load_classifier(), test_set[0][:300]
    features, logits = judge.features_and_logits(images)
    assert features.shape == (300, FEATURES)
    assert features.min() >= 0
    for i in (0, 255, 256, 299):
        one = judge.features_and_logits(images[i : i + 1])
        torch.testing.assert_close(one[0][0], features[i], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(one[1][0], logits[i], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_training_learns(test_set: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = test_set
    model = untrained(seed=3)
    progress = list(train_classifier(model, images[:2048], labels[:2048], epochs=4, seed=3))
    assert (progress[-1].done, progress[-1].total) == (32, 32)
    assert not model.training
    assert accuracy(model, images[2048:3072], labels[2048:3072]) > 0.8  # a guess is 0.1


def test_training_follows_from_the_seed(test_set: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = test_set[0][:300], test_set[1][:300]
    states = []
    for seed in (3, 3, 4):
        model = untrained(seed)
        assert len(list(train_classifier(model, images, labels, epochs=1, seed=seed))) == 1
        states.append(model.state_dict()["head.weight"])
    torch.testing.assert_close(states[0], states[1], rtol=1e-3, atol=1e-4)
    assert not torch.allclose(states[0], states[2], atol=1e-2)


def test_distortion_is_mild_and_stays_a_picture() -> None:
    x = torch.zeros(64, 1, 28, 28)
    x[:, :, 10:18, 10:18] = 1
    y = distort(x, torch.Generator().manual_seed(0))
    assert y.shape == x.shape
    assert 0 <= float(y.min()) <= float(y.max()) <= 1 + 1e-6
    rows = torch.arange(28.0)
    mass = y.sum((1, 2, 3))
    assert (mass / 64).min() > 1 / 1.1**2 - 0.03
    assert (mass / 64).max() < 1 / 0.9**2 + 0.03
    for axis in (2, 3):  # a square about the middle moves by what it was shifted: at most 2 pixels, less scaling
        centre = (y.sum(5 - axis).squeeze(1) * rows).sum(1) / mass
        assert (centre - 13.5).abs().max() < 2 / 0.9 * 1.2


def test_to_unit_keeps_black_and_white() -> None:
    assert to_unit(torch.tensor([[[0, 255]]], dtype=torch.uint8)).tolist() == [[[[0.0, 1.0]]]]


# --- files ------------------------------------------------------------------------------------------------------------


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    model = untrained(seed=1).eval()
    model.test_accuracy = 0.125
    save_classifier(tmp_path / "c.safetensors", model)
    loaded = load_classifier(path=tmp_path / "c.safetensors")
    assert loaded.test_accuracy == 0.125
    assert not any(p.requires_grad for p in loaded.parameters())
    assert not loaded.training
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name].double(), tensor.double(), rtol=1e-3, atol=1e-4)  # half a float16's step


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't write"):
        save_classifier(tmp_path / "missing" / "c.safetensors", untrained())


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no file"):
        load_classifier(path=tmp_path / "none.safetensors")


@pytest.mark.parametrize("keep", [0, 4, 100, 5000, -1])
def test_truncated_file_is_said(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(WEIGHTS.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="truncated"):
        load_classifier(path=path)


def test_one_flipped_bit_is_seen(tmp_path: Path) -> None:
    raw = bytearray(WEIGHTS.read_bytes())
    raw[-1000] ^= 1
    path = tmp_path / "c.safetensors"
    path.write_bytes(raw)
    with pytest.raises(CheckpointError, match="checksum"):
        load_classifier(path=path)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "no digitty classifier"),
        ({"format": "digitty-weights"}, "no digitty classifier"),
        ({"format": "digitty-classifier", "version": "99"}, "version '99'"),
    ],
)
def test_foreign_file_is_said(tmp_path: Path, metadata: dict[str, str], said: str) -> None:
    path = tmp_path / "c.safetensors"
    save_file(load_file(WEIGHTS), path, metadata)
    with pytest.raises(CheckpointError, match=said):
        load_classifier(path=path)


@pytest.mark.parametrize("change", ["missing", "unknown", "shape", "accuracy"])
def test_another_network_is_said(tmp_path: Path, change: str) -> None:
    path = tmp_path / "c.safetensors"
    model, tensors = untrained(), untrained().state_dict()
    model.test_accuracy = 0.5
    if change == "missing":
        del tensors["head.bias"]
    elif change == "unknown":
        tensors["tail.bias"] = torch.zeros(1)
    elif change == "shape":
        tensors["head.bias"] = torch.zeros(11)
    else:
        model.test_accuracy = "most"  # type: ignore[assignment]
    model.state_dict = lambda: tensors  # type: ignore[assignment, method-assign]  # sealed with a right digest all the same
    save_classifier(path, model)
    with pytest.raises(CheckpointError, match="does not hold the classifier"):
        load_classifier(path=path)


def test_the_file_names_its_format() -> None:
    raw = WEIGHTS.read_bytes()
    metadata = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
    assert set(metadata) == {"format", "version", "test_accuracy", "sha256"}
