"""DiffAugment against the paper's formulas, one image and one pixel at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.training.diff_augment import Change, change_images, draw_changes

X = torch.rand(40, 3, 12, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


def drawn(probability: float, seed: int = 0) -> Change:
    return draw_changes(len(X), 12, 20, probability, torch.Generator().manual_seed(seed))


def by_hand(image: np.ndarray, change: list[np.ndarray]) -> np.ndarray:
    """Zhao et al. 2020, DiffAugment_pytorch.py: rand_brightness, rand_saturation, rand_contrast, rand_translation, rand_cutout."""
    brightness, saturation, contrast, (down, right), (top, left) = change
    image = image + float(brightness)
    image = (image - image.mean(0)) * float(saturation) + image.mean(0)
    image = (image - image.mean()) * float(contrast) + image.mean()
    result = np.zeros_like(image)
    for y in range(12):
        for x in range(20):
            from_y, from_x = y - down, x - right
            hidden = top <= y < top + 6 and left <= x < left + 10
            if 0 <= from_y < 12 and 0 <= from_x < 20 and not hidden:
                result[:, y, x] = image[:, from_y, from_x]
    return result


@pytest.mark.parametrize("probability", [0.5, 1.0])
def test_images_are_changed_as_the_paper_says(probability: float) -> None:
    change = drawn(probability)
    expected = np.stack([by_hand(x.numpy(), [value[k].numpy() for value in change]) for k, x in enumerate(X)])
    np.testing.assert_allclose(change_images(X, change).numpy(), expected, atol=1e-6)


def test_without_changes_images_stay_as_they_are() -> None:
    torch.testing.assert_close(change_images(X, drawn(0.0)), X, rtol=0, atol=1e-15)


def test_changes_cover_the_ranges_of_the_paper_and_happen_as_often_as_asked() -> None:
    change = draw_changes(20_000, 12, 20, 0.3, torch.Generator().manual_seed(0))
    happens = [change.brightness != 0, change.cut[:, 0] < 12, (change.shift != 0).any(1)]
    assert [float(each.float().mean()) for each in happens] == pytest.approx(
        [0.3, 0.3, 0.3 * (1 - 1 / 35)], abs=0.012
    )  # 5 × 7 shifts, one of them none
    assert (int(change.shift[:, 0].min()), int(change.shift[:, 0].max())) == (-2, 2)
    assert (int(change.shift[:, 1].min()), int(change.shift[:, 1].max())) == (-3, 3)
    assert (float(change.brightness.abs().max()), float(change.saturation.max())) == pytest.approx((0.5, 2.0), abs=0.001)
    assert (float(change.contrast.min()), float(change.contrast.max())) == pytest.approx((0.5, 1.5), abs=0.001)


def test_the_gradient_passes_through() -> None:
    change = Change(*(value[:2] for value in drawn(1.0)))
    assert torch.autograd.gradcheck(lambda x: change_images(x, change), (X[:2, :, :, :].clone().requires_grad_(),), fast_mode=True)
