"""The loss of one training step: what a Trainer minimises, and the loss that most runs use."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.checkpoints.training_state import TrainingState
from engine.compute.precision import Numerics
from engine.compute.seeds import derive_seed
from engine.config.model import NO_LABEL
from engine.config.training import TrainConfig
from engine.diffusion.guidance import Network
from engine.diffusion.loss import DenoisingLoss
from engine.diffusion.schedule import NoiseSchedule
from engine.models.conditioner import Told
from engine.process.distributed import ProcessGroup
from engine.training.augment import augment, draw_parameters
from engine.training.batches import EpochBatches
from engine.training.conditions import TrainingConditions
from engine.training.finite import FiniteGuard


class StepLoss(Protocol):
    """What a Trainer minimises."""

    def __call__(self, network: Network, step: int, batches: EpochBatches, guard: FiniteGuard) -> tuple[Tensor, Tensor]:
        """The loss of a step (from 0) to report, and the one to minimise: scalars on the device, of this rank's part of the batch."""

    def state(self) -> dict[str, Any]:
        """The fields of a TrainingState that are the loss's own."""

    def restore(self, state: TrainingState) -> None:
        """The reverse of `state`. Raises KeyError, TypeError, ValueError or RuntimeError where it does not fit."""


class DenoisingStepLoss:
    """The DenoisingLoss, with its default settings E |eps - eps_theta(x_t, t, c)|² (Ho et al. 2020, eq. 14). The reported loss is the minimised one.

    Noise and timesteps are a pure function of (random seed, step). They are drawn for the whole batch, so that they do not depend on which rank
    takes which image.
    """

    def __init__(
        self, config: TrainConfig, numerics: Numerics, device: torch.device, group: ProcessGroup, conditions: TrainingConditions | None = None
    ) -> None:
        """`conditions` is what the network is told of the images besides their class."""
        self.config, self.numerics, self.device, self.group, self.conditions = config, numerics, device, group, conditions
        schedule = NoiseSchedule(config.schedule)
        self._objective = DenoisingLoss(schedule, config.model.prediction, config.timesteps, config.weighting, device, config.data.std)
        self._generator = torch.Generator(device)

    def __call__(self, network: Network, step: int, batches: EpochBatches, guard: FiniteGuard) -> tuple[Tensor, Tensor]:
        x0, t, label, eps = self.draw(step, batches)
        more: dict[str, Tensor | Told] = {}
        if self.config.augment:
            n = batches.length(step)
            parameters = draw_parameters(n, self.config.augment, derive_seed(self.config.seed, step, 13))[self._part(n)].to(self.device)
            x0, more = augment(x0, parameters), {"augment": parameters}
        if self.conditions is not None:
            more["told"] = self._tell(self.conditions, step, batches, label)
        x_t = self._objective.add_noise(x0, t, eps).contiguous(memory_format=self.numerics.format)
        with self.numerics.autocast(self.device):
            answer = network(x_t, t, label, **more)
        loss = self._objective.loss(answer, x0, x_t, t, eps)
        if self.group.size > 1:
            loss = self._share_of_mean(loss, batches.length(step))
        return loss, loss

    def draw(self, step: int, batches: EpochBatches) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """This rank's part of x0, t, label and eps of a step. NO_LABEL replaces as many labels as the network must learn to do without."""
        n = batches.length(step)
        rng = self._generator.manual_seed(derive_seed(self.config.seed, step, 3))
        eps = torch.randn((n, *self.config.data.shape), device=self.device, generator=rng)
        t = self._objective.timesteps(n, rng)
        dropped = torch.rand(n, device=self.device, generator=rng) < self.config.label_dropout
        part = self._part(n)
        if self.conditions is None:
            x0, label = batches.load(step, part)
        else:
            chosen, reason = self.conditions.add_rare(step, batches.choose(step))
            x0, label = batches.load_chosen(chosen[part], step, part)
            dropped &= (reason < 0).to(self.device)
        return x0, t[part], label.masked_fill(dropped[part], NO_LABEL), eps[part]

    def _tell(self, conditions: TrainingConditions, step: int, batches: EpochBatches, label: Tensor) -> Told:
        """What the network is told of this rank's part of a batch, whose labels are (N,)."""
        batch = conditions.add_rare(step, batches.choose(step))
        part, has_label = self._part(batches.length(step)), label != NO_LABEL
        with_label, without = (told.select(part).to(self.device) for told in conditions.draw_both(step, *batch))
        return with_label.where(has_label, without)  # chosen on the device, which thus need not be waited for

    def _part(self, n: int) -> slice:
        """This rank's part of a batch of n, but never an empty one: the others wait for a gradient, to which `_share_of_mean` gives no weight."""
        part = self.group.shard(n)
        return part if part.start < part.stop else slice(0, 1)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: TrainingState) -> None:
        pass

    def _share_of_mean(self, loss: Tensor, n: int) -> Tensor:
        """This rank's part of the mean over the whole batch: the parts add up to it, and so do their gradients.

        One that is not finite makes every gradient NaN, on this rank and thereby on all: they give up at the same step.
        """
        part = self.group.shard(n)
        return loss * torch.where(torch.isfinite(loss.detach()), (part.stop - part.start) / n, math.nan)
