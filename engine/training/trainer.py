"""One optimiser step of eps-prediction, and the state it leaves. Knows no files, no events, no screen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from engine.compute.precision import Numerics
from engine.compute.seeds import derive_seed
from engine.config.model import NO_LABEL
from engine.config.training import TrainConfig
from engine.data.batches import epoch_order, to_x0
from engine.diffusion.loss import DenoisingLoss
from engine.diffusion.schedule import NoiseSchedule
from engine.errors import DivergedError
from engine.models.unet import UNet
from engine.process.distributed import ProcessGroup
from engine.training.ema import EMA
from engine.training.muon import Muon, muon_parameters

UNREAD = 256
"""Losses that may wait on the device before they must be read."""


class Trainer:
    """Minimises the `DenoisingLoss`, which in the seed is E |eps - eps_theta(x_t, t, c)|² (Ho et al. 2020, eq. 14), with Adam or Muon.

    A step never waits for the device: losses stay there until `read`, and a flag there notes the first step whose loss
    or gradient is not finite and keeps that update and all later ones out of weights, optimiser and average.
    The order of the data is a pure function of (seed, epoch), noise and timesteps of (seed, step): any step can be
    resumed exactly. The ranks of a group share each batch and reach the same weights; `train_step` and `read` are for all
    of them at once, and batch, losses and state are those of one process, whatever their number.
    """

    def __init__(
        self, config: TrainConfig, images: Tensor, labels: Tensor, how: Numerics, device: torch.device, group: ProcessGroup | None = None
    ) -> None:
        """images (N, H, W) or (N, H, W, 3) uint8 and labels (N,) int64 on the device, all of them on every rank of the open group."""
        self.config, self.device, self.how = config, device, how
        self.group = group or ProcessGroup()
        self.images, self.labels = images, labels
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.seed, 0, 2))
            self.model = how.place(UNet(config.model), device).train()
        self.ema = EMA(self.model, config.ema)
        orthogonal = muon_parameters(self.model) if config.optimizer == "muon" else []
        self.muon = Muon(orthogonal, how.dtype)
        others = [p for p in self.model.parameters() if not any(p is w for w in orthogonal)]
        self.optimizer = torch.optim.Adam(others, config.lr, fused=True)
        network = self.group.wrap(self.model)
        self.network = torch.compile(network) if config.compile else network
        self.step = 0
        """Optimiser steps done."""
        self.best = math.inf
        """The lowest epoch average."""
        self._objective = DenoisingLoss(
            NoiseSchedule(config.schedule), config.model.prediction, config.timesteps, config.weighting, device, config.data.std
        )
        self._generator = torch.Generator(device)
        self._ranks = torch.full((), float(self.group.size), device=device)
        self._losses = torch.zeros(UNREAD, device=device)
        self._read_up_to = 0
        self._bad = torch.full((), -1, device=device, dtype=torch.long)  # the first step that was not finite
        self._epoch_sum = 0.0
        self._order: tuple[int, Tensor] | None = None

    @property
    def epoch(self) -> int:
        """The epoch under way, from 0."""
        return self.step // self.config.steps_per_epoch

    @property
    def unread(self) -> int:
        """Steps whose loss is still on the device."""
        return self.step - self._read_up_to

    def train_step(self) -> None:
        """One optimiser step, without waiting for the device. At most UNREAD of them between reads."""
        if self.unread >= UNREAD:
            raise RuntimeError("read() the losses first")
        lr = lr_at(self.config, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.model.zero_grad(set_to_none=True)
        loss, minimised = self._forward()
        minimised.backward(self._ranks)  # type: ignore[no-untyped-call]  # the wrapped network divides by it
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip or math.inf)
        keep = self._watch(minimised.detach(), norm)
        step_unless_nonfinite(self.optimizer, keep)
        self.muon.step(lr, keep)
        self.ema.update(self.step, keep)
        self._losses[self.step % UNREAD] = loss.detach()
        self.step += 1

    def read(self) -> list[float]:
        """The losses since the last read; waits for the device. Raises DivergedError where one was not finite."""
        first, self._read_up_to = self._read_up_to, self.step
        slots = torch.arange(first, self.step, device=self.device) % UNREAD
        rows = self.group.gather(torch.cat([self._losses[slots], self._bad[None].float()]))
        *losses, _ = (sum(parts) for parts in zip(*rows, strict=True))
        if rows[0][-1] >= 0:  # the same on every rank, as the gradients are
            at = int(self._bad)  # float32 holds whole numbers up to 2^24 only
            raise DivergedError(
                f"the loss is not finite at step {at + 1}; the last good state is kept. Lower --lr (now {self.config.lr:g}) or use --precision fp32",
                at + 1,
            )
        self._epoch_sum += sum(loss * batch_length(self.config, step) for step, loss in enumerate(losses, first))
        return losses

    def end_epoch(self) -> float:
        """The average loss an image of the epoch that the last step ended, as far as it was read; starts a new sum."""
        average = self._epoch_sum / self.config.images
        self._epoch_sum = 0.0
        self.best = min(self.best, average)
        return average

    def begin_from(self, weights: Mapping[str, Tensor]) -> None:
        """These weights in place of new ones, before the first step."""
        for model in (self.model, self.ema.model):
            model.load_state_dict(weights)

    def weights(self, kind: str) -> Mapping[str, Tensor]:
        """The state dict of the `live` or the `average` weights, which the next step changes: see `LiveWeights`."""
        return (self.model if kind == "live" else self.ema.model).state_dict()

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs, as tensors and plain values. Raises DivergedError rather than give a bad one."""
        self._check()
        return {
            "step": self.step,
            "best": self.best,
            "epoch_sum": self._epoch_sum,
            "model": self.model.state_dict(),
            "ema": self.ema.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "muon": self.muon.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The reverse of `state`. Raises KeyError, TypeError, ValueError or RuntimeError where it does not fit."""
        self.model.load_state_dict(state["model"])
        self.ema.model.load_state_dict(state["ema"])
        restore_moments(self.optimizer, state["optimizer"]["state"] if state["step"] else {})
        self.muon.restore(state.get("muon", {}))
        self.step = self._read_up_to = int(state["step"])
        self.best = float(state["best"])
        self._epoch_sum = float(state["epoch_sum"])

    def _forward(self) -> tuple[Tensor, Tensor]:
        """The loss of the coming step to tell of, and what to minimise: here the same. Scalars on the device, this rank's part."""
        x0, t, label, eps = self._batch()
        x_t = self._objective.add_noise(x0, t, eps).contiguous(memory_format=self.how.format)
        with self.how.autocast(self.device):
            answer = self.network(x_t, t, label)
        loss = self._objective.loss(answer, x0, x_t, t, eps)
        if self.group.size > 1:
            loss = self._part(loss)
        return loss, loss

    def _batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """This rank's share of x0, t, label (dropped where guidance is to learn no label) and eps of the coming step.

        All is drawn for the whole batch, so that it does not depend on who takes what.
        """
        config = self.config
        n = batch_length(config, self.step)
        rng = self._generator.manual_seed(derive_seed(config.seed, self.step, 3))
        eps = torch.randn((n, *config.data.shape), device=self.device, generator=rng)
        t = self._objective.timesteps(n, rng)
        dropped = torch.rand(n, device=self.device, generator=rng) < config.label_dropout
        mine = self.group.shard(n)
        if mine.start == mine.stop:
            mine = slice(0, 1)  # the other ranks wait for a gradient; `_part` gives it no weight
        eps, t, dropped = eps[mine], t[mine], dropped[mine]
        x0, label = self._digits(mine)
        return x0, t, label.masked_fill(dropped, NO_LABEL), eps

    def _digits(self, mine: slice) -> tuple[Tensor, Tensor]:
        """x0 (N, C, H, W) and labels (N,) of a part of the coming step's batch, in the order of the epoch."""
        epoch, k = divmod(self.step, self.config.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, epoch_order(self.config.seed, epoch, self.config.images).to(self.device)
        chosen = self._order[1][k * self.config.batch_size :][mine]
        return to_x0(self.images[chosen]), self.labels[chosen]

    def _part(self, loss: Tensor) -> Tensor:
        """This share's part of the whole batch's mean: they add up to it, and so do their gradients.

        One that is not finite makes every gradient NaN, here and so on all ranks: they give up at the same step.
        """
        n = batch_length(self.config, self.step)
        mine = self.group.shard(n)
        return loss * torch.where(torch.isfinite(loss.detach()), (mine.stop - mine.start) / n, math.nan)

    def _watch(self, loss: Tensor, norm: Tensor) -> Tensor:
        """1 while every step so far was finite, else 0; on the device."""
        good = torch.isfinite(loss) & torch.isfinite(norm)
        self._bad = torch.where((self._bad < 0) & ~good, self.step, self._bad)
        return (self._bad < 0).float()

    def _check(self) -> None:
        if self.unread:
            raise RuntimeError("read() the losses before the state")
        if int(self._bad) >= 0:
            raise DivergedError(f"the loss is not finite at step {int(self._bad) + 1}", int(self._bad) + 1)


def step_unless_nonfinite(optimizer: torch.optim.Adam, keep: Tensor) -> None:
    """A step of fused Adam, unless `keep`, a scalar on the device, is 0: nothing changes where found_inf is 1, the hook that GradScaler uses."""
    optimizer.found_inf = 1 - keep  # type: ignore[attr-defined]
    optimizer.grad_scale = None  # type: ignore[attr-defined]
    optimizer.step()


def restore_moments(optimizer: torch.optim.Adam, given: Mapping[int, Mapping[str, Tensor]]) -> None:
    """Adam's moments in the layout of their weights: fused Adam walks memory, whatever shapes and strides a file may claim."""
    own: dict[int, dict[str, Tensor]] = {}
    for i, p in enumerate(optimizer.param_groups[0]["params"] if given else ()):
        own[i] = {name: torch.empty_like(p).copy_(given[i][name].reshape(p.shape)) for name in ("exp_avg", "exp_avg_sq")}
        own[i]["step"] = torch.tensor(float(given[i]["step"]))
    optimizer.load_state_dict({"state": own, "param_groups": optimizer.state_dict()["param_groups"]})


def batch_length(config: TrainConfig, step: int) -> int:
    """The images of a step (from 0): the last of an epoch takes what is left."""
    return min(config.batch_size, config.images - step % config.steps_per_epoch * config.batch_size)


def lr_at(config: TrainConfig, step: int) -> float:
    """The learning rate of a step (from 0): warm-up, then half a cosine down to 0 at the run's end; or constant."""
    if config.lr_schedule == "constant":
        return config.lr
    warmup = min(config.warmup, config.total_steps // 2)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    done = (step - warmup) / max(1, config.total_steps - warmup)
    return config.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
