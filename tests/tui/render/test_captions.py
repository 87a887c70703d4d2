"""The text beside a drawing names the settings that its sampler used, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.sampling import SampleConfig
from tui.render.captions import describe_sample


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "seed 7 · dpmpp · 14 steps · guidance 1.4"),
        ({"eta": 0.3}, "seed 7 · dpmpp · 14 steps · guidance 1.4 · eta 0.3"),
        ({"sampler": "ddim", "eta": 1.0, "spacing": "leading"}, "seed 7 · ddim · 14 steps · guidance 1.4 · eta 1 · leading"),
        ({"sampler": "ddpm", "steps": 1000, "eta": 0.3}, "seed 7 · ddpm · 1000 steps · guidance 1.4"),
        ({"sampler": "one-step", "steps": 1, "eta": 0.3, "spacing": "leading"}, "seed 7 · one-step · 1 step"),
    ],
    ids=["default", "dpmpp with noise", "ddim with noise", "ddpm", "one-step"],
)
def test_describe_sample(settings: dict[str, Any], text: str) -> None:
    assert describe_sample(SampleConfig(seed=7, **settings)) == text
