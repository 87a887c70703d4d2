"""Thickness, slant, width and length of a drawn stroke, as Morpho-MNIST measures them (Castro et al. 2019, arXiv 1809.04137)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engine.measures.skeleton import Mask, medial_axis

ENLARGED = 4
"""Times that an image is enlarged before it is measured, so that half a pixel counts."""
FAINT = 0.015
"""The share of the brightest point's brightness below which a pixel counts as background: nobody sees a grey of 3 beside one of 255, but a drawn
image may have hundreds of such pixels, and they would make a stroke several pixels wider."""
LEFT_OUT = 0.02
"""The share of the ink that may lie outside the width, and outside the height."""
DIAGONAL = math.sqrt(2)


@dataclass(frozen=True)
class Shape:
    """What is measured of one image. Lengths are in its pixels."""

    thickness: float
    """Twice the mean distance from the middle lines of the strokes to their border."""
    slant: float
    """Degrees from upright, positive to the right."""
    width: float
    """Across the upright parallelogram that leans as the shape does and holds 98% of its ink."""
    height: float
    length: float
    """Of the middle lines."""
    area: float


@dataclass(frozen=True)
class Enlarged:
    """An image that was enlarged for measuring."""

    grey: npt.NDArray[np.float64]
    """(4H, 4W): how much brighter than the darkest point, of 255."""
    ink: Mask
    """Where it is at least half as bright as its brightest point, counted from its darkest."""
    axis: Mask
    distance: npt.NDArray[np.float64]


def enlarge(image: npt.NDArray[np.uint8]) -> Enlarged | None:
    """An image (H, W), bright on dark, made ready for measuring; None if it is one flat grey."""
    down, across = (_enlargement(side) for side in image.shape)
    bright = image.astype(np.float64) - image.min(initial=255)
    bright[bright < FAINT * bright.max(initial=0)] = 0
    grey = np.clip(down @ bright @ across.T, 0, 255)
    darkest, brightest = grey.min(), grey.max()
    if brightest - darkest < 1:
        return None
    ink = grey >= (darkest + brightest) / 2
    return Enlarged(grey, ink, *medial_axis(ink))


@cache
def _enlargement(side: int) -> npt.NDArray[np.float64]:
    """The matrix (4 side, side) that enlarges a column of `side` pixels.

    Cubic convolution (Keys 1981), then a Gaussian with a third of the factor as its standard deviation, as scikit-image's `pyramid_expand`
    did when Morpho-MNIST was measured.
    """
    places = (np.arange(ENLARGED * side) + 0.5) / ENLARGED - 0.5
    first = np.floor(places).astype(int)
    matrix = np.zeros((ENLARGED * side, side))
    for offset in (-1, 0, 1, 2):
        away = np.abs(places - (first + offset))
        weight = np.where(away < 1, (1.5 * away - 2.5) * away * away + 1, ((-0.5 * away + 2.5) * away - 4) * away + 2)
        taken = first + offset
        taken = np.where(taken < 0, -taken - 1, np.where(taken >= side, 2 * side - 1 - taken, taken))
        np.add.at(matrix, (np.arange(len(places)), taken), weight)
    return np.asarray(ndimage.gaussian_filter1d(matrix, ENLARGED / 3, axis=0, mode="reflect"))


def measure(image: npt.NDArray[np.uint8]) -> Shape | None:
    """The shape of an image (H, W), bright on dark; None if it is one flat grey."""
    large = enlarge(image)
    return None if large is None else measure_enlarged(large)


def measure_enlarged(large: Enlarged) -> Shape:
    """The shape of an image that is ready for measuring."""
    shear, (left, right), (top, bottom) = _bounds(large.grey)
    return Shape(
        thickness=2 * float(large.distance[large.axis].mean()) / ENLARGED,
        slant=math.degrees(math.atan(-shear)),
        width=(right - left) / ENLARGED,
        height=(bottom - top) / ENLARGED,
        length=axis_length(large.axis) / ENLARGED,
        area=float(large.ink.sum()) / ENLARGED**2,
    )


def axis_length(axis: Mask) -> float:
    """The length of lines one pixel wide: 1 for each pair of pixels side by side, √2 for each that touches at a corner."""
    straight = (axis[:, 1:] & axis[:, :-1]).sum() + (axis[1:] & axis[:-1]).sum()
    diagonal = (axis[1:, 1:] & axis[:-1, :-1]).sum() + (axis[1:, :-1] & axis[:-1, 1:]).sum()
    return float(straight + DIAGONAL * diagonal)


def _bounds(grey: npt.NDArray[np.float64]) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """The horizontal shear, and the bounds of the parallelogram with that shear: left and right at the centre's height, top and bottom."""
    ink = grey / grey.sum()
    rows, columns = (np.arange(side, dtype=np.float64) for side in ink.shape)
    middle, centre = float(rows @ ink.sum(1)), float(ink.sum(0) @ columns)
    y, x = rows - middle, columns - centre
    shear = float(y @ ink @ x) / float((y * y) @ ink.sum(1))
    upright = (columns[None, :] - shear * y[:, None]).ravel()
    order = upright.argsort(kind="stable")
    across = _quantiles(upright[order], ink.ravel()[order])
    return shear, across, _quantiles(rows, ink.sum(1))


def _quantiles(places: npt.NDArray[np.float64], ink: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The places between which all but LEFT_OUT of the ink lies. `places` ascend."""
    below = np.cumsum(ink) - ink / 2
    first, last = np.interp([LEFT_OUT / 2, 1 - LEFT_OUT / 2], below, places)
    return float(first), float(last)
