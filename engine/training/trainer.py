"""One optimiser step, and the state it leaves. Knows no files, no events, no screen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from engine.checkpoints.training_state import TrainingState
from engine.compute.device import memory_in_use
from engine.compute.precision import Numerics
from engine.compute.seeds import derive_seed
from engine.config.compute import ComputeInfo
from engine.config.training import TrainConfig
from engine.errors import DivergedError
from engine.models.build import build_network
from engine.models.layers import count_parameters
from engine.process.distributed import ProcessGroup
from engine.training.adam import restore_moments, step_unless_nonfinite
from engine.training.batches import EpochBatches
from engine.training.ema import EMA
from engine.training.finite import FiniteGuard
from engine.training.lr_schedule import lr_at
from engine.training.muon import Muon, muon_parameters
from engine.training.step_loss import DenoisingStepLoss, StepLoss

TEXT_ENCODER, TEXT_LR = "conditioner.text.encoder.", 0.2
"""The parameters of a text encoder inside a network that draws, and the share of the learning rate that they are trained with: at all of it, an
encoder comes to say the same of all texts."""
UNREAD = 256
"""Losses that may wait on the device before they must be read."""


class Trainer:
    """Minimises a StepLoss with Adam or Muon.

    A step never waits for the device: losses stay there until `read_losses`, and a FiniteGuard keeps the first update whose loss or gradient is
    not finite, and all later ones, out of weights, optimiser and average.
    Batches and noise are pure functions of the random seed and the step: any step can be resumed exactly. The ranks of a group share each batch
    and reach the same weights; all of them must call `train_step` and `read_losses`. Batch, losses and state are those of one process, whatever
    the number of ranks.
    """

    def __init__(
        self,
        config: TrainConfig,
        images: Tensor,
        labels: Tensor,
        numerics: Numerics,
        device: torch.device,
        group: ProcessGroup | None = None,
        loss: StepLoss | None = None,
    ) -> None:
        """images (N, H, W) or (N, H, W, 3) uint8 and labels (N,) int64, all of them on every rank of the group, which must be joined.

        They lie on the device, or in a CPU's memory where they are too many for it.
        `loss` is by default the DenoisingStepLoss.
        """
        self.config, self.device, self.numerics = config, device, numerics
        self.group = group or ProcessGroup()
        self.batches = EpochBatches(config, images, labels, device)
        self.loss = loss or DenoisingStepLoss(config, numerics, device, self.group)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.seed, 0, 2))
            self.model = numerics.place(build_network(config.model), device).train()
        self.ema = EMA(self.model, config.ema)
        orthogonal = muon_parameters(self.model) if config.optimizer == "muon" else []
        self.muon = Muon(orthogonal, numerics.dtype)
        others = [(name, p) for name, p in self.model.named_parameters() if not any(p is w for w in orthogonal)]
        words = [p for name, p in others if name.startswith(TEXT_ENCODER)]
        groups = [{"params": [p for name, p in others if not name.startswith(TEXT_ENCODER)]}, *([{"params": words}] if words else [])]
        self.optimizer = torch.optim.Adam(groups, config.lr, fused=True)
        network = self.group.wrap(self.model)
        self.network = torch.compile(network) if config.compile else network
        self.guard = FiniteGuard(device)
        self.step = 0
        """Optimiser steps done."""
        self.best = math.inf
        """The lowest epoch average."""
        self.best_validation = math.inf
        """The lowest loss on held-out images."""
        self._ranks = torch.full((), float(self.group.size), device=device)
        self._losses = torch.zeros(UNREAD, device=device)
        self._steps_read = 0
        self._epoch_sum = 0.0

    # --- steps --------------------------------------------------------------------------------------------------------

    @property
    def unread(self) -> int:
        """Steps whose loss is still on the device."""
        return self.step - self._steps_read

    @property
    def must_read(self) -> bool:
        """Whether the losses must be read before the next step."""
        return self.unread >= UNREAD

    def train_step(self) -> None:
        """One optimiser step, without waiting for the device. At most UNREAD of them between two calls of `read_losses`."""
        if self.must_read:
            raise RuntimeError("call read_losses first")
        lr = self.lr_at(self.step)
        for group, share in zip(self.optimizer.param_groups, (1.0, TEXT_LR), strict=False):
            group["lr"] = lr * share
        self.model.zero_grad(set_to_none=True)
        reported, minimised = self.loss(self.network, self.step, self.batches, self.guard)
        minimised.backward(self._ranks)  # type: ignore[no-untyped-call]  # the wrapped network divides by it
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip or math.inf)
        keep = self.guard.check(self.step, minimised.detach(), norm)
        step_unless_nonfinite(self.optimizer, keep)
        self.muon.step(lr, keep)
        self.ema.update(self.step, keep)
        self._losses[self.step % UNREAD] = reported.detach()
        self.step += 1

    def lr_at(self, step: int) -> float:
        """The learning rate of a step (from 0)."""
        return lr_at(self.config, step)

    def read_losses(self) -> list[float]:
        """The losses since the last call; waits for the device. Raises DivergedError where one was not finite."""
        first, self._steps_read = self._steps_read, self.step
        slots = torch.arange(first, self.step, device=self.device) % UNREAD
        rows = self.group.gather(torch.cat([self._losses[slots], self.guard.bad_step[None].float()]))
        *losses, _ = (sum(parts) for parts in zip(*rows, strict=True))
        if rows[0][-1] >= 0:  # the same on every rank, as the gradients are
            at = int(self.guard.bad_step)  # float32 holds whole numbers up to 2^24 only
            raise DivergedError(
                f"the loss is not finite at step {at + 1}; the last good state is kept. Lower --lr (now {self.config.lr:g}) or use --precision fp32",
                at + 1,
            )
        self._epoch_sum += sum(loss * self.batches.length(step) for step, loss in enumerate(losses, first))
        return losses

    def end_epoch(self, epochs: int = 1) -> float:
        """The average loss per image of the epochs that the last step ended, as far as losses were read; starts a new sum."""
        average = self._epoch_sum / (self.config.images * epochs)
        self._epoch_sum = 0.0
        self.best = min(self.best, average)
        return average

    # --- facts --------------------------------------------------------------------------------------------------------

    @property
    def compute_info(self) -> ComputeInfo:
        return self.numerics.describe(self.device)

    @property
    def parameters(self) -> int:
        """The number of the network's parameters."""
        return count_parameters(self.model)

    def memory_in_use(self) -> int:
        """Bytes: on a CUDA device what torch holds, else the resident memory of this process."""
        return memory_in_use(self.device)

    # --- weights and state --------------------------------------------------------------------------------------------

    def begin_from(self, weights: Mapping[str, Tensor]) -> None:
        """Replaces the initial weights, before the first step; parameters that `weights` lack keep theirs."""
        for model in (self.model, self.ema.model):
            model.load_state_dict({**model.state_dict(), **weights})

    def weights(self, kind: str) -> Mapping[str, Tensor]:
        """The state dict of the `live` or the `average` weights, which the next step changes: see `LiveWeights`."""
        return (self.model if kind == "live" else self.ema.model).state_dict()

    def state(self) -> TrainingState:
        """Everything that a resumed run needs. Raises DivergedError rather than return a state that is not finite."""
        if self.unread:
            raise RuntimeError("call read_losses before state")
        if int(self.guard.bad_step) >= 0:
            raise DivergedError(f"the loss is not finite at step {int(self.guard.bad_step) + 1}", int(self.guard.bad_step) + 1)
        own: dict[str, Any] = self.loss.state()
        return TrainingState(
            config=self.config,
            step=self.step,
            best=self.best,
            best_validation=self.best_validation,
            epoch_sum=self._epoch_sum,
            model=self.model.state_dict(),
            ema=self.ema.model.state_dict(),
            optimizer=self.optimizer.state_dict(),
            muon=self.muon.state(),
            **own,
        )

    def restore(self, state: TrainingState) -> None:
        """The reverse of `state`. Raises KeyError, TypeError, ValueError or RuntimeError where it does not fit."""
        self.model.load_state_dict(state.model)
        self.ema.model.load_state_dict(state.ema)
        restore_moments(self.optimizer, state.optimizer["state"] if state.step else {})
        self.muon.restore(state.muon)
        self.loss.restore(state)
        self.step = self._steps_read = state.step
        self.best = float(state.best)
        self.best_validation = float(state.best_validation)
        self._epoch_sum = float(state.epoch_sum)
