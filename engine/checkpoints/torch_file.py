"""Reads files of torch.save that may come from anywhere: dense tensors and plain data, and nothing else.

torch.load runs no code with weights_only, but it takes the memory and the time that a file claims. Here the claims are checked first:
records must lie within the file and not overlap in sum, tensors within their storages, and all of them hold no more than the file.
Both formats are known: the archive of torch 1.6 and later, and the stream of pickles that came before.
"""

from __future__ import annotations

import io
import math
import struct
import sys
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.checkpoints.pickles import REMEDY, Unpickler
from engine.errors import CheckpointError
from engine.formatting import printable

DTYPES = {
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.ByteStorage": torch.uint8,
    "torch.CharStorage": torch.int8,
    "torch.ShortStorage": torch.int16,
    "torch.IntStorage": torch.int32,
    "torch.LongStorage": torch.int64,
    "torch.BoolStorage": torch.bool,
}
DICT, SIZE, PARAMETER = "collections.OrderedDict", "torch.Size", "torch._utils._rebuild_parameter"
TENSORS = frozenset({"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"})
ALLOWED = frozenset({*DTYPES, *TENSORS, DICT, SIZE, PARAMETER})
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""What the older format begins with, as two pickles."""
LARGEST_DIRECTORY = 2 << 20
"""Bytes of an archive's directory, which is parsed into objects ten times its size."""
LARGEST_PICKLE = 1 << 20
"""Bytes of the pickle that says which tensors there are; the largest of ours has 60,000."""
MOST_VALUES = 20_000
"""A training state of digitty has some three thousand."""
DEEPEST = 32
"""Of lists within dicts within lists."""


def read(path: Path, raw: bytes) -> object:
    """What torch.save was given: dicts, lists, tuples, numbers, strings and tensors on the CPU. Raises CheckpointError."""
    try:
        return (_Archive(raw) if raw[:2] == b"PK" else _Stream(raw)).value()
    except CheckpointError as error:
        raise CheckpointError(f"{path} {error}") from None


@dataclass(eq=False, slots=True)
class Storage:
    """A run of numbers in the file that tensors are views of."""

    dtype: torch.dtype
    numel: int
    data: memoryview | None = None
    values: Tensor | None = None

    def tensor(self) -> Tensor:
        """The numbers in torch's own memory, once for all views."""
        if self.values is None:
            assert self.data is not None
            held = torch.empty(len(self.data), dtype=torch.uint8)
            held.numpy()[:] = np.frombuffer(self.data, np.uint8)
            self.values = held.view(self.dtype)
        return self.values


@dataclass(frozen=True, slots=True)
class Claim:
    """A tensor that a pickle describes, found to lie within its storage; no memory is taken for it yet."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.stride)
        if not all(type(n) is int and 0 <= n < 1 << 62 for n in numbers) or not 0 <= len(self.shape) == len(self.stride) <= 8:
            raise CheckpointError("is damaged: it describes a tensor that can't be")
        end = next_stride = 1
        for stride, size in sorted(zip(self.stride, self.shape, strict=True)):
            if size > 1 and stride < next_stride:
                raise CheckpointError("holds an expanded tensor, which claims more numbers than are in the file")
            end += (size - 1) * stride if size else 0
            next_stride = max(next_stride, stride * size) if size > 1 else next_stride
        if self.numel and self.offset + end > self.storage.numel:
            raise CheckpointError("is damaged: it describes a tensor that is larger than its data")

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.numel * self.storage.dtype.itemsize

    def tensor(self) -> Tensor:
        if not self.numel:
            return torch.empty(self.shape, dtype=self.storage.dtype)
        return self.storage.tensor().as_strided(self.shape, self.stride, self.offset)


class _File:
    """What both formats share: storages by key, and pickles that describe tensors as views of them."""

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}
        self.claimed = 0
        self.values = 0
        self.unpickler = Unpickler(ALLOWED, self._call, self._storage)

    def _storage(self, reference: object) -> Storage:
        """('storage', its type, its key, its device, its length); the older format adds a view, or None."""
        if not isinstance(reference, tuple) or len(reference) not in (5, 6) or reference[0] != "storage" or reference[5:] not in ((), (None,)):
            raise CheckpointError(f"refers to data in a way that is not known; {REMEDY}")
        dtype, key, numel = DTYPES.get(str(reference[1])), reference[2], reference[4]
        if dtype is None or not isinstance(key, str) or type(numel) is not int or not 0 <= numel < 1 << 40:
            raise CheckpointError("is damaged: it refers to data that can't be")
        storage = self.storages.setdefault(key, Storage(dtype, numel))
        if (storage.dtype, storage.numel) != (dtype, numel):
            raise CheckpointError("is damaged: it describes the same data twice, differently")
        return storage

    def _call(self, name: str, arguments: tuple[Any, ...]) -> object:
        if name == DICT and not arguments:
            return {}
        if name == SIZE and len(arguments) == 1 and isinstance(arguments[0], tuple | list):
            return tuple(arguments[0])
        if name == PARAMETER and arguments and isinstance(arguments[0], Claim):
            return arguments[0]
        if name in TENSORS and len(arguments) >= 4 and isinstance(arguments[0], Storage):
            storage, offset, shape, stride = arguments[:4]
            if isinstance(shape, tuple) and isinstance(stride, tuple):
                claim = Claim(storage, offset, shape, stride)
                self.claimed += claim.size
                return claim
        raise CheckpointError(f"is damaged: it calls {name} with something else than that takes")

    def filled(self, value: object) -> object:
        """The value with tensors for claims, once all storages have their data."""
        if self.claimed > sum(storage.numel * storage.dtype.itemsize for storage in self.storages.values()):
            raise CheckpointError("holds tensors that share their data, which weights of digitty never do")
        return self._filled(value, 0)

    def _filled(self, value: object, depth: int) -> object:
        self.values += 1
        if depth > DEEPEST or self.values > MOST_VALUES:
            raise CheckpointError("holds more values than any weights do, or deeper nested ones")
        if isinstance(value, Claim):
            return value.tensor()
        if isinstance(value, dict):
            return {key: self._filled(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([self._filled(item, depth + 1) for item in value])
        if value is None or isinstance(value, str | int | float):
            return value
        raise CheckpointError(f"holds something other than tensors and plain values; {REMEDY}")


class _Archive(_File):
    """The format of torch 1.6 and later: a zip archive, nothing in it compressed, with a pickle and a record a storage."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.records = _records(raw)

    def value(self) -> object:
        pickled = self.records.get("data.pkl", memoryview(b""))
        if not pickled or len(pickled) > LARGEST_PICKLE:
            raise CheckpointError("is not a file of torch.save, or describes more tensors than any weights have")
        if bytes(self.records.get("byteorder", sys.byteorder.encode())) != sys.byteorder.encode():
            raise CheckpointError("was written on a machine of another byte order; save it again on one like this")
        value = self.unpickler.load(io.BytesIO(pickled))
        for key, storage in self.storages.items():
            storage.data = self.records.get(f"data/{key}")
            if storage.data is None or len(storage.data) != storage.numel * storage.dtype.itemsize:
                raise CheckpointError(f"is damaged: the data {printable(key, 20)} of a tensor are missing or of another size")
        return self.filled(value)


class _Stream(_File):
    """The format before torch 1.6: a magic number, a version, facts of the system, the value, and the storages' keys as pickles; then their data."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.raw = raw

    def value(self) -> object:
        pickles = io.BytesIO(self.raw[:LARGEST_PICKLE])
        try:
            known = (self.unpickler.load(pickles), self.unpickler.load(pickles)) == (MAGIC, PROTOCOL)
        except CheckpointError as error:
            raise CheckpointError(f"is not a file of torch.save, or it is truncated: it {error}") from None
        if not known:
            raise CheckpointError("is not a file of torch.save")
        system, value, keys = (self.unpickler.load(pickles) for _ in range(3))
        if not isinstance(system, dict) or system.get("little_endian") is not (sys.byteorder == "little"):
            raise CheckpointError("was written on a machine of another byte order; save it again on one like this")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(self.storages):
            raise CheckpointError("is damaged: the data of its tensors are not listed")
        at = pickles.tell()
        for key in keys:
            storage = self.storages[key]
            start, at = at + 8, at + 8 + storage.numel * storage.dtype.itemsize
            if at > len(self.raw) or int.from_bytes(self.raw[start - 8 : start], sys.byteorder) != storage.numel:
                raise CheckpointError("is truncated, or its data are damaged")
            storage.data = memoryview(self.raw)[start:at]
        return self.filled(value)


class _Directory(io.BytesIO):
    """An archive whose directory is read only where it is of a sensible size: zipfile reads it at once, whatever size it claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        size = self.getbuffer().nbytes - self.tell() if size is None or size < 0 else size
        if size > LARGEST_DIRECTORY:
            raise CheckpointError("has a larger directory than any archive of weights")
        return super().read(size)


def _records(raw: bytes) -> Mapping[str, memoryview]:
    """The files in an archive, without its own name before them. Checks that all are whole, which costs time in proportion to `raw`."""
    try:
        with zipfile.ZipFile(_Directory(raw)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error, OSError):
        raise CheckpointError("is not a file of torch.save, or it is truncated") from None
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or entry.file_size != entry.compress_size for entry in entries):
        raise CheckpointError("is compressed or encrypted, which torch.save never does")
    names = [entry.filename.partition("/")[2] for entry in entries]
    if sum(entry.file_size for entry in entries) > len(raw) or len(set(names)) < len(names):
        raise CheckpointError("is damaged: the records of its archive overlap")
    return {name: _record(raw, entry) for name, entry in zip(names, entries, strict=True)}


def _record(raw: bytes, entry: zipfile.ZipInfo) -> memoryview:
    """The bytes of one record, where its own header and its checksum agree."""
    at = entry.header_offset
    header = raw[at : at + 30] if at >= 0 else b""
    if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
        raise CheckpointError("is damaged: a record of its archive is missing")
    start = at + 30 + sum(struct.unpack("<HH", header[26:30]))
    data = memoryview(raw)[start : start + entry.file_size]
    if len(data) < entry.file_size or zlib.crc32(data) != entry.CRC:
        raise CheckpointError(f"is damaged: the checksum of a record is wrong ({printable(entry.filename, 80)})")
    return data
