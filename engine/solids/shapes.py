"""The solids as signed distances: how far each point is from the surface, negative inside (formulas after Quilez, "Distance functions").

A solid has its own coordinates: y points up, the floor is at 0, and it is about as high as HEIGHT.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engine.solids.scene import Scene

Floats = npt.NDArray[np.float64]
Points = tuple[Floats, Floats, Floats]
"""x, y and z of N points or directions, each (N,)."""

HEIGHT = 1.6
BOUND = 1.35
"""Every solid lies within this distance of (0, HEIGHT / 2, 0)."""


def length(*values: Floats) -> Floats:
    total = values[0] * values[0]
    for value in values[1:]:
        total = total + value * value
    result: Floats = np.sqrt(total)
    return result


def _larger(first: Floats, second: Floats) -> Floats:
    """The distance to what two solids have in common."""
    result: Floats = np.maximum(first, second)
    return result


def _ball(p: Points) -> Floats:
    return length(p[0], p[1] - 0.8, p[2]) - 0.8


def _cube(p: Points) -> Floats:
    x, y, z = np.abs(p[0]) - 0.6, np.abs(p[1] - 0.64) - 0.6, np.abs(p[2]) - 0.6
    outside = length(np.maximum(x, 0), np.maximum(y, 0), np.maximum(z, 0))
    return outside + np.minimum(np.maximum(np.maximum(x, y), z), 0) - 0.04


def _cylinder(p: Points) -> Floats:
    around, y = length(p[0], p[2]) - 0.6, np.abs(p[1] - 0.75) - 0.72
    return length(np.maximum(around, 0), np.maximum(y, 0)) + np.minimum(np.maximum(around, y), 0) - 0.03


def _cone(p: Points) -> Floats:
    """An upright cone with its base on the floor: the larger of the distances to its side and to its base."""
    return _larger((length(p[0], p[2]) * HEIGHT + (p[1] - HEIGHT) * 0.8) / math.sqrt(HEIGHT * HEIGHT + 0.64), -p[1])


def _pyramid(p: Points) -> Floats:
    widest = np.maximum(np.abs(p[0]), np.abs(p[2]))
    return _larger((widest * 1.45 + (p[1] - 1.45) * 0.78) / math.sqrt(1.45 * 1.45 + 0.78 * 0.78), -p[1])


def _gem(p: Points) -> Floats:
    return (np.abs(p[0]) + np.abs(p[1] - 0.85) * 0.94 + np.abs(p[2]) - 0.8) / 1.7


def _ring(p: Points) -> Floats:
    """A ring that stands: its axis lies along z."""
    return length(length(p[0], p[1] - 0.8) - 0.57, p[2]) - 0.23


def _capsule(p: Points) -> Floats:
    return length(p[0], np.maximum(np.abs(p[1] - 0.8) - 0.4, 0), p[2]) - 0.4


_DISTANCES: dict[str, Callable[[Points], Floats]] = {
    "ball": _ball,
    "capsule": _capsule,
    "cone": _cone,
    "cube": _cube,
    "cylinder": _cylinder,
    "gem": _gem,
    "pyramid": _pyramid,
    "ring": _ring,
}
_HEIGHT_LYING = {"ring": 0.23, "capsule": 0.4}
"""How high the centre of a solid that can lie is above the floor when it does."""


def to_solid(scene: Scene, p: Points) -> Points:
    """Points of the room in the solid's own coordinates."""
    x, y, z = (p[0] - scene.place[0]) / scene.size, p[1] / scene.size, (p[2] - scene.place[1]) / scene.size
    c, s = scene.turn
    x, z = c * x + s * z, c * z - s * x
    if scene.lying and scene.kind in _HEIGHT_LYING:
        up = y - _HEIGHT_LYING[scene.kind]
        return x, 0.8 + z, -up
    return x, y, z


def distance(scene: Scene, p: Points) -> Floats:
    return _DISTANCES[scene.kind](to_solid(scene, p)) * scene.size
