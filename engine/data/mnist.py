"""MNIST, straight from the archives in the package -> uint8 tensors on the device -> batches. Needs no internet connection and writes no file."""

from __future__ import annotations

import gzip
import hashlib
import zlib

import torch
from torch import Tensor

from engine.config.data import MNIST
from engine.errors import StorageError
from engine.storage import paths

ARCHIVES = paths.ASSETS / "mnist"
MD5 = {  # published, of the unpacked files
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
IMAGES_AT, LABELS_AT = 16, 8
"""Bytes of an idx file's header: a magic number, then each dimension, as big-endian int32."""


def load(train: bool, device: torch.device | None = None, limit: int | None = None) -> tuple[Tensor, Tensor]:
    """Images (N, 28, 28) uint8 and labels (N,) int64 on the device: 47 MB for all 60,000.

    Raises StorageError when the data set in the package is damaged.
    """
    part = "train" if train else "t10k"
    images = _tensor(f"{part}-images-idx3-ubyte", IMAGES_AT).view(-1, *MNIST.pixel_shape)
    labels = _tensor(f"{part}-labels-idx1-ubyte", LABELS_AT).long()
    return images[:limit].to(device), labels[:limit].to(device)


def unpack(name: str) -> bytes:
    """One of the four files of MNIST, with the digest that was published. Raises StorageError where its archive is damaged."""
    archive = ARCHIVES / f"{name}.gz"
    try:
        with gzip.open(archive) as packed:
            raw = packed.read()
    except (EOFError, zlib.error, gzip.BadGzipFile, FileNotFoundError):
        raise StorageError(f"{archive} is damaged or missing; install digitty again") from None
    except OSError as error:
        raise StorageError(f"can't read {archive}: {error.strerror or error}; install digitty again") from None
    if hashlib.md5(raw, usedforsecurity=False).hexdigest() != MD5[name]:
        raise StorageError(f"{archive} does not unpack to MNIST; install digitty again")
    return raw


def _tensor(name: str, header: int) -> Tensor:
    """The bytes behind the header; a bytearray, since torch warns of memory that it may not write."""
    return torch.frombuffer(bytearray(unpack(name)), dtype=torch.uint8, offset=header)
