"""A data set in one .npz file: `images` and perhaps `labels`, `test_images`, `test_labels` and `class_names`. Runs nothing that the file holds."""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.datasets.sources.arrays import ArraySource, Part, count_names
from engine.datasets.sources.names import fit_name, fit_names
from engine.errors import SettingError, StorageError
from engine.formatting import one_line, printable
from engine.storage.atomic import read_small

if TYPE_CHECKING:
    import numpy.typing as npt

LARGEST_FILE = 1 << 30
"""Bytes of a file …"""
LARGEST_ARRAY = 1 << 31
"""… and of each array once it is unpacked."""
BAD_HEADER = (ValueError, TypeError, SyntaxError, tokenize.TokenError, OverflowError, RuntimeError, MemoryError)
"""What numpy raises for an array whose header is damaged: it reads that as Python does, and once more without what Python 2 wrote."""
NAMES = ("images", "labels", "test_images", "test_labels", "class_names")


def open_npz(path: Path) -> ArraySource:
    """Raises SettingError where the file holds no data set, StorageError where it can't be read."""
    path = path.absolute()
    arrays = parse_arrays(path, read_file(path))
    if "images" not in arrays:
        raise SettingError(f"{printable(path)} has no array images; a data set is an .npz file with images and perhaps labels")
    train = Part(arrays["images"], arrays.get("labels"))
    test = Part(arrays["test_images"], arrays.get("test_labels")) if "test_images" in arrays else None
    for part in (train, test):
        if part is not None:
            part.check(printable(path))
    names: tuple[str, ...] = ()
    if train.labels is not None:
        names = fit_names(str(name) for name in arrays["class_names"].ravel()) if "class_names" in arrays else count_names(train, test)
    return ArraySource(fit_name(path.stem), str(path), names, train, test, (path,))


def read_file(path: Path) -> bytes:
    """The content of the file. Raises StorageError."""
    try:
        return read_small(path, LARGEST_FILE)
    except OSError as error:
        raise StorageError(f"can't read {printable(path)}: {error.strerror or error}") from None


def parse_arrays(path: Path, raw: bytes) -> Mapping[str, npt.NDArray[Any]]:
    """The arrays of NAMES in the content of an .npz file. Raises SettingError."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            return {name: _array(archive, members[name]) for name in NAMES if name in members}
    except (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, *BAD_HEADER) as error:
        raise SettingError(f"{printable(path)} is damaged, or not an .npz file of arrays ({one_line(error)})") from None


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    """One array, whose header is trusted only if that many bytes follow. Raises ValueError."""
    import numpy as np

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
