"""What held-out images say of a run: the loss on them, and whether drawn pictures copy the training images. Changes nothing of the training."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from engine.compute.seeds import derive_seed
from engine.config.model import NO_LABEL
from engine.config.sampling import SampleConfig
from engine.config.training import TrainConfig
from engine.data.batches import to_x0
from engine.data.copying import DistanceRatio, evenly_spaced, is_copying
from engine.data.registry import load_images
from engine.diffusion.loss import DenoisingLoss
from engine.diffusion.schedule import NoiseSchedule
from engine.errors import SettingError
from engine.protocol.events import Event, Tick
from engine.protocol.validated import Validated
from engine.sampling.batch import draw_into
from engine.sampling.runtime import Runtime
from engine.training.cadence import is_validation_due, least_steps_apart
from engine.training.trainer import Trainer

PAIRS = 512
"""Noisy images of which the loss is the mean. Fewer held-out images are each used several times, with other noise."""
BATCH = 64
"""Images through the network at once."""
SEED = 0
"""Of noise, timesteps and withheld labels: they are the same at every step and for every run, so that only the weights make a difference."""
SMALL = 10_000
"""The largest training set whose runs are checked for copies."""
DRAWN = 64
"""Pictures that are drawn to check for copies …"""
SAMPLE = SampleConfig(sampler="dpmpp", steps=10, guidance=1.0)
"""… and how: fast, and without guidance, which would need twice as many evaluations."""
MOST_HELD_OUT = 1000
"""Held-out images with which drawn pictures are compared."""


def load_held_out(config: TrainConfig) -> tuple[Tensor, Tensor] | None:
    """The held-out images, uint8, and their labels, on the CPU; None where the data set has none. Raises StorageError."""
    if config.data.test_images == 0:
        return None
    try:
        images, labels = load_images(config.data, train=False)
    except SettingError:  # the file holds no test images
        return None
    return (images, labels) if len(images) else None


class HeldOutLoss:
    """The loss that training minimises, on held-out images: the same objective, noise levels and share of withheld labels, and fixed noise.

    Nothing is told besides labels, and `noisy` timesteps count as even ones: so the losses of runs with and without attributes compare.
    """

    def __init__(self, trainer: Trainer, images: Tensor, labels: Tensor) -> None:
        """images (N, H, W) or (N, H, W, 3) uint8 and labels (N,) int64, on the CPU."""
        config = trainer.config
        self.trainer = trainer
        chosen = evenly_spaced(len(images), PAIRS)
        chosen = chosen[torch.arange(PAIRS) % len(chosen)]
        self._images, self._labels = images[chosen], labels[chosen]
        self._objective = _objective(config, trainer.device)
        rng = torch.Generator().manual_seed(derive_seed(SEED, 0, 11))
        self._t = _objective(config, torch.device("cpu")).timesteps(PAIRS, rng)[torch.randperm(PAIRS, generator=rng)]
        self._labels = self._labels.masked_fill(torch.rand(PAIRS, generator=rng) < config.label_dropout, NO_LABEL)

    def measure(self) -> Generator[Event, None, float]:
        """Returns the mean loss of the average weights; yields Ticks."""
        total = 0.0
        for first in range(0, PAIRS, BATCH):
            total += self._loss_of(slice(first, first + BATCH))
            yield Tick()
        return total / (PAIRS // BATCH)

    @torch.no_grad()
    def _loss_of(self, part: slice) -> float:
        trainer, device = self.trainer, self.trainer.device
        x0, t, label = (tensor[part].to(device) for tensor in (self._images, self._t, self._labels))
        x0 = to_x0(x0)
        rng = torch.Generator().manual_seed(derive_seed(SEED, part.start, 12))
        eps = torch.randn(x0.shape, generator=rng).to(device)  # on the CPU, so that it is the same on every device
        x_t = self._objective.add_noise(x0, t, eps).contiguous(memory_format=trainer.numerics.format)
        with trainer.numerics.autocast(device):
            answer = trainer.ema.model(x_t, t, label)
        return float(self._objective.loss(answer, x0, x_t, t, eps))


def _objective(config: TrainConfig, device: torch.device) -> DenoisingLoss:
    """That of training, whose timesteps are drawn from the same distribution unless it is `noisy`, but always evenly spread."""
    timesteps = config.timesteps if config.timesteps == "lognormal" else "stratified"
    return DenoisingLoss(NoiseSchedule(config.schedule), config.model.prediction, timesteps, config.weighting, device, config.data.std)


class CopyCheck:
    """Draws pictures with the average weights, and compares them with training and held-out images."""

    def __init__(self, trainer: Trainer, runtime: Runtime, run: str, held_out: Tensor) -> None:
        self.trainer, self.runtime, self.run = trainer, runtime, run
        batches = trainer.batches
        images = batches.images[: trainer.config.images]
        if trainer.config.flip:
            images = torch.cat([images, images.flip(2)])  # training sees mirrored images too, and may copy them
        self.ratio = DistanceRatio(images, held_out[evenly_spaced(len(held_out), MOST_HELD_OUT)])
        labels = batches.labels[evenly_spaced(trainer.config.images, DRAWN).to(batches.labels.device)].tolist()
        self._labels: Sequence[int | None] = labels if trainer.config.data.classes else [None] * len(labels)

    @property
    def evaluations(self) -> int:
        """Network evaluations that it takes."""
        return len(self._labels) * SAMPLE.steps

    def measure(self) -> Generator[Event, None, float | None]:
        """Returns the distance ratio; yields Ticks and, the first time, Preparing."""
        pipeline = yield from self.runtime.pipeline(self.run)
        drawn = torch.zeros(len(self._labels), *pipeline.data.pixel_shape, dtype=torch.uint8)
        try:
            for _ in draw_into(drawn, pipeline, None, self._labels, range(len(self._labels)), SAMPLE):
                yield Tick()
            return (yield from self.ratio.of(drawn.to(self.ratio.train.device)))
        finally:
            self.trainer.numerics.allow_tf32()  # as training has it; the pipeline may have changed it


class Validation:
    """Both for one run, for its TrainingLoop, at the steps where they are due."""

    def __init__(self, trainer: Trainer, runtime: Runtime, run: str, held_out: tuple[Tensor, Tensor]) -> None:
        self.trainer = trainer
        self.loss = HeldOutLoss(trainer, *held_out)
        check = CopyCheck(trainer, runtime, run, held_out[0]) if trainer.config.images <= SMALL else None
        self.copies = check if check and check.ratio.possible else None
        self.evaluations = PAIRS + (self.copies.evaluations if self.copies else 0)

    def due(self, step: int) -> bool:
        """Whether it is to be measured after this step; the same on every rank."""
        return is_validation_due(step, self.trainer.config, self.evaluations)

    def measure(self) -> Generator[Event, None, Validated]:
        """Returns what the held-out images say now, and notes the lowest loss in the trainer."""
        trainer, start = self.trainer, time.perf_counter()
        loss = yield from self.loss.measure()
        ratio = (yield from self.copies.measure()) if self.copies else None
        best = loss < trainer.best_validation
        trainer.best_validation = min(loss, trainer.best_validation)
        return Validated(trainer.step, loss, best, time.perf_counter() - start, ratio, is_copying(ratio))


def is_too_short(config: TrainConfig) -> bool:
    """Whether the run ends before its first validation would be due, so that held-out images need not be read."""
    return least_steps_apart(config, PAIRS) > config.total_steps
