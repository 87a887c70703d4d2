"""The learning rate of each step. Plain Python."""

from __future__ import annotations

import math

from engine.config.training import TrainConfig


def lr_at(config: TrainConfig, step: int) -> float:
    """The learning rate of a step (from 0): warm-up, then half a cosine down to 0 at the end of the run; or constant."""
    if config.lr_schedule == "constant":
        return config.lr
    warmup = min(config.warmup, config.total_steps // 2)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    done = (step - warmup) / max(1, config.total_steps - warmup)
    return config.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
