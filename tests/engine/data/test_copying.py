"""The distance ratio: against scikit-learn, copies, and sets of any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from finish import finish
from torch import Tensor

from engine.data import copying, mnist
from engine.data.copying import COPIES_BELOW, LEAST_HELD_OUT, DistanceRatio, evenly_spaced, is_copying


def pictures(seed: int, n: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (n, *(shape or (12, 12))), dtype=np.uint8))


def ratio_of(drawn: Tensor, train: Tensor, held_out: Tensor) -> float:
    ratio = finish(DistanceRatio(train, held_out).of(drawn))
    assert ratio is not None
    return ratio


@pytest.mark.parametrize("shape", [(12, 12), (8, 8, 3)])
def test_it_is_what_scikit_learn_says(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the matrix of distances is computed in parts."""
    from scipy.stats import gmean
    from sklearn.neighbors import NearestNeighbors

    drawn, train, held_out = pictures(1, 30, *shape), pictures(2, 90, *shape), pictures(3, 40, *shape)

    def nearest(x: Tensor, others: Tensor, k: int = 0) -> np.ndarray:
        fitted = NearestNeighbors(n_neighbors=k + 1).fit(others.flatten(1).numpy().astype(float))
        return np.asarray(fitted.kneighbors(x.flatten(1).numpy())[0][:, k])

    expected = gmean(nearest(drawn, train) / nearest(drawn, held_out)) / gmean(nearest(held_out, train) / nearest(held_out, held_out, 1))
    assert ratio_of(drawn, train, held_out) == pytest.approx(expected, rel=1e-4)
    monkeypatch.setattr(copying, "ROWS", 7)
    monkeypatch.setattr(copying, "OTHERS", 11)
    assert ratio_of(drawn, train, held_out) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("sizes", [(126, 14), (2000, 14), (500, 500), (100, 1000)])
def test_unseen_digits_are_no_copies_whatever_the_sizes(sizes: tuple[int, int]) -> None:
    images = mnist.load(True, limit=6000)[0]
    train, held_out, others = images[: sizes[0]], images[4000 : 4000 + sizes[1]], images[5500:5628]
    ratio = ratio_of(others, train, held_out)
    assert 0.85 < ratio < 1.18
    assert not is_copying(ratio)


@pytest.mark.parametrize("noise", [0, 10])
def test_copies_are_seen_with_and_without_noise(noise: int) -> None:
    images = mnist.load(True, limit=200)[0]
    train, held_out = images[:126], images[126:140]
    copies = (train[:64].int() + torch.from_numpy(np.random.default_rng(0).integers(-noise, noise + 1, (64, 28, 28)))).clamp(0, 255).byte()
    assert ratio_of(copies, train, held_out) < 0.2
    half = torch.cat([copies[:32], images[140:172]])
    assert is_copying(ratio_of(half, train, held_out))


def test_a_duplicate_in_the_data_does_not_decide() -> None:
    images = mnist.load(True, limit=400)[0]
    train, held_out = images[:200], torch.cat([images[200:230], images[:2]])  # two held-out images are training images too
    assert not is_copying(ratio_of(images[300:364], train, held_out))


def test_the_same_pictures_everywhere_are_as_near_as_any() -> None:
    flat = torch.full((20, 12, 12), 7, dtype=torch.uint8)
    assert ratio_of(flat, flat, flat) == pytest.approx(1)


def test_too_few_held_out_images_say_nothing() -> None:
    train = pictures(0, 50)
    ratio = DistanceRatio(train, pictures(1, LEAST_HELD_OUT - 1))
    assert not ratio.possible
    assert finish(ratio.of(train)) is None
    assert finish(DistanceRatio(train, pictures(1, LEAST_HELD_OUT)).of(train[:0])) is None
    assert not is_copying(None)
    assert is_copying(COPIES_BELOW - 0.01)


@pytest.mark.parametrize(("n", "most"), [(0, 5), (3, 5), (5, 5), (11, 5), (10_000, 512)])
def test_evenly_spaced_indices(n: int, most: int) -> None:
    indices = evenly_spaced(n, most).tolist()
    assert len(indices) == min(n, most)
    assert sorted(set(indices)) == indices
    assert all(0 <= i < n for i in indices)
    assert not indices or (indices[0] == 0 and n - indices[-1] <= -(-n // len(indices)))
