"""Measures of strokes: shapes whose answer is known in closed form, and Morpho-MNIST's own figures where they are at hand."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from skimage import morphology

from engine.measures.shape import measure
from engine.measures.skeleton import medial_axis

SIDE = 28
FINE = 8
"""Samples of a drawn pixel's side."""


def drawn(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """An image of a shape that is given on a grid FINE times as fine: the share of each pixel that is inside."""
    pixels = inside.reshape(SIDE, FINE, SIDE, FINE).mean((1, 3))
    image: npt.NDArray[np.uint8] = np.round(255 * pixels).astype(np.uint8)
    return image


def grid() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """x to the right and y upwards, in pixels from the centre."""
    places = (np.arange(SIDE * FINE) + 0.5) / FINE - SIDE / 2
    x, y = np.meshgrid(places, -places)
    return x, y


@pytest.mark.parametrize("thickness", [2.0, 3.0, 4.5])
@pytest.mark.parametrize("slant", [-30.0, 0.0, 20.0])
def test_a_leaning_bar(thickness: float, slant: float) -> None:
    x, y = grid()
    lean = math.tan(math.radians(slant))
    across = thickness / math.cos(math.radians(slant))  # of a row
    shape = measure(drawn((abs(x - lean * y) < across / 2) & (abs(y) < 9)))
    assert shape is not None
    assert shape.slant == pytest.approx(slant, abs=0.5)
    assert shape.thickness == pytest.approx(thickness, abs=0.3)
    assert across + 0.5 < shape.width < across + 1.7  # the measure counts the grey pixels around a stroke
    assert shape.height == pytest.approx(0.98 * 18, abs=0.4)
    assert shape.area == pytest.approx(18 * across, rel=0.06)


@pytest.mark.parametrize("thickness", [2.0, 3.0])
def test_a_ring(thickness: float) -> None:
    x, y = grid()
    shape = measure(drawn(abs(np.hypot(x, y) - 8) < thickness / 2))
    assert shape is not None
    assert shape.length == pytest.approx(2 * math.pi * 8, rel=0.1)  # a line of pixels is up to 8% longer than the circle
    assert shape.thickness == pytest.approx(thickness, abs=0.25)
    assert shape.slant == pytest.approx(0, abs=0.5)


def test_brightness_does_not_matter() -> None:
    x, y = grid()
    bar = drawn((abs(x - 0.2 * y) < 1.5) & (abs(y) < 9))
    first, faint = measure(bar), measure(bar // 2)
    assert first is not None
    assert faint is not None
    assert faint.thickness == pytest.approx(first.thickness, abs=0.1)  # a border may move by a point of the enlarged image
    assert measure(bar // 2 + 20) == faint


def test_a_background_that_nobody_sees_does_not_count() -> None:
    x, y = grid()
    bar = drawn((abs(x - 0.2 * y) < 1.5) & (abs(y) < 9))
    noisy = np.maximum(bar, np.random.default_rng(0).integers(0, 4, bar.shape, np.uint8))
    assert measure(noisy) == measure(np.where(bar < 4, 0, bar).astype(np.uint8))


@pytest.mark.parametrize("grey", [0, 7, 255])
def test_a_flat_image_has_no_shape(grey: int) -> None:
    assert measure(np.full((20, 32), grey, np.uint8)) is None


def test_other_sizes_and_strokes_at_the_border() -> None:
    image = np.zeros((20, 36), np.uint8)
    image[:, 0] = image[0] = 255
    shape = measure(image)
    assert shape is not None
    assert all(math.isfinite(value) for value in vars(shape).values())


@pytest.mark.parametrize("seed", range(5))
def test_the_axis_is_that_of_scikit_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ink = morphology.dilation(rng.random((60, 50)) < 0.01, np.ones((5, 5))) & (rng.random((60, 50)) < 0.98)
    ink[:2] = ink[-2:] = ink[:, :2] = ink[:, -2:] = False  # beyond the border there is nothing here, and anything there
    axis, distance = medial_axis(ink)
    expected, expected_distance = morphology.medial_axis(ink, return_distance=True, rng=42)  # type: ignore[no-untyped-call]
    assert (axis == expected).all()
    assert np.allclose(distance, expected_distance)


@pytest.mark.skipif("DIGITTY_ORACLES" not in os.environ, reason="DIGITTY_ORACLES names no folder with Morpho-MNIST's figures")
def test_agrees_with_morpho_mnist() -> None:
    from engine.data import mnist

    expected = np.genfromtxt(Path(os.environ["DIGITTY_ORACLES"]) / "t10k-morpho.csv", delimiter=",", names=True)
    images, _ = mnist.load(False, limit=1000)
    shapes = [measure(image) for image in images.numpy()]
    for name, most in (("thickness", 0.06), ("slant", 0.1), ("width", 0.1), ("length", 1.5)):
        ours = np.array([getattr(shape, name) for shape in shapes])
        theirs = expected[name][:1000] if name != "slant" else np.degrees(expected[name][:1000])
        assert abs(ours - theirs).mean() <= most, name
        assert np.corrcoef(ours, theirs)[0, 1] >= 0.99, name
