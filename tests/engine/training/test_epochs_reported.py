"""Epochs of a few steps are reported several at a time; others one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.config.data import MNIST
from engine.config.model import ModelConfig
from engine.config.training import PRESETS, TrainConfig
from engine.training.cadence import EPOCHS_REPORTED, SHORT, ended_epochs


@pytest.mark.parametrize(
    ("images", "batch", "epochs", "steps", "keep"),
    [(126, 128, 3000, None, None), (126, 16, 900, None, 50), (17, 1, 5000, None, None), (126, 128, 30, None, None), (126, 64, 4000, 1001, 7)],
)
def test_each_epoch_is_counted_once(images: int, batch: int, epochs: int, steps: int | None, keep: int | None) -> None:
    data = replace(MNIST, train_images=images)
    config = TrainConfig(model=ModelConfig(data=data), batch_size=batch, epochs=epochs, steps=steps, keep_every=keep)
    ended = {step: count for step in range(config.total_steps + 1) if (count := ended_epochs(step, config))}
    whole = config.total_steps // config.steps_per_epoch
    assert sum(ended.values()) == whole
    last = 0
    for step, count in ended.items():
        assert step == (last + count) * config.steps_per_epoch, "a report covers the epochs since the one before"
        last += count
    assert min(whole, EPOCHS_REPORTED) <= len(ended)
    assert all(count == 1 or (count - 1) * config.steps_per_epoch < SHORT for count in ended.values())
    if keep:
        assert {epoch * config.steps_per_epoch for epoch in range(keep, whole + 1, keep)} <= set(ended)


@pytest.mark.parametrize("preset", ["seed", "quick", "best"])
def test_epochs_of_mnist_are_reported_one_by_one(preset: str) -> None:
    config = PRESETS[preset]  # type: ignore[index]
    assert all(ended_epochs(epoch * config.steps_per_epoch, config) == 1 for epoch in range(1, config.epochs + 1))


def test_the_average_is_that_of_an_image_whatever_the_number_of_epochs() -> None:
    from engine.training.trainer import Trainer

    trainer = Trainer.__new__(Trainer)
    trainer.config, trainer._epoch_sum, trainer.best = TrainConfig(), 3 * 60_000 * 0.5, 1.0
    assert trainer.end_epoch(3) == 0.5
    assert trainer.best == 0.5
