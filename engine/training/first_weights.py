"""The weights that a run starts from, where they are not new: those of `--start-from`, or those of a student's teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from engine.checkpoints.lookup import find_weights
from engine.config.training import TrainConfig
from engine.errors import CheckpointError, SettingError
from engine.formatting import printable


def take_over_network(config: TrainConfig) -> TrainConfig:
    """The configuration with the network and the noise schedule of its first weights. Raises RunError, CheckpointError or SettingError."""
    source = config.first_weights
    if source is None:
        return config
    weights = find_weights(source)
    if config.teacher and weights.model.one_step:
        raise SettingError(f"{printable(source)} is a one-step student itself; use a teacher that draws in many steps")
    return replace(config, model=replace(weights.model, one_step=config.teacher is not None), schedule=weights.schedule)


def load_first_weights(config: TrainConfig) -> Mapping[str, Tensor] | None:
    """The first weights; None for new ones. Raises RunError or CheckpointError, also where the file holds another network than it did."""
    source = config.first_weights
    if source is None:
        return None
    weights = find_weights(source)
    if replace(weights.model, one_step=config.model.one_step) != config.model:
        raise CheckpointError(f"{printable(source)} now holds a different network from the one this run was created with; start a new run")
    return weights.tensors
