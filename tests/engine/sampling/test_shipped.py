"""The weights that come with digitty draw what they drew when the pictures beside this file were saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.config.data import MNIST
from engine.config.sampling import SampleConfig
from engine.jobs.jobs import Jobs
from engine.protocol.events import DrawDone
from engine.protocol.requests import DrawRequest
from engine.storage.images import load_strip

PICTURES = Path(__file__).parent / "shipped"


@pytest.mark.parametrize(
    ("weights", "sample", "name"),
    [
        ("shipped", SampleConfig(steps=6, redraw_below=0, seed=3), "best-6.png"),
        ("shipped:seed", SampleConfig(steps=6, redraw_below=0, seed=3), "seed-6.png"),
        ("shipped:one-step", SampleConfig("one-step", 1, redraw_below=0, seed=3), "one-step-1.png"),
    ],
)
def test_shipped_weights_draw_what_they_drew(jobs: Jobs, weights: str, sample: SampleConfig, name: str) -> None:
    """A seven, a three, an eight and one without a label; another CPU rounds some sums otherwise."""
    *_, done = jobs.draw(DrawRequest((7, 3, 8, None), sample, weights=weights, fps=0))
    assert isinstance(done, DrawDone)
    expected = load_strip(PICTURES / name, MNIST)
    assert expected is not None
    assert done.recipe.data == MNIST
    drawn, saved = (np.frombuffer(images.data, np.uint8).astype(int) for images in (done.images, expected))
    assert np.abs(drawn - saved).max() <= 3
