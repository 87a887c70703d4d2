"""The loss of the writer encoder: codes of digits by one hand attract each other, and those by different hands repel each other."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from engine.checkpoints.training_state import TrainingState
from engine.compute.precision import Numerics
from engine.compute.seeds import derive_seed
from engine.config.training import TrainConfig
from engine.datasets.writers import UNKNOWN
from engine.diffusion.guidance import Network
from engine.training.batches import EpochBatches
from engine.training.finite import FiniteGuard

EACH = 8
"""Digits of each writer in a batch."""
TEMPERATURE = 0.1


class WriterBatches:
    """Batches of EACH digits by each of some writers: a pure function of the random seed and the step, so that any step can be resumed."""

    def __init__(self, config: TrainConfig, writers: Tensor) -> None:
        """writers (N,) int64 on the CPU, one for each training image: at least two who wrote at least two; UNKNOWN for images that are left out."""
        self.config = config
        order = writers.argsort(stable=True)
        _, counts = torch.unique(writers, return_counts=True)
        self._by_writer = [images for images in torch.split(order, counts.tolist()) if writers[images[0]] != UNKNOWN]
        self._writers = min(len(self._by_writer), max(2, config.batch_size // EACH))

    def choose(self, step: int) -> tuple[Tensor, Tensor]:
        """The places of a batch's images and their writers, numbered anew, both (n,) on the CPU. A writer with fewer than EACH gives some twice."""
        rng = torch.Generator().manual_seed(derive_seed(self.config.seed, step, 14))
        chosen = torch.randperm(len(self._by_writer), generator=rng)[: self._writers]
        places = [self._take(self._by_writer[k], rng) for k in chosen.tolist()]
        return torch.cat(places), torch.arange(self._writers).repeat_interleave(EACH)

    def _take(self, images: Tensor, rng: torch.Generator) -> Tensor:
        order = images[torch.randperm(len(images), generator=rng)]
        return order.repeat(math.ceil(EACH / len(order)))[:EACH]


def contrast(codes: Tensor, writers: Tensor, labels: Tensor, places: Tensor) -> Tensor:
    """The supervised contrastive loss L_out (Khosla et al. 2020, eq. 2, arXiv 2004.11362), over pairs of different classes alone.

    codes (n, d) of length 1, writers, labels and places (n,). Two digits of one class are compared nowhere: a hand must show in what its digits
    of different classes share. Where all digits have one class, all pairs count but those of an image with itself. 0 where no writer has a pair.
    """
    similar = codes @ codes.T / TEMPERATURE  # (n, n)
    compared = labels[:, None] != labels if bool((labels != labels[0]).any()) else places[:, None] != places
    positive = compared & (writers[:, None] == writers)
    log_p = similar - similar.masked_fill(~compared, -1e9).logsumexp(1, keepdim=True)
    pairs = positive.sum(1)
    each = -(log_p * positive).sum(1) / pairs.clamp(min=1)  # a row without positives adds nothing
    return each.sum() / (pairs > 0).sum().clamp(min=1)


class ContrastLoss:
    """`contrast` over batches of WriterBatches. The reported loss is the minimised one. One process only."""

    def __init__(self, config: TrainConfig, numerics: Numerics, device: torch.device, writers: Tensor) -> None:
        self.config, self.numerics, self.device = config, numerics, device
        self.batches = WriterBatches(config, writers)

    def __call__(self, network: Network, step: int, batches: EpochBatches, guard: FiniteGuard) -> tuple[Tensor, Tensor]:
        places, writers = self.batches.choose(step)
        x0, labels = batches.take(places)
        with self.numerics.autocast(self.device):
            codes = network(x0.contiguous(memory_format=self.numerics.format), labels)
        loss = contrast(codes.float(), writers.to(self.device), labels, places.to(self.device))
        return loss, loss

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: TrainingState) -> None:
        pass
