"""The images of any data set by its DataSpec, wherever they lie. Knows which module reads which source."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.config.data import MNIST, DataSpec
from engine.data import mnist, npz
from engine.errors import SettingError
from engine.formatting import printable


def load_images(spec: DataSpec, train: bool, device: torch.device | None = None, limit: int | None = None) -> tuple[Tensor, Tensor]:
    """Images (N, H, W), or (N, H, W, 3) for colour, uint8 and labels (N,) int64 on the device: the first `limit` of training or test images.

    Raises SettingError where the data set is unknown, has no test images or is not what the spec says, StorageError where it can't be read.
    """
    if spec == MNIST:
        return mnist.load(train, device, limit)
    if spec.source.lower().endswith(".npz"):
        return npz.load(spec, train, device, limit)
    raise SettingError(f"{printable(spec.name)} comes from {printable(spec.source)}, which this version of digitty can't read")
