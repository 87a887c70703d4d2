"""The data set solids: the same bytes everywhere, whole solids inside the picture, and light from where the scene says."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace

import numpy as np
import pytest

from engine.datasets.sources.registry import open_source
from engine.datasets.sources.solids import CLASS_NAMES, TEST, TRAINING, SolidsSource
from engine.solids.render import FAR, render
from engine.solids.scene import Scene, random_scene
from engine.solids.shapes import BOUND, HEIGHT, distance

PLAIN = Scene(
    kind="ball",
    turn=(1.0, 0.0),
    lying=False,
    size=1.0,
    place=(0.0, 0.0),
    colours=((0.8, 0.1, 0.1), (0.1, 0.1, 0.8)),
    texture="plain",
    scale=2.0,
    gloss=0.0,
    floor=(0.4, 0.4, 0.4),
    sky=(0.4, 0.5, 0.8),
    light=(-0.6, 0.64, -0.48),
    camera_height=2.0,
)


def test_every_machine_draws_the_same_bytes() -> None:
    source = open_source("Solids")
    pictures = [source.read(index) for index in range(len(CLASS_NAMES) * 3)]
    assert {picture.shape for picture in pictures if isinstance(picture, np.ndarray)} == {(64, 64, 3)}
    digest = hashlib.sha256(b"".join(np.asarray(picture).tobytes() for picture in pictures)).hexdigest()
    assert digest == "e22935dd5c772c740c991b0b5884e5fecd588ce8501d57624c99ecf48e6d74eb"


def test_the_source() -> None:
    source = pickle.loads(pickle.dumps(SolidsSource()))
    assert len(source) == TRAINING + TEST
    assert [source.entry(index).test for index in (0, TRAINING - 1, TRAINING, TRAINING + TEST - 1)] == [False, False, True, True]
    labels = [source.entry(index).label for index in range(TRAINING)]
    assert {labels.count(label) for label in range(len(CLASS_NAMES))} == {TRAINING // len(CLASS_NAMES)}
    assert open_source(source.location).fingerprint() == source.fingerprint()
    for index in (-1, len(source)):
        with pytest.raises(IndexError):
            source.entry(index)


@pytest.mark.parametrize("kind", CLASS_NAMES)
@pytest.mark.parametrize("lying", [False, True])
def test_every_solid_lies_within_its_bound_and_stands_on_the_floor(kind: str, lying: bool) -> None:
    scene = replace(PLAIN, kind=kind, lying=lying)
    places = np.linspace(-2, 2.6, 47)
    x, y, z = (each.ravel() for each in np.meshgrid(places, places, places))
    inside = distance(scene, (x, y, z)) < 0
    assert inside.any()
    assert np.sqrt(x * x + (y - HEIGHT / 2) ** 2 + z * z)[inside].max() <= BOUND
    assert -0.11 < y[inside].min() < 0.25


@pytest.mark.parametrize("kind", CLASS_NAMES)
def test_a_distance_is_never_more_than_the_way(kind: str) -> None:
    """Otherwise a ray would step over the surface."""
    rng = np.random.default_rng(0)
    scene = replace(PLAIN, kind=kind)
    first, second = (tuple(rng.uniform(-2, 2, (3, 4000))) for _ in range(2))
    way = np.sqrt(sum((a - b) ** 2 for a, b in zip(first, second, strict=True)))
    a, b = distance(scene, (first[0], first[1], first[2])), distance(scene, (second[0], second[1], second[2]))
    assert (np.abs(a - b) <= way * 1.001 + 1e-9).all()


def test_light_comes_from_where_the_scene_says() -> None:
    picture = render(PLAIN).astype(int)
    mirrored = render(replace(PLAIN, light=(0.6, 0.64, -0.48))).astype(int)
    assert np.abs(picture - mirrored[:, ::-1]).max() <= 1
    red = picture[:, :, 0] - picture[:, :, 2] > 40
    columns = np.flatnonzero(red.any(0))
    middle = (columns[0] + columns[-1]) // 2
    left, right = (picture[:, part, 0][red[:, part]].mean() for part in (slice(None, middle), slice(middle, None)))
    assert left > right * 1.1
    floor = picture[-20:-4, :, 0]
    assert floor[:, middle + 4 :].min() < 0.75 * floor[:, : middle - 14].mean()  # the shadow falls to the right


def test_a_scene_has_what_a_picture_needs() -> None:
    scenes = [random_scene(CLASS_NAMES[index % 8], index) for index in range(400)]
    assert {scene.texture for scene in scenes} == {"plain", "stripes", "checks", "marble"}
    for scene in scenes:
        assert sum(value * value for value in scene.light) == pytest.approx(1)
        assert scene.light[1] > 0.3
        assert all(0 <= value <= 1 for colour in (*scene.colours, scene.floor, scene.sky) for value in colour)
    assert FAR > 4.6
