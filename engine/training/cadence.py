"""How often training reads losses, saves, validates, draws previews and checks for commands between steps. Plain Python."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.config.training import TrainConfig

EARLY_PREVIEWS = (1, 20, 50, 100)
"""Steps with a preview before the first regular one, so that there is something to see within seconds."""

SHORT = 50
"""Steps of an epoch below which several epochs are reported together."""
EPOCHS_REPORTED = 100
"""The least number of epochs that a run reports, if it has as many."""
VALIDATION_SHARE = 0.015
"""The share of the training time that validation may take …"""
STEP_COST = 3
"""… where an image of a training step costs as much as this many network evaluations: a forward pass, and a backward pass of twice its cost."""


def is_preview_due(step: int, every: int, total: int) -> bool:
    """Whether a preview is drawn after this step: every `every` steps, at EARLY_PREVIEWS, and at the end of the run; 0 for the end alone."""
    return step > 0 and ((every > 0 and step % every == 0) or (step in EARLY_PREVIEWS and step < every) or step >= total)


def ended_epochs(step: int, config: TrainConfig) -> int:
    """How many epochs end with this step and are reported with it, which is also when the best weights are judged; 0 for none.

    One at a time, but where epochs have only a few steps, as those of small sets do, several of them, of about SHORT steps. A run then reports at
    least EPOCHS_REPORTED times. It follows from the settings alone, so that a resumed run finds the same best weights.
    """
    epoch, rest = divmod(step, config.steps_per_epoch)
    if step <= 0 or rest:
        return 0
    together = max(1, min(math.ceil(SHORT / config.steps_per_epoch), config.total_steps // config.steps_per_epoch // EPOCHS_REPORTED))

    def is_reported(number: int) -> bool:
        is_kept = bool(config.keep_every) and number % (config.keep_every or 1) == 0
        return number % together == 0 or is_kept or number * config.steps_per_epoch >= config.total_steps

    if not is_reported(epoch):
        return 0
    return 1 + next(k for k in range(epoch) if is_reported(epoch - 1 - k))


def is_validation_due(step: int, config: TrainConfig, evaluations: int) -> bool:
    """Whether a run validates after this step, which takes this number of network evaluations.

    It follows from the settings alone, not from the clock, so that a resumed run finds the same best weights. Where there is time for it, an epoch
    is divided evenly and its end is among the steps; else only every few epochs end with it, and a long run itself.
    """
    apart = least_steps_apart(config, evaluations)
    if step <= 0 or apart > config.total_steps:
        return False
    if step >= config.total_steps:
        return True
    epoch, k = divmod(step - 1, config.steps_per_epoch)
    if parts := config.steps_per_epoch // apart:
        return (k + 1) * parts // config.steps_per_epoch > k * parts // config.steps_per_epoch
    return k + 1 == config.steps_per_epoch and (epoch + 1) % math.ceil(apart / config.steps_per_epoch) == 0


def least_steps_apart(config: TrainConfig, evaluations: int) -> int:
    """The fewest steps between two validations that stay within VALIDATION_SHARE."""
    return math.ceil(evaluations / (STEP_COST * VALIDATION_SHARE) * config.steps_per_epoch / config.images)


@dataclass(frozen=True)
class Cadence:
    """The defaults suit a person who watches; tests pass others."""

    read_every: float = 0.1
    """Seconds between boundaries: there the losses are read, which waits for the device, and the ranks of a group agree on what comes next."""
    save_share: float = 0.01
    """The share of the time that saves at the ends of epochs may take; where epochs are so short that it would be more, fewer are saved."""
    wait: float = 0.05
    """Seconds that a paused run sleeps at a time; a drawing in the same process waits as long."""
    clock: Callable[[], float] = time.perf_counter
    """The clock for these seconds, and for those of steps and saves."""
