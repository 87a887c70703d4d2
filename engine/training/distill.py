"""Distilling: a student learns to draw in one step what its teacher draws in many, and what can't be told from real digits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from engine.compute.precision import Numerics
from engine.compute.seeds import derive_seed
from engine.config.sampling import ONE_STEP_MOST
from engine.config.training import TrainConfig
from engine.data.batches import to_x0
from engine.diffusion.schedule import NoiseSchedule, per_image
from engine.training.discriminator import LAZY, NOISE, Discriminator, discriminator_loss, generator_loss
from engine.training.teacher_pairs import TeacherPairs
from engine.training.trainer import Trainer, batch_length, restore_moments, step_unless_nonfinite

ADVERSARIAL = 0.6
"""How much the discriminator's opinion counts beside the distance to the teacher."""
JUDGE_LR = 4e-4
FROM_NOISE = 0.75
"""How often what the discriminator sees is drawn from noise alone; else from a real digit, noised to a later one of the `student_timesteps`."""


class Distiller(Trainer):
    """Minimises E |G(z, T-1, c) - teacher(z, c)|² (Luhman & Luhman 2021) + ADVERSARIAL times the discriminator's loss (as Sauer et al. 2023).

    G(x_t, t, c) is the network's guess at x0; z is noise alone. Each step takes a batch of the teacher's pairs, and one that the discriminator
    sees beside real digits of the same labels, those of the epoch in its order: most of it is drawn from fresh noise, and the rest from these
    digits noised to where a student of several steps starts again. The loss told is the distance to the teacher. One process only.
    """

    def __init__(self, config: TrainConfig, images: Tensor, labels: Tensor, how: Numerics, device: torch.device, pairs: TeacherPairs) -> None:
        super().__init__(config, images, labels, how, device)
        self.pairs = pairs
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.seed, 0, 8))
            self.judge = Discriminator(config.data, ONE_STEP_MOST).to(device)
        self.judging = torch.optim.Adam(self.judge.parameters(), JUDGE_LR, betas=(0.0, 0.99), fused=True)
        self._restarts = torch.tensor(NoiseSchedule(config.schedule).student_timesteps(ONE_STEP_MOST), device=device)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "judge": self.judge.state_dict(), "judging": self.judging.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.judge.load_state_dict(state["judge"])
        restore_moments(self.judging, state["judging"]["state"] if state["step"] else {})

    def _forward(self) -> tuple[Tensor, Tensor]:
        rng = self._generator.manual_seed(derive_seed(self.config.seed, self.step, 7))
        real, label = self._digits(slice(0, batch_length(self.config, self.step)))
        x_t, kind = self._starts(real, rng)
        chosen = torch.randint(len(self.pairs), (len(real),), device=self.device, generator=rng)
        noise, of_noise = self.pairs.noise[chosen], self.pairs.labels[chosen]
        t = self._restarts[torch.cat([torch.zeros_like(chosen), kind])]
        x0 = self._guess(torch.cat([noise, x_t]), t, torch.cat([of_noise, label]))
        distance = (x0[: len(noise)] - to_x0(self.pairs.pictures[chosen])).square().mean()
        x0 = x0[len(noise) :]
        real, drawn = self._blurred(real, rng), self._blurred(x0.clamp(-1, 1), rng)
        self._train_judge(real, drawn, label, kind)
        self.judge.requires_grad_(False)  # a gradient through it, and none of its own
        adversarial = generator_loss(self.judge, real, drawn, label, kind)
        self.judge.requires_grad_(True)
        return distance, distance + ADVERSARIAL * adversarial

    def _starts(self, real: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Where the student begins: noise alone, or a real digit noised to a later restart; x_t like real, and which restart, (N,)."""
        n = len(real)
        eps = torch.randn(real.shape, device=self.device, generator=rng)
        kind = torch.randint(1, len(self._restarts), (n,), device=self.device, generator=rng)
        kind = torch.where(torch.rand(n, device=self.device, generator=rng) < FROM_NOISE, 0, kind)
        return torch.where(per_image(kind > 0), self._objective.add_noise(real, self._restarts[kind], eps), eps), kind

    def _guess(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        with self.how.autocast(self.device):
            answer = self.network(x_t.contiguous(memory_format=self.how.format), t, label)
        return self._objective.predict_x0(answer, x_t, t)

    def _blurred(self, x: Tensor, rng: torch.Generator) -> Tensor:
        return x + NOISE * torch.randn(x.shape, device=self.device, generator=rng)

    def _train_judge(self, real: Tensor, drawn: Tensor, label: Tensor, kind: Tensor) -> None:
        """One step of the discriminator, unless a loss was not finite before."""
        self.judge.zero_grad(set_to_none=True)
        loss = discriminator_loss(self.judge, real, drawn, label, kind, penalised=self.step % LAZY == 0)
        loss.backward()  # type: ignore[no-untyped-call]
        step_unless_nonfinite(self.judging, self._watch(loss.detach(), loss.detach()))
