"""The tensors of a prepared data set. On a CPU they are the cached file itself, mapped into memory, so that the system holds what is used of it."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor

from engine.config.data import DataSpec
from engine.datasets.cache import Prepared
from engine.datasets.writing import HEADER
from engine.errors import SettingError, StorageError
from engine.formatting import printable

SHARE = 0.4
"""The share of the device's free memory that images may take; beyond that each batch is copied from the map."""
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)
"""Keeps Linux from counting a mapped file against the memory that may be promised: its pages are those of the file. Python has the name from 3.13."""


def load(prepared: Prepared, spec: DataSpec, train: bool, device: torch.device | None, limit: int | None, stream: bool) -> tuple[Tensor, Tensor]:
    """See `registry.load_images`. Raises SettingError where the spec says something else than the cache, StorageError where that can't be read."""
    own = prepared.spec
    if (own.shape, own.train_images) != (spec.shape, spec.train_images):
        raise SettingError(f"{printable(spec.name)} has the digest of images of another size or number; its description was changed")
    shape = prepared.images_shape(train)
    if not shape[0]:
        raise SettingError(
            f"{printable(spec.name)} has no test images; prepare it with --hold-out 10%, which keeps a tenth of its images from training"
        )
    try:
        images = map_bytes(prepared.path("images.npy", train), shape)
        labels = torch.from_numpy(np.load(prepared.path("labels.npy", train), allow_pickle=False).astype(np.int64))
    except (OSError, ValueError) as error:
        raise StorageError(f"can't read the prepared images of {printable(spec.name)} in {prepared.folder}: {error}") from None
    if len(labels) != shape[0] or int(labels.max()) >= max(1, spec.classes):
        raise SettingError(f"{printable(spec.name)} has labels outside its {spec.classes} classes")
    prepared.touch()
    images, labels = images[:limit], labels[:limit]
    if device is None or device.type == "cpu" or (stream and images.numel() > SHARE * free_memory(device)):
        return images, labels
    return images.to(device), labels.to(device)


def map_bytes(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The uint8 tensor of this shape in an .npy file, without reading it. Changes to it stay in this process. Raises OSError and ValueError."""
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE | NO_RESERVE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    return torch.frombuffer(mapped, dtype=torch.uint8, offset=HEADER).view(shape)  # which keeps the map; its pages are writable, or torch warns


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the device; on MPS in the machine, whose memory it uses."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
