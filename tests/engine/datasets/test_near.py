"""Copies of a picture that were saved again are found, and other pictures are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from finish import finish
from PIL import Image

from engine.config.data import MNIST
from engine.data.registry import load_images
from engine.datasets import near
from engine.datasets.duplicates import Duplicates, find_duplicates

COUNT = 24


def photographs(side: int, channels: int = 3) -> np.ndarray:
    """COUNT pictures as smooth and as grainy as photographs, (COUNT, side, side, 3) or (COUNT, side, side) uint8."""
    rng = np.random.default_rng(0)
    coarse = [Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).resize((side, side), Image.Resampling.BICUBIC) for _ in range(COUNT)]
    grainy = np.clip(np.stack(coarse) + rng.normal(0, 3, (COUNT, side, side, 1)), 0, 255).astype(np.uint8)
    return grainy if channels == 3 else grainy[..., 1].copy()


def saved_again(image: np.ndarray) -> np.ndarray:
    """The picture after a JPEG of half its size."""
    height, width = image.shape[:2]
    file = io.BytesIO()
    Image.fromarray(image).resize((width // 2, height // 2), Image.Resampling.LANCZOS).save(file, "JPEG", quality=85, subsampling=0)
    return np.asarray(Image.open(file).resize((width, height), Image.Resampling.BICUBIC))


def found(images: np.ndarray, test: np.ndarray | None = None) -> Duplicates:
    keys = np.array([image.tobytes() for image in images], dtype=f"V{images[0].nbytes}")
    where = np.zeros(len(images), np.bool_) if test is None else test
    return finish(find_duplicates(keys, near.sketches(images), where, lambda k: images[k]))


@pytest.mark.parametrize(("side", "channels"), [(64, 3), (128, 3), (64, 1), (36, 3)])
def test_pictures_that_were_saved_again_are_found_and_no_others(side: int, channels: int) -> None:
    originals = photographs(side, channels)
    images = np.concatenate([originals, np.stack([saved_again(image) for image in originals])])
    pairs = found(images).near
    assert all(later - earlier == COUNT for later, earlier in pairs)
    assert len(pairs) >= 0.75 * COUNT


def test_exact_copies_are_told_from_near_ones_and_both_sides_of_the_split_are_counted() -> None:
    images = photographs(64)
    images[20], images[21], images[22] = images[3], np.clip(images[4].astype(int) + 2, 0, 255), images[5]
    test = np.arange(COUNT) >= 21
    duplicates = found(images, test)
    assert duplicates.equal == [(20, 3), (22, 5)]
    assert duplicates.near == [(21, 4)]
    assert (duplicates.equal_tests, duplicates.split) == (1, 1)


@pytest.mark.parametrize("shape", [(4, 4), (4, 128, 3), (28, 28)], ids=str)
def test_flat_and_tiny_images_are_never_nearly_equal(shape: tuple[int, ...]) -> None:
    images = np.stack([np.full(shape, level, np.uint8) for level in (0, 1, 2, 200, 255)])
    assert found(images) == Duplicates([], [], 0, 0)
    assert len(near.sketches(images[:0])) == 0


def test_digits_of_different_people_are_not_nearly_equal() -> None:
    images = load_images(MNIST, True, limit=5000)[0].numpy().reshape(-1, 28, 28)
    assert found(images) == Duplicates([], [], 0, 0)


def test_many_alike_hashes_cost_a_limited_number_of_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "MOST_COMPARED", 50)
    looked: list[int] = []
    images = np.zeros((500, 28, 28), np.uint8)
    images[:, 14] = 255
    images[np.arange(500), 14, np.arange(500) % 28] = np.arange(500) // 2
    job = near.find_near(near.sketches(images), lambda k: looked.append(k) or images[k])  # type: ignore[func-returns-value]
    list(job)
    assert 0 < len(looked) <= 2 * 50
