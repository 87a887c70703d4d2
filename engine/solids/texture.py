"""The solids' textures: plain, stripes, checks and marble."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.solids.scene import Scene
from engine.solids.shapes import Floats, Points


def second_share(scene: Scene, p: Points) -> Floats:
    """The share of the second colour at each point of the solid, from 0 to 1."""
    x, y, z = (each * scene.scale for each in p)
    if scene.texture == "stripes":
        return np.floor(2 * y) % 2
    if scene.texture == "checks":
        return (np.floor(1.5 * x + 0.25) + np.floor(1.5 * y + 0.25) + np.floor(1.5 * z + 0.25)) % 2
    if scene.texture == "marble":
        wave = np.abs((0.8 * y + 0.5 * x + 1.6 * _noise(1.7 * x, 1.7 * y, 1.7 * z)) % 1 * 2 - 1)
        return wave * wave
    return np.zeros(p[0].shape)


def _noise(x: Floats, y: Floats, z: Floats) -> Floats:
    """Smooth noise from 0 to 1: random values at whole coordinates, blended in between (Perlin 1985 calls it value noise)."""
    corners = [np.floor(each) for each in (x, y, z)]
    blend = [each - corner for each, corner in zip((x, y, z), corners, strict=True)]
    weights = [each * each * (3 - 2 * each) for each in blend]
    whole = [corner.astype(np.int64) for corner in corners]
    total = np.zeros(x.shape)
    for dx in (0, 1):
        for dy in (0, 1):
            for dz in (0, 1):
                weight = np.ones(x.shape)
                for share, far in zip(weights, (dx, dy, dz), strict=True):
                    weight = weight * (share if far else 1 - share)
                total = total + weight * _hash(whole[0] + dx, whole[1] + dy, whole[2] + dz)
    return total


def _hash(x: npt.NDArray[np.int64], y: npt.NDArray[np.int64], z: npt.NDArray[np.int64]) -> Floats:
    """A number from 0 to 1 for each whole point, without a visible pattern: multiplied and mixed modulo 2^64 (the finaliser of MurmurHash3)."""
    mixed = (x.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) ^ (y.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F))
    mixed = mixed ^ (z.astype(np.uint64) * np.uint64(0x165667B19E3779F9))
    mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    result: Floats = (mixed >> np.uint64(40)).astype(np.float64) / (1 << 24)
    return result
