"""The weights that a run starts from, where they are not new: those of `--start-from`, or those of a student's teacher."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from engine.checkpoints.lookup import find_weights
from engine.checkpoints.reader import shipped_reader
from engine.checkpoints.weights import ModelWeights
from engine.config.data import DataSpec
from engine.config.encoders import NETWORK_NAMES
from engine.config.fit_to_data import grow, new_parts, unusable_conditions
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.training import TrainConfig
from engine.errors import CheckpointError, SettingError
from engine.formatting import printable
from engine.models.unet import UNet
from engine.protocol.events import Event, Notice
from engine.training.hand_references import shows_digits

PARTS = {"conv_in": "the first convolution", "conv_out": "the last convolution", "label": "the embedding of its classes"}
"""What people call the parts that may be new."""
LAST_LAYERS = {"conditioner.attributes": "out", "conditioner.variants": "answers", "conditioner.hand": "out", "conditioner.text": "out"}
"""The layer that makes the tokens of each part of the conditions."""


def take_over_network(config: TrainConfig, data: DataSpec | None) -> Generator[Event, None, TrainConfig]:
    """Returns the configuration with the network and the noise schedule of its first weights, for `data` if given, else for their own images.

    Yields a Notice of what is new in the network. Raises RunError, CheckpointError or SettingError.
    """
    source = config.first_weights
    if source is None:
        return config
    weights = find_weights(source)
    if weights.model.network != config.model.network:
        found, wanted = (NETWORK_NAMES[model.network] for model in (weights.model, config.model))
        raise SettingError(f"{printable(source)} is {found}, and this run trains {wanted}; use other weights with --start-from")
    if config.teacher:
        _check_teacher(source, weights.model, data)
    model, schedule = _fit(weights, data or weights.model.data)
    if new := new_parts(weights.model, model):
        yield Notice(_describe_growth(source, weights.model.data, model.data, new))
    if model.draws and model.data.digest != weights.model.data.digest:
        if model.conditions is not None and not (config.attributes or config.hands or config.text or model.data.texts):
            yield Notice(f"{printable(source)} was told more than classes, and this run is not; --attributes and --text tell it of its own images")
        model = _only_asked(model, config)
    told, model = model.conditions if model.draws else None, replace(model, one_step=config.teacher is not None)
    attributes = config.attributes or (told is not None and len(told.scales) > 0)
    hands = config.hands or (told is not None and told.hand > 0)
    text = config.text or (told is not None and told.text)
    return replace(config, model=model, schedule=schedule, attributes=attributes, hands=hands, text=text)


def _only_asked(model: ModelConfig, config: TrainConfig) -> ModelConfig:
    """The network without the parts of its conditions that nobody asked to tell it of other images than those that it was trained on."""
    if model.conditions is None:
        return model
    text = model.text if config.text or model.data.texts else None
    told = replace(model.conditions, hand=model.conditions.hand if config.hands else 0, text=text is not None)
    return replace(model, conditions=told if config.attributes or config.hands or text else None, text=text)


def load_first_weights(config: TrainConfig) -> Mapping[str, Tensor] | None:
    """The first weights, without the parts that are new; None where all is new.

    Raises RunError or CheckpointError, also where the file holds another network than it did.
    """
    source, own = config.first_weights, config.model
    if source is None:
        return _encoder_of_reader(own) or None
    weights = find_weights(source)
    model, schedule = _fit(weights, config.data)
    model = replace(model, one_step=own.one_step, augmented=own.augmented, conditions=own.conditions, text=own.text)
    if (model, schedule) != (own, config.schedule):
        raise CheckpointError(f"{printable(source)} now holds a different network from the one this run was created with; start a new run")
    left_out = [*new_parts(weights.model, model), *unusable_conditions(weights.model.conditions, model.conditions)]
    left_out += [] if model.augmented else ["augment"]
    kept = {name: tensor for name, tensor in weights.tensors.items() if not name.startswith(tuple(f"{part}." for part in left_out))}
    encoder = {} if weights.model.text == model.text else _encoder_of_reader(model)
    return {**kept, **encoder, **_silent_parts(weights.model, model)}


def _fit(weights: ModelWeights, data: DataSpec) -> tuple[ModelConfig, ScheduleConfig]:
    """The network and the noise schedule of these weights for these images, whose attributes are still to be measured if they are others."""
    if weights.model.data.digest == data.digest:
        return replace(weights.model, data=data), weights.schedule
    model, schedule = grow(weights.model, weights.schedule, data)
    if model.conditions is not None:
        hand, text = model.conditions.hand if shows_digits(data) else 0, model.text if shows_digits(data) or data.texts else None
        model = replace(model, conditions=replace(model.conditions, scales=(), variants=(), hand=hand, text=text is not None), text=text)
    return model, schedule


def _encoder_of_reader(model: ModelConfig) -> dict[str, Tensor]:
    """The weights of the text encoder of the reader that ships, by their names in this network, where it knows the same words."""
    reader = shipped_reader() if model.draws and model.text else None
    if reader is None or reader.config != model.text:
        return {}
    return {f"conditioner.text.encoder.{name}": tensor for name, tensor in reader.encoder.state_dict().items()}


def _silent_parts(old: ModelConfig, new: ModelConfig) -> dict[str, Tensor]:
    """Zeros for the last layer of each part of the conditions that is new in a network that was told others: its tokens begin without effect."""
    if old.conditions is None or new.conditions is None:
        return {}
    silent = tuple(f"{part}.{LAST_LAYERS[part]}." for part in unusable_conditions(old.conditions, new.conditions))
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in UNet(new).state_dict().items() if name.startswith(silent)} if silent else {}
    return {name: torch.zeros(shape) for name, shape in shapes.items()}


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
