"""The kept pictures are what the weights that ship draw."""

from __future__ import annotations

import numpy as np
import pytest

from engine.config.sampling import SampleConfig, with_sampler
from engine.jobs.jobs import Jobs
from engine.protocol.events import DrawDone
from engine.protocol.requests import DrawRequest
from engine.storage.examples import NAMES, SEED, load_example


@pytest.mark.parametrize("weights", [name if name == "shipped:one-step" else pytest.param(name, marks=pytest.mark.slow) for name in NAMES])
def test_the_examples_are_drawn_by_their_weights(jobs: Jobs, weights: str) -> None:
    """But for roundings, which differ between machines."""
    sample = SampleConfig(seed=SEED)
    sample = with_sampler(sample, "one-step") if weights == "shipped:one-step" else sample
    *_, done = jobs.draw(DrawRequest(tuple(range(10)), sample, weights=weights))
    kept = load_example(weights)
    assert isinstance(done, DrawDone)
    assert kept is not None
    assert (len(kept), kept.height, kept.width, kept.channels) == (10, 28, 28, 1)
    difference = np.abs(np.frombuffer(kept.data, np.uint8).astype(int) - np.frombuffer(done.images.data, np.uint8))
    assert difference.mean() < 0.5
    assert np.percentile(difference, 99.9) <= 16
