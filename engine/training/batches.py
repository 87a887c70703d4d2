"""The images of each step, in the order of their epoch. A pure function of the random seed and the step, so that any step can be resumed."""

from __future__ import annotations

from torch import Tensor

from engine.config.training import TrainConfig
from engine.data.batches import epoch_order, to_x0


class EpochBatches:
    """Batches of training images with their labels."""

    def __init__(self, config: TrainConfig, images: Tensor, labels: Tensor) -> None:
        """images (N, H, W) or (N, H, W, 3) uint8 and labels (N,) int64, on the device that trains."""
        self.config, self.images, self.labels = config, images, labels
        self._order: tuple[int, Tensor] | None = None

    def length(self, step: int) -> int:
        """The number of images of a step (from 0): the last of an epoch takes what is left."""
        config = self.config
        return min(config.batch_size, config.images - step % config.steps_per_epoch * config.batch_size)

    def load(self, step: int, part: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """x0 (N, C, H, W) in [-1, 1] and labels (N,) of a part of a step's batch."""
        config = self.config
        epoch, k = divmod(step, config.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, epoch_order(config.seed, epoch, config.images).to(self.images.device)
        batch = self._order[1][k * config.batch_size : (k + 1) * config.batch_size]
        chosen = batch[part]
        return to_x0(self.images[chosen]), self.labels[chosen]
