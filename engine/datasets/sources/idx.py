"""IDX files, the form of MNIST: images in one file, labels in another, perhaps compressed.

Source: http://yann.lecun.com/exdb/mnist/, "The IDX file format": two zero bytes, a type, the number of dimensions, each dimension as a big-endian
32-bit number, and the values in C order.
"""

from __future__ import annotations

import math
import os
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.datasets.sources.arrays import ArraySource, Part, count_names
from engine.datasets.sources.names import fit_name
from engine.datasets.sources.unpacking import ENDINGS, read_unpacked
from engine.errors import SettingError, StorageError
from engine.formatting import printable
from engine.storage.atomic import open_regular

if TYPE_CHECKING:
    import numpy.typing as npt

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4"}
MAPPED = 1 << 24
"""Bytes above which a file is mapped."""
MNIST_FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
"""The names of MNIST's files: images and labels for training, images and labels for testing."""


def parse_idx(raw: bytes | mmap, name: str) -> npt.NDArray[Any]:
    """The array in the content of an IDX file, which it shares. Raises SettingError, which names the file."""
    import numpy as np

    dimensions = raw[3] if len(raw) >= 4 else 0
    start = 4 + 4 * dimensions
    if raw[:2] != b"\0\0" or raw[2] not in TYPES or not 1 <= dimensions <= 4 or len(raw) < start:
        raise SettingError(f"{printable(name)} is not an IDX file of whole numbers")
    shape = [int.from_bytes(raw[at : at + 4], "big") for at in range(4, start, 4)]
    dtype = np.dtype(TYPES[raw[2]])
    expected = math.prod(shape) * dtype.itemsize
    if len(raw) - start != expected:
        raise SettingError(f"{printable(name)} is damaged: it has {len(raw) - start:,} bytes of values, and its header says {expected:,}")
    return np.frombuffer(raw, dtype, offset=start).reshape(shape)


def read_idx(path: Path) -> npt.NDArray[Any]:
    """The array in an IDX file. Raises StorageError where it can't be read, SettingError where it is damaged.

    A large file that is not compressed is mapped, so that its images take no memory of their own.
    """
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > MAPPED and file.read(2) == b"\0\0":
                return parse_idx(mmap(file.fileno(), 0, access=ACCESS_READ), str(path))
    except OSError as error:
        raise StorageError(f"can't read {printable(path)}: {error.strerror or error}") from None
    return parse_idx(read_unpacked(path), str(path))


def is_idx(path: Path) -> bool:
    """Whether a file is named as IDX files are."""
    name = path.name.lower()
    return any(name.endswith(f"-ubyte{ending}") or name.endswith(f".idx{ending}") or "idx3" in name or "idx1" in name for ending in ENDINGS)


def find_mnist_files(folder: Path) -> tuple[Path | None, ...]:
    """MNIST's four files in a folder, in the order of MNIST_FILES; None for those that are not there. Some write a dot for the dash before idx."""
    return tuple(find_file(folder, name) or find_file(folder, name.replace("-idx", ".idx")) for name in MNIST_FILES)


def find_file(folder: Path, name: str) -> Path | None:
    """The file of this name, also compressed."""
    return next((path for ending in ENDINGS if (path := folder / f"{name}{ending}").is_file()), None)


def open_idx_folder(folder: Path) -> ArraySource:
    """The data set in a folder with MNIST's files. Raises SettingError or StorageError."""
    train_images, train_labels, test_images, test_labels = find_mnist_files(folder)
    if train_images is None:
        raise SettingError(f"{printable(folder)} has no file {MNIST_FILES[0]}")
    train = _read_part(train_images, train_labels)
    test = None if test_images is None else _read_part(test_images, test_labels)
    files = tuple(path for path in (train_images, train_labels, test_images, test_labels) if path is not None)
    names = () if train.labels is None else count_names(train, test)
    name = folder.parent.name if folder.name == "raw" else folder.name  # as torchvision has it
    return ArraySource(fit_name(name), str(folder), names, train, test, files)


def open_idx_file(path: Path) -> ArraySource:
    """The data set of one file of images, whose labels lie beside it under the same name. Raises SettingError or StorageError."""
    packed = next((ending for ending in ENDINGS if ending and path.name.endswith(ending)), "")
    plain = path.name.removesuffix(packed)
    labels = plain.replace("images", "labels").replace("image", "label").replace("idx3", "idx1")
    found = None if labels == plain else find_file(path.parent, labels)
    part = _read_part(path, found)
    names = () if part.labels is None else count_names(part)
    warnings = [] if found else [f"there are no labels beside {printable(path.name)}, so the images have no classes"]
    return ArraySource(fit_name(path.name.partition(".")[0]), str(path), names, part, None, (path, found) if found else (path,), warnings)


def _read_part(images: Path, labels: Path | None) -> Part:
    part = Part(read_idx(images), None if labels is None else read_idx(labels))
    part.check(printable(images))
    return part
