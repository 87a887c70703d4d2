"""Loads weights by the name that commands and screens take: shipped, RUN, RUN:best, RUN:epoch-N, or a file."""

from __future__ import annotations

from dataclasses import replace

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.training_state import average_weights, load_state
from engine.checkpoints.weights import ModelWeights
from engine.runs.weights_names import locate_weights


def find_weights(weights: str) -> ModelWeights:
    """Loads the weights that `locate_weights` finds; a training state gives its average. Raises RunError or CheckpointError."""
    path, name, kind = locate_weights(weights)
    if path.suffix == ".pt":
        return average_weights(load_state(path), name)
    return replace(contents := checkpoint.load_weights(path), run=name, kind=kind or contents.kind)
