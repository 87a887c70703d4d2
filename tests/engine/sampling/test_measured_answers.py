"""Measuring the strokes of finished pictures."""

from __future__ import annotations

import numpy as np
import pytest

from engine.config.condition import ATTRIBUTES
from engine.jobs.jobs import Jobs
from engine.protocol.events import StrokesMeasured
from engine.protocol.recipe import Images


@pytest.mark.parametrize("channels", [1, 3])
def test_a_bar_measures_what_it_is_and_a_flat_picture_nothing(channels: int) -> None:
    pixels = np.zeros((2, 28, 28, channels), np.uint8)
    pixels[1, 4:24, 12:16] = 255
    *_, measured = Jobs("cpu").measure(Images(pixels.tobytes(), 2, channels=channels))
    assert isinstance(measured, StrokesMeasured)
    flat, bar = measured.pictures
    assert flat == ()
    assert [name for name, _ in bar] == [*ATTRIBUTES]
    values = dict(bar)
    assert values["slant"] == pytest.approx(0, abs=0.1)
    assert values["width"] == pytest.approx(4, abs=1)
    assert 3 < values["thickness"] <= 4.5
