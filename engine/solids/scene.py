"""What is in each picture: a solid, its texture, the floor, the sky and the light, all of which follow from a number."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

RANDOM_SEED = 64


@dataclass(frozen=True)
class Scene:
    """What sets one picture apart from others of its class."""

    kind: str
    turn: tuple[float, float]
    """Cosine and sine of the solid's turn about its upright axis."""
    lying: bool
    """Whether a ring or a capsule lies on the floor."""
    size: float
    place: tuple[float, float]
    """Where it stands on the floor, x and z."""
    colours: tuple[tuple[float, float, float], tuple[float, float, float]]
    """Of its texture, red, green and blue from 0 to 1, linear."""
    texture: str
    """plain, stripes, checks or marble."""
    scale: float
    """Repeats of the texture per unit of length."""
    gloss: float
    floor: tuple[float, float, float]
    sky: tuple[float, float, float]
    light: tuple[float, float, float]
    """The direction to the light, of length 1."""
    camera_height: float


def random_scene(kind: str, number: int) -> Scene:
    """The scene with a solid of this kind that follows from a number."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([RANDOM_SEED, number])))
    hue = rng.random()
    other = hue + 0.25 + 0.5 * rng.random()
    first = _colour(hue, 0.65 + 0.35 * rng.random(), 0.75 + 0.25 * rng.random())
    second = _colour(other, 0.5 * rng.random(), 0.85 + 0.15 * rng.random()) if rng.random() < 0.5 else _colour(other, 0.8, 0.35 + 0.3 * rng.random())
    floor_value, sky_value = 0.25 + 0.55 * rng.random(), 0.5 + 0.5 * rng.random()
    x, z = _direction(rng)
    across, depth = _direction(rng)
    tilt = 0.8 + 1.0 * rng.random()
    if kind == "ring" and abs(x) < abs(z):
        x, z = z, x  # its hole is seen
    light = normalised(across, tilt, depth if depth < 0 else -0.5 * depth)  # never straight from behind
    return Scene(
        kind=kind,
        turn=(x, z),
        lying=bool(rng.random() < 0.4),
        size=0.85 + 0.3 * rng.random(),
        place=(0.5 * rng.random() - 0.25, 0.5 * rng.random() - 0.25),
        colours=(first, second),
        texture=("plain", "plain", "stripes", "checks", "marble")[int(rng.integers(5))],
        scale=1.8 + 1.6 * rng.random(),
        gloss=0.8 * rng.random(),
        floor=_colour(rng.random(), 0.35 * rng.random(), floor_value),
        sky=_colour(0.45 + 0.3 * rng.random(), 0.5 * rng.random(), sky_value),
        light=light,
        camera_height=1.7 + 1.3 * rng.random(),
    )


def _direction(rng: np.random.Generator) -> tuple[float, float]:
    """A random direction in the plane, evenly spread, without a sine: points outside the circle are refused."""
    while True:
        x, y = (float(value) for value in 2 * rng.random(2) - 1)
        if 0.01 < (square := x * x + y * y) <= 1:
            length = math.sqrt(square)
            return x / length, y / length


def normalised(x: float, y: float, z: float) -> tuple[float, float, float]:
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def _colour(hue: float, saturation: float, value: float) -> tuple[float, float, float]:
    """Linear red, green and blue of a hue (in turns), a saturation and a value."""
    red, green, blue = (value * (1 - saturation * (1 - _ramp(hue + third / 3))) for third in (0, 2, 1))
    return red * red, green * green, blue * blue


def _ramp(hue: float) -> float:
    """How much of red a hue (in turns) has: 1 around 0, 0 around one half."""
    return min(1.0, max(0.0, abs((hue % 1.0) * 6 - 3) - 1))
