"""The images of each step, in the order of their epoch. A pure function of the random seed and the step, so that any step can be resumed."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.compute.seeds import derive_seed
from engine.config.training import TrainConfig
from engine.data.batches import balanced_order, epoch_order, to_x0


class EpochBatches:
    """Batches of training images with their labels."""

    def __init__(self, config: TrainConfig, images: Tensor, labels: Tensor, device: torch.device) -> None:
        """images (N, H, W) or (N, H, W, 3) uint8 and labels (N,) int64, on the device that trains or in a CPU's memory, even as a memory map."""
        self.config, self.images, self.device = config, images, device
        self.labels = labels.to(device)
        self._cpu_labels = labels.cpu() if config.balance else None
        self._order: tuple[int, Tensor] | None = None

    def length(self, step: int) -> int:
        """The number of images of a step (from 0): the last of an epoch takes what is left."""
        config = self.config
        return min(config.batch_size, config.images - step % config.steps_per_epoch * config.batch_size)

    def load(self, step: int, part: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """x0 (N, C, H, W) in [-1, 1] and labels (N,) of a part of a step's batch, on the device."""
        return self.load_chosen(self.choose(step)[part], step, part)

    def choose(self, step: int) -> Tensor:
        """The numbers of the images in a step's batch, (N,), where the images lie."""
        config = self.config
        epoch, k = divmod(step, config.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, self._epoch_order(epoch).to(self.images.device)
        return self._order[1][k * config.batch_size : (k + 1) * config.batch_size]

    def load_chosen(self, chosen: Tensor, step: int, part: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """As `load`, for images of these numbers (N,) in place of the part of the batch."""
        x0, labels = self.take(chosen)
        return self._flip(x0, step, part), labels

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """x0 (n, C, H, W) and labels (n,) of the images of these numbers (n,), on the device."""
        x0 = to_x0(self._to_device(self.images[chosen.to(self.images.device)]))
        return x0, self.labels[chosen.to(self.device)]

    def _epoch_order(self, epoch: int) -> Tensor:
        config = self.config
        if self._cpu_labels is None:
            return epoch_order(config.seed, epoch, config.images)
        return balanced_order(config.seed, epoch, self._cpu_labels)

    def _to_device(self, batch: Tensor) -> Tensor:
        """A copy to a GPU goes through pinned memory, so that this process need not wait for it."""
        if batch.device.type == self.device.type:
            return batch
        pinned = batch.pin_memory() if self.device.type == "cuda" else batch
        return pinned.to(self.device, non_blocking=self.device.type == "cuda")

    def _flip(self, x0: Tensor, step: int, part: slice) -> Tensor:
        """Mirrors about half of the images, chosen for the whole batch, so that the choice does not depend on who takes which part."""
        if not self.config.flip:
            return x0
        rng = torch.Generator().manual_seed(derive_seed(self.config.seed, step, 9))
        mirrored = torch.rand(self.length(step), generator=rng)[part] < 0.5
        return torch.where(mirrored.to(self.device).view(-1, 1, 1, 1), x0.flip(-1), x0)
