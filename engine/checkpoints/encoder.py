"""The writer encoder's weights file, which also keeps codes of real hands."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from engine.checkpoints.weights import ModelWeights, load_weights
from engine.config.encoders import NETWORK_NAMES
from engine.errors import CheckpointError
from engine.models.writer import WriterEncoder
from engine.storage import paths

HAND = paths.ASSETS / "weights" / "hand.safetensors"


def load_encoder(path: Path = HAND, device: torch.device | None = None) -> WriterEncoder:
    """The encoder in float32, ready to use. Raises CheckpointError; runs no code from the file."""
    return to_encoder(load_weights(path), str(path), device)


def to_encoder(weights: ModelWeights, name: str, device: torch.device | None = None) -> WriterEncoder:
    """The encoder with these weights. Raises CheckpointError where they are of a network that draws."""
    if weights.model.network != "writer":
        found = NETWORK_NAMES[weights.model.network]
        raise CheckpointError(f"{name} holds {found}, and not an encoder of handwriting; train one with: digitty train --preset hand")
    with torch.device("meta"):
        encoder = WriterEncoder(weights.model)
    encoder.load_state_dict(weights.tensors, assign=True)
    return encoder.to(device).eval().requires_grad_(False)


@cache
def shipped_encoder() -> WriterEncoder:
    """The encoder that comes with digitty, on the CPU, loaded once. Raises CheckpointError."""
    return load_encoder()
