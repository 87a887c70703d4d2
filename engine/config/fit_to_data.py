"""Fits a run to its images: a preset is written for MNIST, and this says what of it changes for other images. docs/model.md has it as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from engine.config.condition import ConditionConfig
from engine.config.data import DataSpec
from engine.config.model import ModelConfig, ScheduleConfig, side_unit
from engine.config.training import TrainConfig

LARGEST_SIDES = ((40, 1), (80, 2), (math.inf, 4))
"""Up to which side images are cut into patches how many times as long as MNIST's, so that the network's levels stay about as small."""
WIDTHS: Mapping[tuple[int, ...], tuple[tuple[int, ...], int]] = {(64, 128): ((96, 192), 6), (96, 192): ((112, 224), 7)}
"""The widths and groups that replace those of a preset where patches are four times as long: each patch then holds much more."""


def side_of(data: DataSpec) -> float:
    """The side of a square with as many pixels."""
    return math.sqrt(data.height * data.width)


def fit_to(config: TrainConfig, data: DataSpec) -> TrainConfig:
    """The run on other images, with a network and a noise schedule that suit their size. Raises SettingError where none does.

    Images of MNIST's size change nothing but `data`.
    """
    model = config.model
    patch = fitted_patch(model, data)
    if patch == 4 * model.usual_patch:
        widths, groups = WIDTHS.get(model.channels, (model.channels, model.groups))
        model = replace(model, channels=widths, groups=groups)
    shift = config.schedule.shift * side_of(data) / side_of(config.data)
    return replace(config, model=_with_patch(model, data, patch), schedule=replace(config.schedule, shift=shift))


def grow(model: ModelConfig, schedule: ScheduleConfig, data: DataSpec) -> tuple[ModelConfig, ScheduleConfig]:
    """A network of the same widths for other images, and its noise schedule. Raises SettingError.

    Between its first and its last convolution it can take over all weights: at the same t, what remains to be seen of an image is the same.
    """
    shift = schedule.shift * side_of(data) / side_of(model.data)
    return _with_patch(model, data, fitted_patch(model, data)), replace(schedule, shift=shift)


def relative_cost(model: ModelConfig, reference: ModelConfig) -> float:
    """About how many times as long a step of training with `model` takes as with `reference`, which has as many levels; and as much memory.

    The trunk's pixels times the square of its width, and a little for long patches in the first and the last convolution. For `best` at 64 and
    128 pixels against 28 it is within a tenth of what benchmarks/resolutions.py measures.
    """
    return _cost(model) / _cost(reference)


def new_parts(old: ModelConfig, new: ModelConfig) -> tuple[str, ...]:
    """The parts of the network that can't take over the weights of the other, by their names in `UNet`."""
    convolutions = ("conv_in", "conv_out") if _numbers(old) != _numbers(new) or old.prediction != new.prediction else ()
    return (*convolutions, *(() if _same_classes(old.data, new.data) else ("label",)))


def unusable_conditions(old: ConditionConfig | None, new: ConditionConfig | None) -> tuple[str, ...]:
    """The modules of what a network is told besides its class that can't take over the weights of the other, by their names in `UNet`."""
    if old is None or new is None:
        return ("conditioner", "cross")
    same = {
        "attributes": [scales.name for scales in old.scales] == [scales.name for scales in new.scales],
        "variants": old.variants == new.variants,
        "hand": old.hand == new.hand,
        "text": old.text == new.text,
    }
    return tuple(f"conditioner.{name}" for name, fits in same.items() if not fits)


def fitted_patch(model: ModelConfig, data: DataSpec) -> int:
    """The side of a patch for images of this size: the longest that they can be cut into, up to what LARGEST_SIDES says."""
    most = next(times for largest, times in LARGEST_SIDES if side_of(data) <= largest)
    usual, levels = model.usual_patch, len(model.channels)
    units = ((times, side_unit(times * usual, levels)) for times in (4, 2, 1) if times <= most)
    return usual * next((times for times, unit in units if data.height % unit == data.width % unit == 0), 1)


def fit_length(config: TrainConfig, written_for: TrainConfig, limit: int | None, fit_epochs: bool) -> TrainConfig:
    """The run on the first `limit` of its images. Raises SettingError where there are fewer.

    `fit_epochs`: with as many epochs as `steps` need; without them, about as many steps as `written_for` takes on its data, but at least one epoch.
    """
    whole, limited = config.steps_per_epoch, replace(config, limit=limit or config.limit)
    if not fit_epochs:
        return limited
    if config.steps:
        return replace(limited, epochs=math.ceil(config.steps / limited.steps_per_epoch))
    return replace(limited, epochs=max(1, round(written_for.epochs * written_for.steps_per_epoch / whole)))


def _with_patch(model: ModelConfig, data: DataSpec, patch: int) -> ModelConfig:
    """The network for these images. It predicts x0 where long patches hold more numbers than there are channels to carry their noise."""
    fitted = replace(model, data=data, patch=patch)
    crowded = fitted.patch is not None and _numbers(fitted) >= fitted.channels[0]
    return replace(fitted, prediction="x0") if crowded else fitted


def _same_classes(one: DataSpec, other: DataSpec) -> bool:
    """Whether their labels mean the same. How the names are written may differ: the same images can be had from several sources."""
    return [name.casefold() for name in one.class_names] == [name.casefold() for name in other.class_names]


def _cost(model: ModelConfig) -> float:
    width = model.channels[0]
    return model.data.height * model.data.width / model.patch_side**2 * width**2 * (1 + 0.1 * _numbers(model) / width)


def _numbers(model: ModelConfig) -> int:
    """The numbers in a patch."""
    return model.data.channels * model.patch_side**2
