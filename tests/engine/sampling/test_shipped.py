"""The weights that come with digitty draw what they drew when the pictures beside this file were saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.config.condition import Condition, Interval
from engine.config.data import MNIST
from engine.config.hand import HandSource
from engine.config.sampling import SampleConfig
from engine.jobs.jobs import Jobs
from engine.protocol.events import DrawDone
from engine.protocol.requests import DrawRequest
from engine.storage.images import load_strip

PICTURES = Path(__file__).parent / "shipped"


@pytest.mark.parametrize(
    ("weights", "sample", "name"),
    [
        ("shipped:labels", SampleConfig(steps=6, redraw_below=0, seed=3), "best-6.png"),
        ("shipped:seed", SampleConfig(steps=6, redraw_below=0, seed=3), "seed-6.png"),
        ("shipped:one-step", SampleConfig("one-step", 1, redraw_below=0, seed=3), "one-step-1.png"),
    ],
)
def test_shipped_weights_draw_what_they_drew(jobs: Jobs, weights: str, sample: SampleConfig, name: str) -> None:
    """A seven, a three, an eight and one without a label; another CPU rounds some sums otherwise."""
    *_, done = jobs.draw(DrawRequest((7, 3, 8, None), sample, weights=weights, fps=0))
    assert isinstance(done, DrawDone)
    assert_like(done, name)


def assert_like(done: DrawDone, name: str) -> None:
    expected = load_strip(PICTURES / name, MNIST)
    assert expected is not None
    assert done.recipe.data == MNIST
    drawn, saved = (np.frombuffer(images.data, np.uint8).astype(int) for images in (done.images, expected))
    assert np.abs(drawn - saved).max() <= 3


def test_the_weights_that_ship_show_what_they_are_told_as_they_did(jobs: Jobs) -> None:
    """A bold seven that leans left, a three in a hand, a thin eight by words alone, and a looped two."""
    conditions = (
        Condition(7, (("thickness", Interval(3.5, 3.5)), ("slant", Interval(-20, -10)))),
        Condition(3, hand=HandSource(number=12)),
        Condition(8, text="a thin eight"),
        Condition(2, variants=(("looped", True),)),
    )
    *_, done = jobs.draw(DrawRequest((7, 3, 8, 2), SampleConfig(steps=6, redraw_below=0, seed=3), conditions=conditions, fps=0))
    assert isinstance(done, DrawDone)
    assert_like(done, "words-6.png")
