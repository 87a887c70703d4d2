"""CIFAR-10 and CIFAR-100: their binary files, and the pickles of their Python version, which are read without running them.

Source: https://www.cs.toronto.edu/~kriz/cifar.html. A record of the binary version is one label (CIFAR-100: the coarse, then the fine one), then
1024 bytes of red, of green and of blue, row by row. The Python version has the same in the arrays `data` and the lists `labels`/`fine_labels`.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from engine.datasets.sources.arrays import Part
from engine.errors import CheckpointError, SettingError
from engine.formatting import printable
from engine.storage.pickles import Unpickler

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SIDE = 32
PIXELS = 3 * SIDE * SIDE
LARGEST = 1 << 28
"""Characters of a string in a pickle: CIFAR-100's training images have half of that."""
RECONSTRUCT = frozenset({"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"})
ALLOWED = RECONSTRUCT | {"numpy.ndarray", "numpy.dtype"}


def parse_binary(raw: bytes, name: str, label_bytes: int) -> Part:
    """The images and labels of a binary file, with `label_bytes` labels before each image, of which the last counts. Raises SettingError."""
    import numpy as np

    length = label_bytes + PIXELS
    if not raw or len(raw) % length:
        raise SettingError(f"{printable(name)} is damaged: its {len(raw):,} bytes are not a whole number of images; download it again")
    records = np.frombuffer(raw, np.uint8).reshape(-1, length)
    return Part(_images(records[:, label_bytes:]), records[:, label_bytes - 1])


def parse_pickle(raw: bytes, name: str) -> Part:
    """The images and labels of a pickled file. Raises SettingError."""
    import numpy as np

    values = _unpickle(raw, name)
    data, labels = values.get("data"), values.get("fine_labels", values.get("labels"))
    if not isinstance(data, _Bytes) or not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 100 for label in labels):
        raise SettingError(f"{printable(name)} holds no images of CIFAR; download it again")
    if not labels or len(data.raw) != len(labels) * PIXELS:
        raise SettingError(f"{printable(name)} is damaged: it has {len(labels):,} labels for {len(data.raw):,} bytes of images; download it again")
    return Part(_images(np.frombuffer(data.raw, np.uint8).reshape(-1, PIXELS)), np.array(labels, np.int64))


def parse_names(raw: bytes, name: str) -> tuple[str, ...]:
    """The names of the classes in the pickle `batches.meta` or `meta`. Raises SettingError."""
    values = _unpickle(raw, name)
    names = values.get("fine_label_names", values.get("label_names"))
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise SettingError(f"{printable(name)} holds no names of CIFAR's classes; download it again")
    return tuple(names)


def _images(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(N, 3·32·32) -> (N, 32, 32, 3)"""
    return rows.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)


class _Bytes:
    """An array of bytes in a pickle, without its shape."""

    raw = b""


def _unpickle(raw: bytes, name: str) -> dict[str, Any]:
    """The dict in a pickle of plain data and arrays of bytes. Raises SettingError."""

    def call(function: str, arguments: tuple[Any, ...]) -> object:
        return _Bytes() if function in RECONSTRUCT else arguments

    def build(made: object, state: object) -> None:
        if isinstance(made, _Bytes):
            if not isinstance(state, tuple) or len(state) != 5 or state[2][:1] != ("u1",) or state[3] or not isinstance(state[4], str):
                raise TypeError("an array of something other than bytes")
            made.raw = state[4].encode("latin-1")

    def refuse(_: object) -> object:
        raise TypeError("a reference to something outside the pickle")

    try:
        values = Unpickler(ALLOWED, call, refuse, build, LARGEST).load(io.BytesIO(raw))
    except CheckpointError:
        raise SettingError(f"{printable(name)} is damaged, or not a file of CIFAR; nothing in it was run; download it again") from None
    return values if isinstance(values, dict) else {}
