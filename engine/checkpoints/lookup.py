"""Weights by the name that commands and screens take: shipped, RUN, RUN:best, or a file."""

from __future__ import annotations

from dataclasses import replace

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.training_state import average_of, load_state
from engine.checkpoints.weights import Loaded
from engine.runs.weights_names import located


def find_weights(weights: str) -> Loaded:
    """Weights from wherever `located` finds them. Raises RunError or CheckpointError."""
    path, name, kind = located(weights)
    if path.suffix == ".pt":
        return average_of(*load_state(path), name)
    return replace(loaded := checkpoint.load_weights(path), run=name, kind=kind or loaded.kind)
