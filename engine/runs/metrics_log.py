"""The metrics file of a run: a JSON object a line, sealed with its CRC; append-only, read while it grows. Plain Python: no torch, no screen.

{"step":12,"loss":0.0712,"lr":0.001,"rate":8.25,"time":1760000000.5,"crc":"89abcdef"}

A step has loss, lr, rate and time; an epoch has epoch, average, seconds and best; all else has event and time. The event `started` carries the
step that training goes on from: steps and epochs above it that stand before it are void. A damaged line is as if it were not there.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

from engine.errors import StorageError
from engine.formatting import printable
from engine.storage.atomic import open_regular

BLOCK = 1 << 17
"""Bytes read at a time; a longer line is no record."""
_CHECKSUM = len(',"crc":"89abcdef"}')
_BEFORE = 64
"""Bytes before the place read up to that tell whether the file is still the same: the last line's checksum is among them."""
_NUMBER = rb"-?+(?:0|[1-9]\d{0,15}+)(?:\.\d{1,20}+)?+(?:e[-+]?+\d{1,2}+)?+"
_STEP_LINE = re.compile(
    rb'(\{"step":([1-9]\d{0,15}+),"loss":(NUMBER),"lr":NUMBER,"rate":NUMBER,"time":NUMBER),"crc":"([0-9a-f]{8}+)"\}'.replace(b"NUMBER", _NUMBER)
)
"""A step as training logs it, in groups body, step, loss and checksum. `decode` says the same of such a line, and takes four times as long."""


def encode(record: Mapping[str, Any]) -> bytes:
    """A record as its line. Raises ValueError for a number that is not finite."""
    body = json.dumps(record, separators=(",", ":"), allow_nan=False)[:-1].encode()
    return body + _checksum(body) + b"\n"


def decode(line: bytes) -> dict[str, Any] | None:
    """The record of a line, with or without its newline; None where it is damaged, has no `step`, or holds a value of the wrong type."""
    line = line.removesuffix(b"\n")
    body = line[:-_CHECKSUM]
    if line[-_CHECKSUM:] != _checksum(body):
        return None
    try:
        record = json.loads(body + b"}", parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not _whole_number(record.get("step")):
        return None
    return record if all(fits(record[name]) for name, fits in _FIELDS.items() if name in record) else None


def is_step(record: dict[str, Any]) -> bool:
    """Whether a record is that of a step."""
    return "loss" in record


def _whole_number(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _number(value: object) -> bool:
    """Whether it is a finite number that a float can hold; those of JSON have no bound."""
    return math.isfinite(value) if type(value) is float else type(value) is int and abs(value) < 1 << 1023


_FIELDS: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("loss", "lr", "rate", "time", "average", "seconds"), _number),
    "epoch": _whole_number,
    "event": lambda value: isinstance(value, str),
}
"""Fields that readers compute with, and what they may hold."""


def _checksum(body: bytes) -> bytes:
    return b',"crc":"%08x"}' % crc32(body)


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


@dataclass(frozen=True, slots=True)
class Steps:
    """Step lines that stand together; the steps rise."""

    steps: array[int]
    losses: array[float]
    last: dict[str, Any]
    """The last of them as a record."""


class Restarted:
    """The file is not the one that was read so far: what it said is void, and it is read from its start."""


class Follower:
    """Follows a metrics file while it grows. A torn last line waits until it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.behind = False
        """Whether the last reading stopped for its budget, with more to read."""
        self._offset = 0
        self._before = b""
        self._in_long_line = False

    def records(self, budget: float | None = None) -> Iterator[dict[str, Any]]:
        """The records written since the last call, for about `budget` seconds at most; to be read to its end."""
        for block in self._blocks(budget):
            for each in block.split(b"\n") if block else ():
                if (record := decode(each)) is not None:
                    yield record

    def batches(self, budget: float | None = None) -> Iterator[Steps | dict[str, Any] | Restarted]:
        """The same, a million steps in seconds: steps as arrays, other records one by one, in order."""
        for block in self._blocks(budget):
            if block is None:
                yield Restarted()
            else:
                yield from _batches(block)

    def _blocks(self, budget: float | None) -> Iterator[bytes | None]:
        """Whole lines, a block at a time; None where the file is another."""
        start, self.behind = time.perf_counter(), False
        with suppress(OSError), open_regular(self.path) as file:
            if not self._is_same(file):
                self._offset, self._before, self._in_long_line = 0, b"", False
                yield None
            file.seek(self._offset)
            while block := file.read(BLOCK):
                full = len(block) == BLOCK
                end = block.rfind(b"\n") + 1
                if not end and not full:
                    return
                block = block[: end or BLOCK]
                self._offset += len(block)
                self._before = (self._before + block[-_BEFORE:])[-_BEFORE:]
                if end:
                    yield block[block.find(b"\n") + 1 :] if self._in_long_line else block
                self._in_long_line = not end
                if full and budget is not None and time.perf_counter() - start >= budget:
                    self.behind = True
                    return
                file.seek(self._offset)

    def _is_same(self, file: BinaryIO) -> bool:
        file.seek(self._offset - len(self._before))
        return file.read(len(self._before)) == self._before


def _batches(block: bytes) -> Iterator[Steps | dict[str, Any]]:
    """What whole lines say."""
    steps, losses, last = array("q"), array("d"), b""
    for line in block.split(b"\n"):
        if match := _STEP_LINE.fullmatch(line):
            body, step, loss, checksum = match.groups()
            if crc32(body) != int(checksum, 16):
                continue
            if steps and int(step) <= steps[-1]:
                yield Steps(steps, losses, json.loads(last + b"}"))
                steps, losses = array("q"), array("d")
            steps.append(int(step))
            losses.append(float(loss))
            last = body
        elif (record := decode(line)) is not None:
            if steps:
                yield Steps(steps, losses, json.loads(last + b"}"))
                steps, losses = array("q"), array("d")
            yield record
    if steps:
        yield Steps(steps, losses, json.loads(last + b"}"))


def read_backwards(path: Path, holding: bytes = b"", reach: int | None = None) -> Iterator[dict[str, Any]]:
    """The records from the last to the first, of the lines that hold these bytes, as far as `reach` bytes from the end (and a block).

    Yields nothing if there is no file. Raises OSError if it can't be read.
    """
    with suppress(FileNotFoundError):
        for block in _blocks_backwards(path, reach):
            if holding in block:
                for each in reversed(block.split(b"\n")):
                    if holding in each and (record := decode(each)) is not None:
                        yield record


def find_last(path: Path, wanted: Callable[[dict[str, Any]], bool], holding: bytes = b"") -> dict[str, Any] | None:
    """The last record that `wanted` accepts; `holding`, what its line must hold, spares parsing the others. Raises OSError as above."""
    return next(filter(wanted, read_backwards(path, holding)), None)


def cut_torn_tail(path: Path) -> None:
    """A line that a killed writer left half done would spoil the next one: the file is cut after its last newline."""
    with suppress(FileNotFoundError), open_regular(path, os.O_RDWR | os.O_NOFOLLOW) as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - BLOCK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                file.truncate(start + newline + 1)
                return
            end = start
        file.truncate(0)


def check_readable(path: Path) -> None:
    """Raises StorageError if the file exists and can't be read: what is in it would be taken for nothing."""
    try:
        open_regular(path).close()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise unreadable_error(path, error) from None


def unreadable_error(path: Path, error: OSError) -> StorageError:
    return StorageError(f"can't read {printable(path)}: {error.strerror or error}; make it readable, and try again")


def _blocks_backwards(path: Path, reach: int | None) -> Iterator[bytes]:
    """The whole lines of a file, a block at a time, the last first."""
    with open_regular(path) as file:
        size = end = file.seek(0, os.SEEK_END)
        rest, torn = b"", True  # what belongs to a line that begins before `end`; whether that line is to be left out
        while end > max(0, size - (size if reach is None else reach)):
            start = max(0, end - BLOCK)
            file.seek(start)
            block = file.read(end - start)
            if torn:
                block = block[: block.rfind(b"\n") + 1]
                torn = not block
            block += rest
            cut = block.find(b"\n") + 1 if start else 0
            yield block[cut:]
            rest, end = block[:cut], start
            if len(rest) > BLOCK:
                rest, torn = b"", True
