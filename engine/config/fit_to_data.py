"""Fits a run to its images: a preset is written for MNIST, and this says what of it changes for other images."""

from __future__ import annotations

import math
from dataclasses import replace

from engine.config.data import DataSpec
from engine.config.training import TrainConfig


def fit_to(config: TrainConfig, data: DataSpec, limit: int | None = None, fit_epochs: bool = False) -> TrainConfig:
    """The run on other images, the first `limit` of them. Raises SettingError where it can't train on them.

    `fit_epochs`: with as many epochs as `steps` need, or about as many steps as on the images of `config`, and at least one epoch.
    """
    fitted = replace(config.with_data(data), limit=limit)
    if not fit_epochs:
        return fitted
    epochs = (config.steps or config.epochs * config.steps_per_epoch) / fitted.steps_per_epoch
    return replace(fitted, epochs=max(1, math.ceil(epochs) if config.steps else round(epochs)))
