"""A data set in one .npz file, used as it is: its spec, and its tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.config.data import MOST_CLASSES, DataSpec
from engine.datasets.sources.npz import parse_arrays, read_file
from engine.errors import SettingError
from engine.formatting import printable

CHUNK = 4096
"""Images whose pixels are summed at once."""


def describe(path: Path, name: str | None = None) -> DataSpec:
    """The spec of the file's data set, named after the file by default.

    Raises SettingError where the file holds none, StorageError where it can't be read.
    """
    path = path.absolute()
    raw = read_file(path)
    arrays = parse_arrays(path, raw)
    images, labels = _split(path, arrays, train=True)
    if "class_names" in arrays:
        classes = [str(name) for name in arrays["class_names"].ravel()]
    else:
        classes = [str(label) for label in range(min(int(labels.max()), MOST_CLASSES) + 1)]
    mean, std = _moments(images)
    spec = DataSpec(
        name=name or printable(path.stem, 60),
        height=images.shape[1],
        width=images.shape[2],
        channels=1 if images.ndim == 3 else 3,
        class_names=tuple(classes),
        train_images=len(images),
        mean=mean,
        std=std,
        source=str(path),
        digest=_digest(raw),
    )
    _check(path, spec, arrays)
    return spec


def load(spec: DataSpec, train: bool, device: torch.device | None = None, limit: int | None = None) -> tuple[Tensor, Tensor]:
    """See `registry.load_images`."""
    path = Path(spec.source)
    raw = read_file(path)
    if _digest(raw) != spec.digest:
        raise SettingError(f"{printable(path)} has changed since {spec.name} was first read; restore the old file, or start a new run")
    arrays = parse_arrays(path, raw)
    _check(path, spec, arrays)
    images, labels = _split(path, arrays, train)
    return torch.from_numpy(images[:limit].copy()).to(device), torch.from_numpy(labels[:limit].astype(np.int64)).to(device)


def _digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _split(path: Path, arrays: Mapping[str, npt.NDArray[Any]], train: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The images and labels of one half, as they belong together. Raises SettingError."""
    names = ("images", "labels") if train else ("test_images", "test_labels")
    missing = [name for name in names if name not in arrays]
    if missing:
        raise SettingError(f"{printable(path)} has no array {missing[0]}; a data set is an .npz file with images and labels")
    images, labels = (arrays[name] for name in names)
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3) or not images.size:
        found = f"{images.dtype} {images.shape}"
        raise SettingError(f"{names[0]} of {printable(path)} are {found}; they must be uint8, (N, H, W) for grey or (N, H, W, 3) for colour")
    if labels.dtype.kind not in "ui" or labels.shape != images.shape[:1] or labels.min() < 0:
        raise SettingError(f"{names[1]} of {printable(path)} must give a class number, from 0, for each of the {len(images):,} images")
    return images, labels


def _check(path: Path, spec: DataSpec, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raises SettingError where an image has another shape than the spec says, or a label has no name."""
    for train in (True, False):
        if train or "test_images" in arrays:
            images, labels = _split(path, arrays, train)
            if images.shape[1:] != spec.pixel_shape or (train and len(images) != spec.train_images):
                raise SettingError(f"{printable(path)} holds images of {images.shape}, which {spec.name} does not have")
            if labels.max() >= spec.classes:
                raise SettingError(f"{printable(path)} has a label {labels.max()}, but its {spec.classes} classes are numbered from 0")


def _moments(images: npt.NDArray[Any]) -> tuple[float, float]:
    """Mean and standard deviation of all pixels in [-1, 1]: sums of whole numbers, so exact in whatever order."""
    total = squares = 0
    for first in range(0, len(images), CHUNK):
        pixels = images[first : first + CHUNK].astype(np.int64)
        total, squares = total + int(pixels.sum()), squares + int((pixels * pixels).sum())
    mean = total / images.size
    variance = (squares * images.size - total * total) / images.size**2
    return mean / 127.5 - 1, variance**0.5 / 127.5
