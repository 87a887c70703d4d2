"""Distillation: a student learns to draw in one step what its teacher draws in many, and what can't be told from real digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from engine.checkpoints.training_state import TrainingState
from engine.compute.precision import Numerics
from engine.compute.seeds import derive_seed
from engine.config.sampling import ONE_STEP_MOST
from engine.config.training import TrainConfig
from engine.data.batches import to_x0
from engine.diffusion.guidance import Network
from engine.diffusion.loss import DenoisingLoss
from engine.diffusion.schedule import NoiseSchedule, per_image
from engine.models.conditioner import Told
from engine.training.adam import restore_moments, step_unless_nonfinite
from engine.training.batches import EpochBatches
from engine.training.conditions import TrainingConditions
from engine.training.diff_augment import Change, change_images, draw_changes
from engine.training.discriminator import LAZY, NOISE, Discriminator, discriminator_loss, generator_loss
from engine.training.finite import FiniteGuard
from engine.training.teacher_pairs import TeacherPairs

ADVERSARIAL = 0.6
"""The weight of the discriminator's loss beside the distance to the teacher."""
DISCRIMINATOR_LR = 4e-4
FROM_NOISE = 0.75
"""The share of the discriminator's images that the student draws from noise alone; the others start from a real digit with noise."""


class DistillationLoss:
    """E |G(z, T-1, c) - teacher(z, c)|² (Luhman & Luhman 2021) + ADVERSARIAL times the discriminator's loss (as Sauer et al. 2023).

    G(x_t, t, c) is the network's guess at x0; z is noise alone. Each step takes a batch of the teacher's pairs, and one that the discriminator
    sees beside real digits of the same labels, those of the epoch in its order: most of it is drawn from fresh noise, and the rest from these
    digits noised to where a student of several steps starts again. The reported loss is the distance to the teacher. One process only.
    With `augment` the discriminator sees changed images: see diff_augment.

    Where the teacher is told more than labels, so is the student: of its pairs what the teacher was told, and of the digits that it draws for the
    discriminator what is told of the real digits beside them, as in the teacher's training.
    """

    def __init__(
        self, config: TrainConfig, numerics: Numerics, device: torch.device, pairs: TeacherPairs, conditions: TrainingConditions | None = None
    ) -> None:
        self.config, self.numerics, self.device, self.pairs, self.conditions = config, numerics, device, pairs, conditions
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.seed, 0, 8))
            self.discriminator = Discriminator(config.data, ONE_STEP_MOST, config.model.conditions).to(device)
        self.optimizer = torch.optim.Adam(self.discriminator.parameters(), DISCRIMINATOR_LR, betas=(0.0, 0.99), fused=True)
        schedule = NoiseSchedule(config.schedule)
        self._objective = DenoisingLoss(schedule, config.model.prediction, config.timesteps, config.weighting, device, config.data.std)
        self._timesteps = torch.tensor(schedule.student_timesteps(ONE_STEP_MOST), device=device)
        self._generator = torch.Generator(device)

    def __call__(self, network: Network, step: int, batches: EpochBatches, guard: FiniteGuard) -> tuple[Tensor, Tensor]:
        rng = self._generator.manual_seed(derive_seed(self.config.seed, step, 7))
        real, label, told = self._load(step, batches)
        x_t, kind = self.starts(real, rng)
        chosen = torch.randint(len(self.pairs), (len(real),), device=self.device, generator=rng)
        noise, noise_label = self.pairs.noise[chosen], self.pairs.labels[chosen]
        t = self._timesteps[torch.cat([torch.zeros_like(chosen), kind])]
        both = None if told is None or self.pairs.told is None else self.pairs.told.select(chosen).join(told)
        x0 = self._predict_x0(network, torch.cat([noise, x_t]), t, torch.cat([noise_label, label]), both)
        distance = (x0[: len(noise)] - to_x0(self.pairs.pictures[chosen])).square().mean()
        x0 = x0[len(noise) :]
        real_noise, drawn_noise = _pixel_noise(real, rng), _pixel_noise(x0, rng)
        drawn, change = x0.clamp(-1, 1), self._changes(step, real)
        self._train_discriminator(change(real) + real_noise, change(drawn) + drawn_noise, label, kind, told, step, guard)
        self.discriminator.requires_grad_(False)  # the gradient passes through it to the student
        adversarial = generator_loss(self.discriminator, change(real) + real_noise, change(drawn) + drawn_noise, label, kind, told)
        self.discriminator.requires_grad_(True)
        return distance, distance + ADVERSARIAL * adversarial

    def state(self) -> dict[str, Any]:
        return {"discriminator": self.discriminator.state_dict(), "discriminator_optimizer": self.optimizer.state_dict()}

    def restore(self, state: TrainingState) -> None:
        if state.discriminator is None or state.discriminator_optimizer is None:
            raise ValueError("it holds no discriminator")
        self.discriminator.load_state_dict(state.discriminator)
        restore_moments(self.optimizer, state.discriminator_optimizer["state"] if state.step else {})

    def _load(self, step: int, batches: EpochBatches) -> tuple[Tensor, Tensor, Told | None]:
        """The real images of a step, their labels and what is told of them besides, on the device."""
        if self.conditions is None:
            return *batches.load(step), None
        chosen, reason = self.conditions.add_rare(step, batches.choose(step))
        return *batches.load_chosen(chosen, step), self.conditions.draw(step, chosen, reason, labelled=True).to(self.device)

    def starts(self, real: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Where the student begins: noise alone, or a real digit with the noise of a later timestep. x_t like real, and which timestep, (N,)."""
        n = len(real)
        eps = torch.randn(real.shape, device=self.device, generator=rng)
        kind = torch.randint(1, len(self._timesteps), (n,), device=self.device, generator=rng)
        kind = torch.where(torch.rand(n, device=self.device, generator=rng) < FROM_NOISE, 0, kind)
        return torch.where(per_image(kind > 0), self._objective.add_noise(real, self._timesteps[kind], eps), eps), kind

    def _changes(self, step: int, like: Tensor) -> Callable[[Tensor], Tensor]:
        """What changes images like these before the discriminator sees them, each time otherwise: see diff_augment. Depends on seed and step only."""
        probability = self.config.augment
        if not probability:
            return lambda x: x
        n, _, height, width = like.shape
        rng = torch.Generator().manual_seed(derive_seed(self.config.seed, step, 16))

        def change(x: Tensor) -> Tensor:
            drawn = draw_changes(n, height, width, probability, rng)
            return change_images(x, Change(*(value.to(x.device) for value in drawn)))

        return change

    def _predict_x0(self, network: Network, x_t: Tensor, t: Tensor, label: Tensor, told: Told | None) -> Tensor:
        more = {} if told is None else {"told": told}
        with self.numerics.autocast(self.device):
            answer = network(x_t.contiguous(memory_format=self.numerics.format), t, label, **more)
        return self._objective.predict_x0(answer, x_t, t)

    def _train_discriminator(
        self, real: Tensor, drawn: Tensor, label: Tensor, kind: Tensor, told: Told | None, step: int, guard: FiniteGuard
    ) -> None:
        """One step of the discriminator, unless a loss was not finite before."""
        self.discriminator.zero_grad(set_to_none=True)
        loss = discriminator_loss(self.discriminator, real, drawn, label, kind, step % LAZY == 0, told)
        loss.backward()  # type: ignore[no-untyped-call]
        step_unless_nonfinite(self.optimizer, guard.check(step, loss.detach()))


def _pixel_noise(like: Tensor, rng: torch.Generator) -> Tensor:
    """What the discriminator sees added to images like these: see NOISE."""
    return NOISE * torch.randn(like.shape, device=like.device, generator=rng)
