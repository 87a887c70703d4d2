"""What was worked out of a data set's images and is kept for the next time, as one array.

datasets/measures/<key>.npy      an array as numpy writes it, and a SHA-256 of it
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.datasets import cache
from engine.storage import paths
from engine.storage.atomic import write_atomic

if TYPE_CHECKING:
    import numpy.typing as npt

CHECKSUM = hashlib.sha256().digest_size


def kept_path(key: str) -> Path:
    """Where the array with this key of `cache.key_of` is kept."""
    return cache.datasets_dir() / "measures" / f"{key}.npy"


def read_array(path: Path, shape: tuple[int, ...], dtype: str) -> npt.NDArray[Any] | None:
    """What was kept; None where there is nothing, where it is damaged, or where it has another shape or type."""
    import numpy as np

    try:
        data = path.read_bytes()
        if hashlib.sha256(data[:-CHECKSUM]).digest() != data[-CHECKSUM:]:
            return None
        values: npt.NDArray[Any] = np.load(io.BytesIO(data[:-CHECKSUM]), allow_pickle=False)
    except (OSError, ValueError):
        return None
    return values if values.shape == shape and values.dtype == np.dtype(dtype) else None


def keep_array(path: Path, values: npt.NDArray[Any]) -> None:
    """Raises StorageError."""
    import numpy as np

    paths.ensure_folder(path.parent)
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    data = buffer.getvalue()
    write_atomic(path, lambda file: file.write(data + hashlib.sha256(data).digest()))
