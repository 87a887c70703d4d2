"""Draws a scene. A ray is cast for each of 3x3 points of a pixel; where it meets the solid is found by sphere tracing (Hart 1996).

Only operations that IEEE 754 rounds exactly are used (no sine, no power), so every machine draws the same bytes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.solids.scene import Scene, normalised
from engine.solids.shapes import BOUND, HEIGHT, Floats, Points, distance, length, to_solid
from engine.solids.texture import second_share

SIDE = 64
"""Pixels of a picture's side."""
SUPERSAMPLING = 3
FAR = 40.0
"""Where a ray that misses the solid and the floor ends."""
HIT = 2e-3
"""A ray that comes this close to a surface has met it."""
STEPS = 48
SHADOW_STEPS = 20


def render(scene: Scene, side: int = SIDE) -> npt.NDArray[np.uint8]:
    """The picture of a scene, (side, side, 3) uint8 in sRGB."""
    points = side * SUPERSAMPLING
    origin, rays = _camera(scene, points)
    colour = _background(scene, rays)
    floor_at = np.where(rays[1] < -1e-9, origin[1] / np.maximum(-rays[1], 1e-9), FAR)
    solid_at = _trace(scene, origin, rays)
    on_floor = np.flatnonzero((floor_at < FAR) & (floor_at < solid_at))
    where = _along(origin, _take(rays, on_floor), floor_at[on_floor])
    lit = _floor_colour(scene, where)
    haze = np.minimum(1, floor_at[on_floor] / 14)
    for channel in range(3):
        colour[channel][on_floor] += (1 - haze * haze) * (lit[channel] - colour[channel][on_floor])
    on_solid = np.flatnonzero((solid_at < FAR) & (solid_at <= floor_at))
    chosen = _take(rays, on_solid)
    for channel, values in enumerate(_solid_colour(scene, _along(origin, chosen, solid_at[on_solid]), chosen)):
        colour[channel][on_solid] = values
    linear = np.stack(colour, -1).reshape(side, SUPERSAMPLING, side, SUPERSAMPLING, 3)
    averaged = sum(linear[:, row, :, column] for row in range(SUPERSAMPLING) for column in range(SUPERSAMPLING)) / SUPERSAMPLING**2
    pixels: npt.NDArray[np.uint8] = np.floor(np.sqrt(np.clip(averaged, 0, 1)) * 255 + 0.5).astype(np.uint8)  # a gamma of 2
    return pixels


def _camera(scene: Scene, points: int) -> tuple[tuple[float, float, float], Points]:
    """The eye, and the directions of points x points rays of length 1 that leave it, row by row from the top left."""
    eye = (0.0, scene.camera_height, -4.6)
    forward = normalised(-eye[0], 0.62 - eye[1], -eye[2])
    up = normalised(0.0, forward[2], -forward[1])  # forward has no x
    steps = (np.arange(points) + 0.5) / points * 2 - 1
    across, down = np.meshgrid(steps * 0.31, steps * 0.31)
    x, y = across.ravel(), -down.ravel()
    rays = x, forward[1] + y * up[1], forward[2] + y * up[2]
    size = length(*rays)
    return eye, (rays[0] / size, rays[1] / size, rays[2] / size)


def _trace(scene: Scene, origin: tuple[float, float, float], rays: Points) -> Floats:
    """How far along each ray the solid is; FAR where the ray misses it."""
    result = np.full(rays[0].shape, FAR)
    centre = scene.place[0], scene.size * HEIGHT / 2, scene.place[1]
    offset = tuple(o - c for o, c in zip(origin, centre, strict=True))
    along = -(rays[0] * offset[0] + rays[1] * offset[1] + rays[2] * offset[2])
    squared = sum(o * o for o in offset) - along * along
    radius = BOUND * scene.size
    active = np.flatnonzero((squared < radius * radius) & (along > 0))
    at = along[active] - np.sqrt(radius * radius - squared[active])
    for _ in range(STEPS):
        gap = distance(scene, _along(origin, _take(rays, active), at))
        met = gap < HIT
        result[active[met]] = at[met]
        going = ~met & (at < along[active] + radius)
        active, at = active[going], (at + gap)[going]
        if not len(active):
            break
    return result


def _shadow(scene: Scene, p: Points) -> Floats:
    """The share of light that reaches each point: 0 behind the solid, 1 in the open, with a soft border."""
    light = scene.light
    centre = scene.place[0], scene.size * HEIGHT / 2, scene.place[1]
    x, y, z = (centre[k] - p[k] for k in range(3))
    along = x * light[0] + y * light[1] + z * light[2]
    squared = x * x + y * y + z * z - along * along
    radius = BOUND * scene.size + 0.3
    share = np.ones(p[0].shape)
    active = np.flatnonzero((squared < radius * radius) & (along > -radius))
    at = np.full(active.shape, 0.03)
    for _ in range(SHADOW_STEPS):
        here = _take(p, active)
        gap = distance(scene, (here[0] + light[0] * at, here[1] + light[1] * at, here[2] + light[2] * at))
        share[active] = np.minimum(share[active], np.maximum(8 * gap / at, 0))
        going = (gap > HIT) & (at < along[active] + radius)
        active, at = active[going], (at + np.maximum(gap, 0.02))[going]
        if not len(active):
            break
    return share * share * (3 - 2 * share)


def _background(scene: Scene, rays: Points) -> list[Floats]:
    height = np.clip(rays[1] * 1.5 + 0.5, 0, 1)
    return [channel * (0.55 + 0.45 * height) for channel in scene.sky]


def _floor_colour(scene: Scene, p: Points) -> list[Floats]:
    share = _shadow(scene, p)
    near = np.maximum(distance(scene, (p[0], p[1] + 0.05, p[2])), 0)
    hidden = near / (near + 0.18)  # the solid hides the sky from the floor beside it
    light = 0.3 * (0.4 + 0.6 * hidden) + 0.8 * scene.light[1] * share
    return [channel * light for channel in scene.floor]


def _solid_colour(scene: Scene, p: Points, rays: Points) -> list[Floats]:
    """Lambert's diffuse light and Blinn's highlight, where the solid does not shade itself."""
    normal = _normal(scene, p)
    towards = scene.light
    facing = normal[0] * towards[0] + normal[1] * towards[1] + normal[2] * towards[2]
    raised = (p[0] + normal[0] * 0.02, p[1] + normal[1] * 0.02, p[2] + normal[2] * 0.02)
    share = np.where(facing > 0, _shadow(scene, raised), 0) * np.maximum(facing, 0)
    halfway = tuple(towards[k] - rays[k] for k in range(3))
    size = length(*halfway)
    shine = np.maximum((normal[0] * halfway[0] + normal[1] * halfway[1] + normal[2] * halfway[2]) / size, 0)
    for _ in range(5):
        shine = shine * shine  # to the power of 32
    sky = 0.5 + 0.5 * normal[1]
    mix = second_share(scene, to_solid(scene, p))
    colours = []
    for first, second, above, below in zip(*scene.colours, scene.sky, scene.floor, strict=True):
        own = first + (second - first) * mix
        colours.append(own * (0.12 + 0.28 * (sky * above + (1 - sky) * below) + 0.85 * share) + scene.gloss * shine * np.sqrt(share))
    return colours


def _normal(scene: Scene, p: Points) -> Points:
    """The direction in which the distance grows fastest, of length 1: from four points around each."""
    total = [np.zeros(p[0].shape) for _ in range(3)]
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        gap = distance(scene, (p[0] + 5e-4 * corner[0], p[1] + 5e-4 * corner[1], p[2] + 5e-4 * corner[2]))
        for k in range(3):
            total[k] += corner[k] * gap
    size = np.maximum(length(*total), 1e-12)
    return total[0] / size, total[1] / size, total[2] / size


def _along(origin: tuple[float, float, float], rays: Points, at: Floats) -> Points:
    return origin[0] + rays[0] * at, origin[1] + rays[1] * at, origin[2] + rays[2] * at


def _take(points: Points, chosen: npt.NDArray[np.intp]) -> Points:
    return points[0][chosen], points[1][chosen], points[2][chosen]
