"""MNIST, as it ships inside the package -> uint8 tensors on the device -> batches. Knows no network."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import torch
from filelock import FileLock
from torch import Tensor

from engine import paths
from engine.errors import StorageError
from engine.files import write_whole

ARCHIVES = paths.ASSETS / "mnist"
MD5 = {  # of the unpacked files
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def load(train: bool, device: torch.device | None = None, limit: int | None = None) -> tuple[Tensor, Tensor]:
    """Images (N, 28, 28) uint8 and labels (N,) int64 on the device: 47 MB for all 60,000.

    Raises StorageError when the data set can be neither read nor unpacked again.
    """
    from torchvision.datasets import MNIST

    data = MNIST(str(unpacked()), train=train)
    images, labels = data.data[:limit], data.targets[:limit]
    return images.to(device), labels.to(device)


def unpacked() -> Path:
    """The folder that torchvision's MNIST class reads; unpacks or repairs any file whose md5 is wrong."""
    root = paths.cache_dir()
    raw = paths.made(root / "MNIST" / "raw")
    try:
        with FileLock(root / "mnist.lock"):
            for name, md5 in MD5.items():
                if _md5(raw / name) != md5:
                    _unpack(name, raw / name)
    except OSError as error:
        raise StorageError(f"can't unpack MNIST under {root}: {error.strerror or error}; set DIGITTY_HOME to a folder with 60 MB of room") from None
    return root


def _unpack(name: str, target: Path) -> None:
    archive = ARCHIVES / f"{name}.gz"

    def copy(file: BinaryIO) -> None:
        try:
            with gzip.open(archive) as packed:
                shutil.copyfileobj(packed, file, 1 << 20)
        except (EOFError, zlib.error, gzip.BadGzipFile, FileNotFoundError):  # the last two are OSErrors, which write_whole takes for a full disk
            raise StorageError(f"{archive} is damaged; install digitty again") from None

    write_whole(target, copy)
    if _md5(target) != MD5[name]:
        with suppress(OSError):
            target.unlink()
        raise StorageError(f"{archive} does not unpack to MNIST; install digitty again")


def _md5(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except FileNotFoundError:
        return None


def order(seed: int, epoch: int, images: int) -> Tensor:
    """The order of an epoch, (images,) int64: a pure function of (seed, epoch), so that a run can go on in its middle."""
    return torch.randperm(images, generator=torch.Generator().manual_seed(mix(seed, epoch, 1)))


def to_x0(images: Tensor) -> Tensor:
    """uint8 (N, 28, 28) -> float32 (N, 1, 28, 28) in [-1, 1]."""
    return images.unsqueeze(1).float() / 127.5 - 1


def mix(*keys: int) -> int:
    """Several numbers into one 63-bit seed (splitmix64, Steele et al. 2014), so that neighbours have nothing in common."""
    state = 0
    for key in keys:
        state = (state ^ key) + 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        state = (state ^ state >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 31
    return state >> 1
