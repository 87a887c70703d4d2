"""The medial axis of a shape: the middle lines of its strokes, one pixel wide, and how far each of them is from the border.

After scikit-image's `medial_axis`, whose order of removal it follows; that one builds its tables anew for each image, in ten times the time.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]
EIGHT_CONNECTED = np.ones((3, 3), int)
CENTRE = 1 << 4
TIES = 42
"""The random seed of the order in which equal pixels are removed: a fixed order of rows would lean all lines to one side."""


def medial_axis(shape: Mask) -> tuple[Mask, npt.NDArray[np.float64]]:
    """The medial axis of a shape (H, W), and each pixel's distance to the nearest pixel outside, both (H, W).

    From the border inwards, a pixel is removed unless that would break a line, or take its end.
    """
    distance = ndimage.distance_transform_edt(np.pad(shape, 1))
    rows, columns = np.nonzero(np.pad(shape, 1))
    width = distance.shape[1]
    flat = rows * width + columns
    present = np.zeros(distance.size, np.uint8)
    present[flat] = 1
    offsets = [dy * width + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    neighbours = sum(present[flat + offset] for offset in offsets)
    ties = np.random.default_rng(TIES).permutation(len(flat))
    order = np.lexsort((ties, 9 - neighbours.astype(int), distance.ravel()[flat]))  # corners last
    kept, pixels = _kept(), bytearray(present.tobytes())
    a, b, c, d, _, f, g, h, i = offsets
    for p in flat[order].tolist():
        pattern = (
            pixels[p + a]
            | pixels[p + b] << 1
            | pixels[p + c] << 2
            | pixels[p + d] << 3
            | CENTRE
            | pixels[p + f] << 5
            | pixels[p + g] << 6
            | pixels[p + h] << 7
            | pixels[p + i] << 8
        )
        if not kept[pattern]:
            pixels[p] = 0
    axis = np.frombuffer(pixels, np.uint8).reshape(distance.shape).astype(bool)
    return axis[1:-1, 1:-1], distance[1:-1, 1:-1]


@cache
def _kept() -> list[bool]:
    """For each pattern of 3x3 pixels (bit k is pixel k, row by row) with a centre: whether the centre is kept."""

    def pieces(pattern: int) -> int:
        return int(ndimage.label(_pixels(pattern), EIGHT_CONNECTED)[1])

    return [pieces(pattern) != pieces(pattern & ~CENTRE) or pattern.bit_count() < 3 for pattern in range(512)]


def _pixels(pattern: int) -> Mask:
    return np.array([pattern >> bit & 1 for bit in range(9)], bool).reshape(3, 3)
