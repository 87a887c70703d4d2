"""The weights of an image tower, as a network that is ready to rank pictures."""

from __future__ import annotations

import torch

from engine.checkpoints.lookup import find_weights
from engine.config.encoders import NETWORK_NAMES
from engine.errors import CheckpointError
from engine.models.image_tower import ImageTower
from engine.runs.readers import TOWER


def load_tower(name: str = "") -> ImageTower:
    """The tower with the weights of this name, by default the one that ships, in float32 on the CPU.

    Raises RunError or CheckpointError; runs no code from the file.
    """
    weights = find_weights(name or str(TOWER))
    if weights.model.network != "tower":
        found = NETWORK_NAMES[weights.model.network]
        raise CheckpointError(f"{name} is {found}, and not an image tower; train one with: digitty train --preset rank")
    with torch.device("meta"):
        tower = ImageTower(weights.model)
    tower.load_state_dict(weights.tensors, assign=True)
    return tower.eval().requires_grad_(False)
