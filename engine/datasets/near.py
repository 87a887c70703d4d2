"""Finds images that are nearly like an earlier one: the same picture saved again, or in another size. Knows no files.

Each image gets a difference hash (Krawetz 2013): is a cell of its mean brightness darker than the cell to its right? Images whose hashes differ in at
most two of eight bands are compared pixel by pixel, at up to 32 pixels a side. Mirrored, turned and cropped copies have other hashes: none are found.

How many are found, and how few others, is in docs/data.md.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import combinations
from typing import TYPE_CHECKING

from engine.protocol.events import Event, Tick

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

CELLS = 8
"""Cells of a side, and bits of a band."""
FLIPPED = 2
"""Bands of the hash that may differ."""
SIDE = 32
"""Pixels of a side in which images are compared."""
UNLIKE = 0.12
"""The root mean square difference of two images, relative to the deviation of the flatter one, up to which they are nearly equal."""
MOST_COMPARED = 20_000
"""Pairs that are compared pixel by pixel."""
AT_ONCE = 500
"""Pairs that are compared between two yields."""


def sketches(images: Pixels) -> npt.NDArray[np.void]:
    """(N,) `hash`, and `mean` and `deviation` of the brightness, of images (N, H, W) or (N, H, W, 3)."""
    import numpy as np

    k = _shrinking(images)
    few = images[:, ::k, ::k]  # cells are means, so pixels need not be
    bright = (
        few.astype(np.float32) if few.ndim == 3 else sum((few[..., c] for c in range(1, few.shape[3])), few[..., 0].astype(np.float32)) / few.shape[3]
    )
    found = np.empty(len(images), dtype=[("hash", "u8"), ("mean", "f4"), ("deviation", "f4")])
    pixels = bright.reshape(len(images), int(np.prod(bright.shape[1:])))
    found["mean"] = pixels.mean(axis=1)
    centred = pixels - found["mean"][:, None]
    found["deviation"] = np.sqrt(np.einsum("ij,ij->i", centred, centred) / pixels.shape[1])
    for axis in (1, 2):
        edges = np.arange(CELLS + 1) * bright.shape[axis] // CELLS
        sizes = np.maximum(1, np.diff(edges)).astype(np.float32)
        bright = np.add.reduceat(bright, edges[:-1], axis=axis) / (sizes[:, None] if axis == 1 else sizes)
    found["hash"] = np.packbits((bright < np.roll(bright, -1, axis=2)).reshape(-1, CELLS * CELLS), axis=1).view(np.uint64).reshape(-1)
    return found


def find_near(found: npt.NDArray[np.void], image: Callable[[int], Pixels]) -> Generator[Event, None, list[tuple[int, int]]]:
    """Returns each image that is nearly like an earlier one, with that one, in order. Yields several times a second.

    found: (N,) the sketches of images that all differ. image: the pixels of one of them.
    """
    import numpy as np

    pairs: set[tuple[int, int]] = set()
    bands = found["hash"].copy().view(np.uint8).reshape(-1, CELLS)
    for flipped in combinations(range(CELLS), FLIPPED):
        pairs.update(_alike(found, bands, flipped)[: MOST_COMPARED - len(pairs)])
        yield Tick()
    near: dict[int, int] = {}
    for number, (earlier, later) in enumerate(sorted(pairs)):
        if later not in near and _nearly_equal(image(earlier), image(later)):
            near[later] = earlier
        if number % AT_ONCE == 0:
            yield Tick()
    return sorted(near.items())


def _alike(found: npt.NDArray[np.void], bands: Pixels, flipped: tuple[int, ...]) -> list[tuple[int, int]]:
    """Pairs whose hashes are equal outside these bands, each image with the next such one, unless mean and deviation alone set them apart.

    The mean square of a difference is at least that of the means plus that of the deviations; twice as much leaves room for colour.
    """
    import numpy as np

    rest = bands.copy()
    rest[:, flipped] = 0
    keys = rest.view(np.uint64).reshape(-1)
    order = np.argsort(keys, kind="stable")
    same = keys[order][1:] == keys[order][:-1]
    earlier, later = order[:-1][same], order[1:][same]
    means, deviations = (np.square(found[name][earlier] - found[name][later]) for name in ("mean", "deviation"))
    most = np.square(2 * UNLIKE * np.minimum(found["deviation"][earlier], found["deviation"][later]))
    close = means + deviations <= most
    return list(zip(earlier[close].tolist(), later[close].tolist(), strict=True))


def _nearly_equal(one: Pixels, other: Pixels) -> bool:
    import numpy as np

    a, b = (_shrunk(image[None])[0] for image in (one, other))
    return bool(np.sqrt(np.square(a - b).mean()) <= UNLIKE * min(a.std(), b.std()))


def _shrunk(images: Pixels) -> npt.NDArray[np.float32]:
    """Means over blocks of images (N, H, W) or (N, H, W, 3), so that both sides have less than twice SIDE pixels."""
    import numpy as np

    k = _shrinking(images)
    height, width = (side // k * k for side in images.shape[1:3])
    rows = sum((images[:, j:height:k].astype(np.uint16) for j in range(1, k)), images[:, 0:height:k].astype(np.uint16))
    whole = sum((rows[:, :, j:width:k] for j in range(1, k)), rows[:, :, 0:width:k])
    return np.asarray(whole / np.float32(k * k), np.float32)


def _shrinking(images: Pixels) -> int:
    """How many pixels of these images are one, in each direction, where they are looked at."""
    height, width = images.shape[1:3]
    return max(1, min(int(height), int(width)) // SIDE)
