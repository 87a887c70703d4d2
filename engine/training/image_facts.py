"""What a run knows of its images besides their pixels and classes, and the loss that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.compute.precision import Numerics
from engine.config.training import TrainConfig
from engine.data.measured import Measured
from engine.process.distributed import ProcessGroup
from engine.training.conditions import TrainingConditions
from engine.training.contrast import ContrastLoss
from engine.training.rank_captions import RankingLoss
from engine.training.read_captions import ReadingLoss
from engine.training.step_loss import DenoisingStepLoss, StepLoss


@dataclass(frozen=True)
class ImageFacts:
    """None for what a run need not know."""

    measured: Measured | None
    told: TrainingConditions | None
    """What the network is told of the images besides their class."""
    writers: Tensor | None
    """Who wrote each image, (N,)."""


def choose_loss(config: TrainConfig, numerics: Numerics, device: torch.device, group: ProcessGroup, facts: ImageFacts) -> StepLoss | None:
    """The loss of an encoder, or of a network that is told of its images; None: the usual one."""
    if config.model.network == "text":
        return ReadingLoss(config, numerics, device)
    if config.model.network == "tower":
        assert facts.measured is not None
        return RankingLoss(config, numerics, device, facts.measured)
    if facts.told is not None:
        return DenoisingStepLoss(config, numerics, device, group, facts.told)
    return None if facts.writers is None else ContrastLoss(config, numerics, device, facts.writers)
