"""Reads files of torch.save that may come from anywhere: dense tensors and plain data, and nothing else.

With weights_only torch.load runs no code, but it spends the memory and the time that a file claims to need. Here the claims are checked
first: records must lie within the file without overlap, tensors within their storages, and all tensors together must be no larger than the
file. It reads both formats: the archive of torch 1.6 and later, and the stream of pickles before that.
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

from engine.errors import CheckpointError
from engine.formatting import printable
from engine.storage.pickles import REMEDY, Unpickler

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
"""The older format begins with these two pickles."""
LARGEST_DIRECTORY = 2 << 20
"""Bytes of an archive's directory. Parsing makes objects of ten times its size."""
LARGEST_PICKLE = 1 << 20
"""Bytes of the pickle that lists the tensors. The largest that digitty writes has 60,000."""
MOST_VALUES = 20_000
"""A training state of digitty has about three thousand."""
DEEPEST = 32
"""The deepest nesting of lists and dicts."""


def read(path: Path, raw: bytes) -> object:
    """The value that torch.save was given: dicts, lists, tuples, numbers, strings, and tensors on the CPU. Raises CheckpointError."""
    try:
        return (_Archive(raw) if raw[:2] == b"PK" else _Stream(raw)).value()
    except CheckpointError as error:
        raise CheckpointError(f"{path} {error}") from None


@dataclass(eq=False, slots=True)
class Storage:
    """A stretch of numbers in the file, of which tensors are views."""

    dtype: torch.dtype
    numel: int
    data: memoryview | None = None
    values: Tensor | None = None

    def tensor(self) -> Tensor:
        """The numbers in memory of torch; all views share it."""
        if self.values is None:
            assert self.data is not None
            own = torch.empty(len(self.data), dtype=torch.uint8)
            own.numpy()[:] = np.frombuffer(self.data, np.uint8)
            self.values = own.view(self.dtype)
        return self.values


@dataclass(frozen=True, slots=True)
class Claim:
    """A tensor that a pickle describes. It lies within its storage, and has no memory yet. Raises CheckpointError otherwise."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.stride)
        if not all(type(n) is int and 0 <= n < 1 << 62 for n in numbers) or not 0 <= len(self.shape) == len(self.stride) <= 8:
            raise CheckpointError("is damaged: it describes an impossible tensor")
        end = next_stride = 1
        for stride, size in sorted(zip(self.stride, self.shape, strict=True)):
            if size > 1 and stride < next_stride:
                raise CheckpointError("holds an expanded tensor, which claims more numbers than the file contains")
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
    """The part that both formats share: storages by key, and pickles that describe tensors as views of them."""

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}
        self.claimed = 0
        self.values = 0
        self.unpickler = Unpickler(ALLOWED, self._call, self._storage)

    def _storage(self, reference: object) -> Storage:
        """The storage of ('storage', type, key, device, length). The older format adds a view, or None."""
        if not isinstance(reference, tuple) or len(reference) not in (5, 6) or reference[0] != "storage" or reference[5:] not in ((), (None,)):
            raise CheckpointError(f"refers to data in an unknown way; {REMEDY}")
        dtype, key, numel = DTYPES.get(str(reference[1])), reference[2], reference[4]
        if dtype is None or not isinstance(key, str) or type(numel) is not int or not 0 <= numel < 1 << 40:
            raise CheckpointError("is damaged: it refers to impossible data")
        storage = self.storages.setdefault(key, Storage(dtype, numel))
        if (storage.dtype, storage.numel) != (dtype, numel):
            raise CheckpointError("is damaged: it describes the same data in two ways")
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
        raise CheckpointError(f"is damaged: it calls {name} with unknown arguments")

    def fill(self, value: object) -> object:
        """The value with tensors in place of claims; all storages must have their data. Raises CheckpointError."""
        if self.claimed > sum(storage.numel * storage.dtype.itemsize for storage in self.storages.values()):
            raise CheckpointError("holds tensors that share data, which digitty's weights never do")
        return self._fill(value, 0)

    def _fill(self, value: object, depth: int) -> object:
        self.values += 1
        if depth > DEEPEST or self.values > MOST_VALUES:
            raise CheckpointError("holds more values, or deeper nesting, than any weights file does")
        if isinstance(value, Claim):
            return value.tensor()
        if isinstance(value, dict):
            return {key: self._fill(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([self._fill(item, depth + 1) for item in value])
        if value is None or isinstance(value, str | int | float):
            return value
        raise CheckpointError(f"holds something other than tensors and plain values; {REMEDY}")


class _Archive(_File):
    """The format of torch 1.6 and later: an uncompressed zip archive of one pickle and a record for each storage."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.records = _records(raw)

    def value(self) -> object:
        pickled = self.records.get("data.pkl", memoryview(b""))
        if not pickled or len(pickled) > LARGEST_PICKLE:
            raise CheckpointError("was not written by torch.save, or describes more tensors than any weights file holds")
        if bytes(self.records.get("byteorder", sys.byteorder.encode())) != sys.byteorder.encode():
            raise CheckpointError("was written on a machine with a different byte order; save it again on a machine like this one")
        value = self.unpickler.load(io.BytesIO(pickled))
        for key, storage in self.storages.items():
            storage.data = self.records.get(f"data/{key}")
            if storage.data is None or len(storage.data) != storage.numel * storage.dtype.itemsize:
                raise CheckpointError(f"is damaged: the data {printable(key, 20)} of a tensor is missing or has another size")
        return self.fill(value)


class _Stream(_File):
    """The format before torch 1.6: pickles of a magic number, a version, system facts, the value and the storages' keys; then their data."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.raw = raw

    def value(self) -> object:
        pickles = io.BytesIO(self.raw[:LARGEST_PICKLE])
        try:
            matches = (self.unpickler.load(pickles), self.unpickler.load(pickles)) == (MAGIC, PROTOCOL)
        except CheckpointError as error:
            raise CheckpointError(f"was not written by torch.save, or it is truncated: it {error}") from None
        if not matches:
            raise CheckpointError("was not written by torch.save")
        system, value, keys = (self.unpickler.load(pickles) for _ in range(3))
        if not isinstance(system, dict) or system.get("little_endian") is not (sys.byteorder == "little"):
            raise CheckpointError("was written on a machine with a different byte order; save it again on a machine like this one")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(self.storages):
            raise CheckpointError("is damaged: it does not list the data of its tensors")
        at = pickles.tell()
        for key in keys:
            storage = self.storages[key]
            start, at = at + 8, at + 8 + storage.numel * storage.dtype.itemsize
            if at > len(self.raw) or int.from_bytes(self.raw[start - 8 : start], sys.byteorder) != storage.numel:
                raise CheckpointError("is truncated, or its data is damaged")
            storage.data = memoryview(self.raw)[start:at]
        return self.fill(value)


class _Directory(io.BytesIO):
    """A file that refuses to read more than LARGEST_DIRECTORY at once: zipfile would read a directory of any size that the file claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        size = self.getbuffer().nbytes - self.tell() if size is None or size < 0 else size
        if size > LARGEST_DIRECTORY:
            raise CheckpointError("has a larger directory than any weights file")
        return super().read(size)


def _records(raw: bytes) -> Mapping[str, memoryview]:
    """The files in an archive by their paths without its first folder. Checks that all are whole, in time proportional to `raw`."""
    try:
        with zipfile.ZipFile(_Directory(raw)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error, OSError):
        raise CheckpointError("was not written by torch.save, or it is truncated") from None
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or entry.file_size != entry.compress_size for entry in entries):
        raise CheckpointError("is compressed or encrypted, which torch.save never does")
    names = [entry.filename.partition("/")[2] for entry in entries]
    if sum(entry.file_size for entry in entries) > len(raw) or len(set(names)) < len(names):
        raise CheckpointError("is damaged: the records of its archive overlap")
    return {name: _record(raw, entry) for name, entry in zip(names, entries, strict=True)}


def _record(raw: bytes, entry: zipfile.ZipInfo) -> memoryview:
    """The bytes of one record. Raises CheckpointError unless its header and its checksum agree."""
    at = entry.header_offset
    header = raw[at : at + 30] if at >= 0 else b""
    if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
        raise CheckpointError("is damaged: a record of its archive is missing")
    start = at + 30 + sum(struct.unpack("<HH", header[26:30]))
    data = memoryview(raw)[start : start + entry.file_size]
    if len(data) < entry.file_size or zlib.crc32(data) != entry.CRC:
        raise CheckpointError(f"is damaged: the checksum of a record is wrong ({printable(entry.filename, 80)})")
    return data
