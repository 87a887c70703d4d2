"""The metrics file of a run: one JSON object a line, each with its CRC. It is append-only and read while it grows. No torch, no screen.

{"step":12,"loss":0.0712,"lr":0.001,"rate":8.25,"time":1760000000.5,"crc":"89abcdef"}

A step has loss, lr, rate and time; an epoch has epoch, average, seconds and best; a validation has validation, best, seconds, and distance_ratio
and copying where they were measured; any other record has event and time. The event `started`
carries the step from which training continues: later steps and epochs that were logged before it are void. Damaged lines are ignored.
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
"""Bytes read at a time. A longer line is not a record."""
_CHECKSUM_LENGTH = len(',"crc":"89abcdef"}')
_BEFORE = 64
"""Bytes before the current offset that must be unchanged if the file is still the same. The checksum of the last line is among them."""
_NUMBER = rb"-?+(?:0|[1-9]\d{0,15}+)(?:\.\d{1,20}+)?+(?:e[-+]?+\d{1,2}+)?+"
_STEP_LINE = re.compile(
    rb'(\{"step":([1-9]\d{0,15}+),"loss":(NUMBER),"lr":NUMBER,"rate":NUMBER,"time":NUMBER),"crc":"([0-9a-f]{8}+)"\}'.replace(b"NUMBER", _NUMBER)
)
"""A step as training logs it, in groups body, step, loss and checksum. `decode` reads the same from such a line, but takes four times as long."""


def encode(record: Mapping[str, Any]) -> bytes:
    """The line of a record. Raises ValueError for a number that is not finite."""
    body = json.dumps(record, separators=(",", ":"), allow_nan=False)[:-1].encode()
    return body + _checksum_field(body) + b"\n"


def decode(line: bytes) -> dict[str, Any] | None:
    """The record of a line, with or without its newline; None if it is damaged, has no `step`, or has a value of the wrong type."""
    line = line.removesuffix(b"\n")
    body = line[:-_CHECKSUM_LENGTH]
    if line[-_CHECKSUM_LENGTH:] != _checksum_field(body):
        return None
    try:
        record = json.loads(body + b"}", parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not _is_whole_number(record.get("step")):
        return None
    return record if all(fits(record[name]) for name, fits in _FIELDS.items() if name in record) else None


def is_step(record: dict[str, Any]) -> bool:
    """Whether the record is of a step, not of an epoch or an event."""
    return "loss" in record


def _is_whole_number(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _is_number(value: object) -> bool:
    """Whether the value is a finite number that fits a float; numbers in JSON have no limit."""
    return math.isfinite(value) if type(value) is float else type(value) is int and abs(value) < 1 << 1023


_FIELDS: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("loss", "lr", "rate", "time", "average", "seconds", "validation", "distance_ratio"), _is_number),
    "epoch": _is_whole_number,
    "event": lambda value: isinstance(value, str),
}
"""The fields that readers compute with, and a check for each."""


def _checksum_field(body: bytes) -> bytes:
    return b',"crc":"%08x"}' % crc32(body)


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


@dataclass(frozen=True, slots=True)
class Steps:
    """Consecutive step lines, whose steps rise."""

    steps: array[int]
    losses: array[float]
    last: dict[str, Any]
    """The record of the last one."""


class Restarted:
    """The file was replaced or cut: everything read before is void, and reading starts again at its beginning."""


class Follower:
    """Reads a metrics file while it grows. An unfinished last line is read when it is complete."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.behind = False
        """Whether the last call ran out of its budget and left more to read."""
        self._offset = 0
        self._before = b""
        self._in_long_line = False

    def records(self, budget: float | None = None) -> Iterator[dict[str, Any]]:
        """The records written since the last call, read for at most about `budget` seconds. Consume the iterator to its end."""
        for block in self._blocks(budget):
            for line in block.split(b"\n") if block else ():
                if (record := decode(line)) is not None:
                    yield record

    def batches(self, budget: float | None = None) -> Iterator[Steps | dict[str, Any] | Restarted]:
        """The same, fast enough for a million steps: steps as arrays, other records one by one, in order."""
        for block in self._blocks(budget):
            if block is None:
                yield Restarted()
            else:
                yield from _batches(block)

    def _blocks(self, budget: float | None) -> Iterator[bytes | None]:
        """Complete lines, a block at a time; None when the file was replaced or cut."""
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
    """The steps and records of complete lines."""
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
    """The records from the last to the first, of the lines that contain `holding`, up to about `reach` bytes from the end.

    Yields nothing if there is no file. Raises OSError if it can't be read.
    """
    with suppress(FileNotFoundError):
        for block in _blocks_backwards(path, reach):
            if holding in block:
                for line in reversed(block.split(b"\n")):
                    if holding in line and (record := decode(line)) is not None:
                        yield record


def find_last(path: Path, matches: Callable[[dict[str, Any]], bool], holding: bytes = b"") -> dict[str, Any] | None:
    """The last record that `matches` accepts. Lines that don't contain `holding` are not decoded. Raises OSError as above."""
    return next(filter(matches, read_backwards(path, holding)), None)


def cut_torn_tail(path: Path) -> None:
    """Cut the file after its last newline: an unfinished line of a killed writer would spoil the next one. Raises OSError."""
    with suppress(FileNotFoundError), open_regular(path, os.O_RDWR | os.O_NOFOLLOW) as file:
        size = end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - BLOCK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                if start + newline + 1 < size:  # else cutting nothing would still change the file's time, by which runs are sorted
                    file.truncate(start + newline + 1)
                return
            end = start
        if size:
            file.truncate(0)


def check_readable(path: Path) -> None:
    """Raises StorageError if the file exists and can't be read. A reader would otherwise take it for empty."""
    try:
        open_regular(path).close()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise unreadable_error(path, error) from None


def unreadable_error(path: Path, error: OSError) -> StorageError:
    return StorageError(f"can't read {printable(path)}: {error.strerror or error}; make it readable, and try again")


def _blocks_backwards(path: Path, reach: int | None) -> Iterator[bytes]:
    """The complete lines of a file, a block at a time, the last first."""
    with open_regular(path) as file:
        size = end = file.seek(0, os.SEEK_END)
        rest, torn = b"", True  # the part of a line that starts before `end`; whether that line is to be skipped
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
