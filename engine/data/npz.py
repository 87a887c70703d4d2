"""A data set in one .npz file: `images` and `labels`, perhaps `test_images`, `test_labels` and `class_names`. Runs nothing that the file holds."""

from __future__ import annotations

import hashlib
import io
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.config.data import MOST_CLASSES, DataSpec
from engine.errors import SettingError, StorageError
from engine.formatting import one_line, printable
from engine.storage.atomic import read_small

LARGEST_FILE = 1 << 30
"""Bytes of a file …"""
LARGEST_ARRAY = 1 << 31
"""… and of each array once it is unpacked."""
NAMES = ("images", "labels", "test_images", "test_labels", "class_names")
CHUNK = 4096
"""Images whose pixels are summed at once."""


def describe(path: Path, name: str | None = None) -> DataSpec:
    """The spec of the file's data set, named after the file by default.

    Raises SettingError where the file holds none, StorageError where it can't be read.
    """
    path = path.absolute()
    raw = _read(path)
    arrays = _arrays(path, raw)
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
    raw = _read(path)
    if _digest(raw) != spec.digest:
        raise SettingError(f"{printable(path)} has changed since {spec.name} was first read; restore the old file, or start a new run")
    arrays = _arrays(path, raw)
    _check(path, spec, arrays)
    images, labels = _split(path, arrays, train)
    return torch.from_numpy(images[:limit].copy()).to(device), torch.from_numpy(labels[:limit].astype(np.int64)).to(device)


def _read(path: Path) -> bytes:
    try:
        return read_small(path, LARGEST_FILE)
    except OSError as error:
        raise StorageError(f"can't read {printable(path)}: {error.strerror or error}") from None


def _digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _arrays(path: Path, raw: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of NAMES that the file has. Raises SettingError."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            return {name: _array(archive, members[name]) for name in NAMES if name in members}
    except (zipfile.BadZipFile, zlib.error, struct.error, OSError, ValueError, TypeError, EOFError, RuntimeError, MemoryError) as error:
        raise SettingError(f"{printable(path)} is damaged, or not an .npz file of arrays ({one_line(error)})") from None


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    """One array, whose header is trusted only if that many bytes follow. Raises ValueError."""
    if info.file_size > LARGEST_ARRAY:
        raise ValueError(f"{info.filename} is larger than {LARGEST_ARRAY >> 30} GiB")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename} is compressed in a way that numpy does not use")
    packed = io.BytesIO(archive.read(info))
    version = np.lib.format.read_magic(packed)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{info.filename} has an unknown version of the .npy format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(packed) if version == (1, 0) else np.lib.format.read_array_header_2_0(packed)
    if dtype.hasobject or dtype.kind not in "uiU":
        raise ValueError(f"{info.filename} holds {dtype}, neither whole numbers nor text")
    rest = packed.read()
    if math.prod(shape) * dtype.itemsize != len(rest):
        raise ValueError(f"{info.filename} is truncated")
    return np.frombuffer(rest, dtype).reshape(shape, order="F" if fortran else "C")


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
