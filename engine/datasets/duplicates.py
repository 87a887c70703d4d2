"""Which images of a data set are exactly, or nearly, like an earlier one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.datasets.near import find_near
from engine.protocol.events import Event

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Place = tuple[int, int]
"""An image and an earlier one, by their numbers in the order of decoding."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    equal: list[Place]
    near: list[Place]
    """Those that are nearly equal, without those that are exactly equal."""
    equal_tests: int
    """How many test images are exactly like a training image."""
    split: int
    """How many of the nearly equal ones are on the other side: one of the two is trained on, the other judges."""


def find_duplicates(
    keys: npt.NDArray[np.void], sketches: npt.NDArray[np.void], test: npt.NDArray[np.bool_], image: Callable[[int], npt.NDArray[np.uint8]]
) -> Generator[Event, None, Duplicates]:
    """Returns the duplicates among N images. Yields Ticks, several a second.

    keys: (N,) equal for equal images. sketches: (N,) as `near.sketches` gives them. test: (N,) which are kept from training. image: the pixels of
    one of them.
    """
    import numpy as np

    _, first, of = np.unique(keys, return_index=True, return_inverse=True)
    of = of.reshape(-1)
    earlier = first[of]
    again = np.flatnonzero(earlier != np.arange(len(keys)))
    different = np.sort(first)
    found = yield from find_near(sketches[different], lambda k: image(int(different[k])))
    near = [(int(different[later]), int(different[former])) for later, former in found]
    return Duplicates(
        equal=list(zip(again.tolist(), earlier[again].tolist(), strict=True)),
        near=near,
        equal_tests=int(np.isin(of[test], of[~test]).sum()),
        split=sum(bool(test[later] != test[former]) for later, former in near),
    )
