"""The names of the presets, and what sets each apart in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Preset = Literal["seed", "quick", "best", "attributes", "one-step", "hand", "text", "rank"]

PRESET_HINTS: Mapping[Preset, str] = {
    "seed": "6.1 M parameters, the guide's recipe",
    "quick": "1.7 M, draws digits within minutes on a CPU",
    "best": "3.5 M, shipped:labels; 90 minutes on a CPU",
    "attributes": "shipped:labels learns thickness, slant, …",
    "one-step": "a student that draws in one step",
    "hand": "an encoder of handwriting; draws nothing",
    "text": "a reader of captions; draws nothing",
    "rank": "ranks pictures by captions; draws nothing",
}
"""What sets each preset apart, for --help and dialogs."""

PRESET_RESULTS: Mapping[Preset, str] = {
    "quick": "99.5% right after 2.5 minutes on two cores",
    "best": "99.5% after 5 minutes on two cores; as shipped",
    "seed": "98.7% after 20 minutes on two cores; the guide's",
    "one-step": "99.59% in one step, as shipped:one-step",
    "hand": "tells who wrote a digit; needs QMNIST's labels",
    "text": "reads what captions say of digits",
    "rank": "says how well pictures and captions fit",
}
"""What each preset gives: the share of its digits that is read correctly, from docs/results.md."""

ONE_STEP_IN_STEPS_OF_BEST = 3500
"""Making a student takes as long as this many steps of `best`: an hour on a core that trains an epoch of `best` in eight minutes."""
