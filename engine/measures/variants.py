"""Variants of digits: a looped two, a closed four, a crossed seven, a one with a base. Read from holes, and from bars that cross a stem."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engine.measures.shape import ENLARGED, Enlarged
from engine.measures.skeleton import Mask

SMALLEST_HOLE = 1.0
"""Pixels; less is a gap between grey pixels."""
CROSSBAR = 0.75
"""Pixels by which the bar of a crossed seven stands out of its stem, at least, on either side …"""
BASE = 1.25
"""… and the base of a one."""
SLOPE = 3
"""Pixels."""


def holes(ink: Mask) -> int:
    """How many regions without ink are closed off. ink (4H, 4W)."""
    outside = np.pad(~ink, 1, constant_values=True)
    regions, count = ndimage.label(outside)
    sizes = np.bincount(regions.ravel(), minlength=count + 1)
    border = regions[0, 0]
    return int(sum(sizes[k] >= SMALLEST_HOLE * ENLARGED**2 for k in range(1, count + 1) if k != border))


def is_looped(large: Enlarged) -> bool:
    """Whether a two has a loop at its foot."""
    return holes(large.ink) > 0


def is_closed(large: Enlarged) -> bool:
    """Whether the strokes of a four meet at its top."""
    return holes(large.ink) > 0


def is_crossed(large: Enlarged) -> bool:
    """Whether a bar crosses the stem of a seven."""
    return _standing_out(large, 0.32, 0.85) >= CROSSBAR


def has_base(large: Enlarged) -> bool:
    """Whether a one stands on a bar."""
    return _standing_out(large, 0.85, 1.0) >= BASE


VARIANTS: Mapping[str, tuple[int, Callable[[Enlarged], bool]]] = {
    "looped": (2, is_looped),
    "closed": (4, is_closed),
    "crossed": (7, is_crossed),
    "with a base": (1, has_base),
}
"""The digit that has the variant, and how it is recognised."""


def _standing_out(large: Enlarged, first: float, last: float) -> float:
    """By how many pixels a bar stands out of the stem on both sides, where that is most.

    Heights count from 0, the top, to 1; the bar lies between `first` and `last`. The stem is a parabola through the middle of most rows of the
    lower two thirds. A bar may slope, so its ends may lie SLOPE pixels apart in height.
    """
    rows = np.flatnonzero(large.ink.any(1))
    left = large.ink.argmax(1)[rows].astype(float)
    right = large.ink.shape[1] - 1 - large.ink[:, ::-1].argmax(1)[rows].astype(float)
    width = right - left + 1
    place = (rows - rows[0]) / max(len(rows) - 1, 1)
    stem = (place > 0.3) & (place < 0.9)
    if not stem.any():
        return 0.0
    thickness = float(np.median(width[stem]))
    plain = stem & (width <= 1.4 * thickness)
    if plain.sum() < 4 * ENLARGED:
        return 0.0
    centre = np.polyval(np.polyfit(place[plain], (left + right)[plain] / 2, 2), place)
    chosen = (place >= first) & (place <= last)
    sides = [_steady(side[chosen] - thickness / 2) for side in (centre - left, right - centre)]
    return max((min(sides[0][i], sides[1][_near(i)].max()) for i in range(len(sides[0]))), default=0.0) / ENLARGED


def _near(row: int) -> slice:
    return slice(max(0, row - round(SLOPE * ENLARGED)), row + round(SLOPE * ENLARGED) + 1)


def _steady(values: npt.NDArray[np.float64], rows: int = 3) -> npt.NDArray[np.float64]:
    """The least of each `rows` rows that follow each other: a single row may be noise."""
    if len(values) < rows:
        return np.zeros(0)
    least: npt.NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(values, rows).min(1)
    return least
