"""The weights that a run starts from, where they are not new: those of `--start-from`, or those of a student's teacher."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace

from torch import Tensor

from engine.checkpoints.lookup import find_weights
from engine.checkpoints.weights import ModelWeights
from engine.config.data import DataSpec
from engine.config.fit_to_data import grow, new_parts
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.training import TrainConfig
from engine.errors import CheckpointError, SettingError
from engine.formatting import printable
from engine.protocol.events import Event, Notice

PARTS = {"conv_in": "the first convolution", "conv_out": "the last convolution", "label": "the embedding of its classes"}
"""What people call the parts that may be new."""


def take_over_network(config: TrainConfig, data: DataSpec | None) -> Generator[Event, None, TrainConfig]:
    """Returns the configuration with the network and the noise schedule of its first weights, for `data` if given, else for their own images.

    Yields a Notice of what is new in the network. Raises RunError, CheckpointError or SettingError.
    """
    source = config.first_weights
    if source is None:
        return config
    weights = find_weights(source)
    if config.teacher:
        _check_teacher(source, weights.model, data)
    model, schedule = _fit(weights, data or weights.model.data)
    if new := new_parts(weights.model, model):
        yield Notice(_describe_growth(source, weights.model.data, model.data, new))
    return replace(config, model=replace(model, one_step=config.teacher is not None), schedule=schedule)


def load_first_weights(config: TrainConfig) -> Mapping[str, Tensor] | None:
    """The first weights, without the parts that are new; None where all is new.

    Raises RunError or CheckpointError, also where the file holds another network than it did.
    """
    source = config.first_weights
    if source is None:
        return None
    weights = find_weights(source)
    model, schedule = _fit(weights, config.data)
    model = replace(model, one_step=config.model.one_step, augmented=config.model.augmented)
    if (model, schedule) != (config.model, config.schedule):
        raise CheckpointError(f"{printable(source)} now holds a different network from the one this run was created with; start a new run")
    left_out = {*new_parts(weights.model, model), *(() if model.augmented else ("augment",))}
    return {name: tensor for name, tensor in weights.tensors.items() if name.partition(".")[0] not in left_out}


def _fit(weights: ModelWeights, data: DataSpec) -> tuple[ModelConfig, ScheduleConfig]:
    """The network and the noise schedule of these weights for these images."""
    if weights.model.data.digest == data.digest:
        return replace(weights.model, data=data), weights.schedule
    return grow(weights.model, weights.schedule, data)


def _check_teacher(source: str, teacher: ModelConfig, data: DataSpec | None) -> None:
    """Raises SettingError for a teacher that is a student itself, or that draws other images than its student is to learn."""
    if teacher.one_step:
        raise SettingError(f"{printable(source)} is a one-step student itself; use a teacher that draws in many steps")
    if data is not None and data.digest != teacher.data.digest:
        raise SettingError(
            f"{printable(source)} draws {teacher.data.name}, and its student can't be trained on {data.name}; "
            f"use --teacher with a run that was trained on {data.name}, or leave out --data"
        )


def _describe_growth(source: str, old: DataSpec, new: DataSpec, parts: tuple[str, ...]) -> str:
    *others, last = (PARTS[part] for part in parts)
    listed = f"{', '.join(others)} and {last}" if others else last
    were, kept = ("are" if others else "is"), f"{printable(source)} drew {_images(old)}, this run learns {_images(new)}"
    return f"{kept}: {listed} {were} new, and all other weights are kept"


def _images(data: DataSpec) -> str:
    return f"{data.name} ({data.height}x{data.width}, {'grey' if data.channels == 1 else 'colour'})"
