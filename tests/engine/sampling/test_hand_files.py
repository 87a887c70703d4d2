"""Hands from image files: digits are found, prepared as MNIST's are and read; what holds no digit is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor

from engine.checkpoints.classifier import load_classifier
from engine.config.compute import ComputeInfo
from engine.config.sampling import SampleConfig
from engine.errors import PictureError
from engine.measures.shape import measure
from engine.models.classifier import Classifier
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from engine.runs.readers import READER
from engine.sampling import hand_files
from engine.sampling.hand_files import find_digits, hand_of_files, normalise
from engine.storage.images import save_drawing

Seen = list[tuple[Tensor, list[int]]]


@pytest.fixture(scope="module")
def reader() -> Classifier:
    return load_classifier(path=READER)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """What the encoder is given, in place of the encoder that ships."""
    given: Seen = []
    monkeypatch.setattr(hand_files, "hand_of_images", lambda images, labels: given.append((images, labels)) or (1.0, 0.0))
    return given


def page(digits: Tensor, factor: int = 6, gap: int = 10) -> npt.NDArray[np.uint8]:
    """Digits (n, 28, 28) as dark ink on paper that is not quite white, side by side, each with the margin that MNIST gives it."""
    tiles = [np.asarray(Image.fromarray(digit.numpy()).resize((28 * factor, 28 * factor), Image.Resampling.BICUBIC)) for digit in digits]
    space = np.zeros((28 * factor, gap), np.uint8)
    strip = np.concatenate([part for tile in tiles for part in (space, tile)] + [space], 1)
    return (240 - 0.8 * strip).astype(np.uint8)


@pytest.mark.slow
def test_mnists_own_digits_come_back_from_a_page(first_sixty: tuple[Tensor, Tensor], reader: Classifier, seen: Seen, tmp_path: Path) -> None:
    digits, labels = (part[:6] for part in first_sixty)
    Image.fromarray(page(digits)).save(tmp_path / "page.png")
    assert hand_of_files([tmp_path / "page.png"], reader) == (1.0, 0.0)
    images, read = seen[0]
    assert read == labels.tolist()
    for found, original in zip(images.numpy(), digits.numpy(), strict=True):
        one, other = measure(found), measure(original)
        assert one is not None
        assert other is not None
        assert one.slant == pytest.approx(other.slant, abs=2)
        assert one.thickness == pytest.approx(other.thickness, abs=0.4)


def test_mnists_own_digits_stay_where_they_are(first_sixty: tuple[Tensor, Tensor]) -> None:
    """Their soft edges count as ground, so that they grow a little, and some move by a pixel."""
    same = [float(np.corrcoef(normalise(digit).ravel(), digit.ravel())[0, 1]) for digit in first_sixty[0].numpy()]
    assert sum(same) / len(same) > 0.95


def test_pieces_above_each_other_are_one_digit_and_specks_are_none() -> None:
    ground = np.zeros((60, 120), np.uint8)
    ground[10:50, 10:14] = 255
    ground[8:12, 40:70] = 255  # the bar of a five …
    ground[20:50, 40:60] = 200  # … and the rest of it
    ground[30:33, 100:103] = 255
    parts = find_digits(ground)
    assert [part.shape for part in parts] == [(44, 8), (46, 34)]
    assert parts[1].max() == 255
    assert find_digits(np.full((30, 30), 90, np.uint8)) == []


def test_a_saved_drawing_gives_its_own_digits(first_sixty: tuple[Tensor, Tensor], reader: Classifier, seen: Seen, tmp_path: Path) -> None:
    digits = first_sixty[0][:3]
    recipe = Recipe((5, None, 4), (0, 1, 2), SampleConfig(), WeightsInfo("shipped", 1, "average"), ComputeInfo("cpu", "fp32", "contiguous", 1))
    save_drawing(tmp_path / "drawn.png", recipe, Images(digits.numpy().tobytes(), 3), ())
    hand_of_files([tmp_path / "drawn.png"], reader)
    images, labels = seen[0]
    assert labels == [5, 4], "one was drawn without a label"
    assert torch.equal(images, digits[[0, 2]])


def noise(seed: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (80, 80), dtype=np.uint8)


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((50, 50), 255, np.uint8),
        np.tile(np.linspace(0, 255, 90).astype(np.uint8), (60, 1)),
        noise(0),
        np.kron(noise(1)[:6, :6], np.ones((20, 20))).astype(np.uint8),
        np.zeros((1, 1), np.uint8),
        255 - 255 * np.kron(np.arange(24) % 2, np.ones((40, 6))).astype(np.uint8),
    ],
    ids=["blank", "ramp", "noise", "blocks", "one pixel", "twelve bars"],
)
def test_what_shows_no_digit_is_refused(pixels: npt.NDArray[np.uint8], reader: Classifier, seen: Seen, tmp_path: Path) -> None:
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    with pytest.raises(PictureError, match=r"picture\.png shows no digit; use a picture of one to ten"):
        hand_of_files([tmp_path / "picture.png"], reader)
    assert not seen


def test_what_is_no_picture_is_refused(reader: Classifier, seen: Seen, tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("seven")
    for name, says in (("note.png", "damaged, or not a picture"), ("none.png", "No such file"), (".", "directory")):
        with pytest.raises(PictureError, match=says):
            hand_of_files([tmp_path / name], reader)
