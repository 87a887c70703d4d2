"""The folder of prepared data sets: what lies in it, and how to find, check and remove it.

datasets/images/<digest>-<test digest>/   data.json: the spec, and the size and time of each file
                                          images.npy, labels.npy, names.jsonl, texts.jsonl, and the same for test_: see writing.py
         records/<key>.json               what came of a source and options: the spec, the findings, and the folder of the images
         locks/<key>.lock                 held while a process prepares that source with those options

A folder appears by a rename once all in it is complete. Names of unfinished ones begin with a dot. Everything can be made again from its source.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config.data import DataSpec
from engine.config.serialize import from_dict, to_dict
from engine.datasets.findings import Findings
from engine.datasets.lock import PrepareLock
from engine.datasets.writing import HEADER, npy_header
from engine.errors import InputError
from engine.storage import paths
from engine.storage.atomic import read_checksummed, remove_tree, write_checksummed

VERSION = 1
LARGEST_JSON = 1 << 25
"""Bytes of data.json and of a record: ten thousand classes have a name each."""
DATA = "data.json"
UNFINISHED = "."
"""How the names of unfinished and removed folders begin."""
UNFINISHED_KEY, REMOVED = f"{UNFINISHED}unfinished-", f"{UNFINISHED}removed-"


def datasets_dir() -> Path:
    return paths.cache_dir() / "datasets"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A complete folder of images."""

    folder: Path
    spec: DataSpec
    """As it was when the images were made; other sources may have come to the same images since."""
    files: dict[str, list[int]]
    """The size and the time, in nanoseconds, of each file."""

    def has(self, name: str) -> bool:
        return name in self.files

    def images_shape(self, train: bool) -> tuple[int, ...]:
        """(N, H, W) or (N, H, W, 3)."""
        count = self.spec.train_images if train else self.spec.test_images or 0
        return (count, *self.spec.pixel_shape)

    def path(self, name: str, train: bool = True) -> Path:
        return self.folder / (name if train else f"test_{name}")

    def bytes(self) -> int:
        return sum(size for size, _ in self.files.values())

    def last_used(self) -> float:
        """Seconds since the epoch."""
        try:
            return (self.folder / DATA).stat().st_mtime
        except OSError:
            return 0.0

    def touch(self) -> None:
        """Notes that the images are used now."""
        with suppress(OSError):
            os.utime(self.folder / DATA)

    def names(self, train: bool = True) -> list[str]:
        """The name of each picture in its source; empty where pictures have none. Raises OSError and ValueError for damaged files."""
        if not self.has("names.jsonl"):
            return []
        with open(self.path("names.jsonl", train), encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def texts(self, train: bool = True) -> list[str | None]:
        """The text of each picture; empty where none has one. Raises OSError and ValueError for damaged files."""
        if not self.has("texts.jsonl"):
            return []
        with open(self.path("texts.jsonl", train), encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]


@dataclass(frozen=True, slots=True)
class Record:
    """What came of a source and options."""

    spec: DataSpec
    findings: Findings
    folder: str
    """The name of the folder of images."""


def find_images(digest: str, test_images: int | None = None, texts: str | None = None) -> Prepared | None:
    """The images with this digest, and with as many test images and these texts if that is said.

    None where there are none, or where a file is missing or damaged.
    """
    for folder in sorted(_folders(f"{_hex(digest)}-")):
        prepared = read_folder(folder)
        if prepared and prepared.spec.digest == digest and test_images in (None, prepared.spec.test_images) and texts in (None, prepared.spec.texts):
            return prepared
    return None


def read_folder(folder: Path) -> Prepared | None:
    """A folder of images; None if it is incomplete or damaged. A file whose size and time are those of when it was written counts as undamaged."""
    try:
        values = read_checksummed(folder / DATA, LARGEST_JSON)
        prepared = Prepared(folder, from_dict(DataSpec, values["spec"]), values["files"])
        if values["version"] != VERSION:
            return None
        touched = False
        for name, (size, changed) in prepared.files.items():
            status = os.stat(folder / name)
            if status.st_size != size:
                return None
            touched = touched or status.st_mtime_ns != changed
        if touched and not _matches_digest(prepared):
            return None
        return prepared
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None


def complete_folder(folder: Path, spec: DataSpec) -> None:
    """Writes the file that makes a folder of images complete. Raises StorageError."""
    files = {path.name: [path.stat().st_size, path.stat().st_mtime_ns] for path in sorted(folder.iterdir())}
    write_checksummed(folder / DATA, {"version": VERSION, "created": time.time(), "spec": to_dict(spec), "files": files})


def folder_name(digest: str, test_digest: str, texts: str | None = None) -> str:
    """The name of the folder of images with these digests of the training and the test part, and of their texts if they have any."""
    return f"{_hex(digest)}-{_hex(test_digest)[:8]}{f'-{_hex(texts)[:8]}' if texts else ''}"


def read_record(key: str) -> tuple[Record, Prepared] | None:
    """What was prepared under a key; None where it is gone, damaged or never was."""
    try:
        values = read_checksummed(_record_path(key), LARGEST_JSON)
        record = Record(from_dict(DataSpec, values["spec"]), Findings.from_dict(values["findings"]), str(values["folder"]))
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None
    prepared = read_folder(datasets_dir() / "images" / Path(record.folder).name)
    return (record, prepared) if prepared and prepared.spec.digest == record.spec.digest else None


def write_record(key: str, record: Record) -> None:
    """Raises StorageError."""
    paths.ensure_folder(_record_path(key).parent)
    values = {"version": VERSION, "spec": to_dict(record.spec), "findings": record.findings.to_dict(), "folder": record.folder}
    write_checksummed(_record_path(key), values)


def key_of(*facts: Any) -> str:
    """A name for a source and options, from all that they depend on."""
    return hashlib.sha256(json.dumps([VERSION, *facts], sort_keys=True).encode()).hexdigest()[:32]


def all_prepared() -> list[Prepared]:
    """All complete data sets, the last used first."""
    found = [prepared for folder in _folders("") if (prepared := read_folder(folder))]
    return sorted(found, key=Prepared.last_used, reverse=True)


def remove(prepared: Prepared) -> None:
    """Frees its room. Raises nothing; processes that have mapped the images keep them until they end."""
    hidden = prepared.folder.with_name(f"{REMOVED}{prepared.folder.name}")
    with suppress(OSError):
        prepared.folder.rename(hidden)  # so that no process finds half of it
    remove_tree(hidden)
    for path in _records():
        with suppress(OSError, ValueError, KeyError):
            if read_checksummed(path, LARGEST_JSON)["folder"] == prepared.folder.name:
                path.unlink()


def remove_judges(spec: DataSpec) -> int:
    """Removes the classifiers that were trained for these images on this machine. Returns how many bytes that frees. Raises nothing."""
    freed = 0
    with suppress(OSError):
        for path in paths.classifiers_dir().glob(f"{spec.images_key}-*"):
            size = path.stat().st_size
            path.unlink()
            freed += size
    return freed


def sweep() -> None:
    """Removes what killed processes left unfinished. Raises StorageError if the folder of locks can't be created."""
    for folder in _folders(UNFINISHED, hidden=True):
        lock = PrepareLock(lock_path(folder.name.removeprefix(UNFINISHED_KEY)))
        try:
            if folder.name.startswith(REMOVED) or lock.acquire():
                remove_tree(folder)
        finally:
            lock.release()


def lock_path(key: str) -> Path:
    return datasets_dir() / "locks" / f"{key}.lock"


def _matches_digest(prepared: Prepared) -> bool:
    """Whether the training images and labels are still those of the digest, which takes a second for a gigabyte."""
    import numpy as np

    shape = prepared.images_shape(train=True)
    digest = hashlib.sha256(str(shape).encode())
    with open(prepared.path("images.npy"), "rb") as file:
        if file.read(HEADER) != npy_header(shape):
            return False
        while block := file.read(1 << 24):
            digest.update(block)
    digest.update(np.load(prepared.path("labels.npy"), allow_pickle=False).astype("<i8").tobytes())
    return prepared.spec.digest == f"sha256:{digest.hexdigest()}"


def _hex(digest: str) -> str:
    """The part of a digest that names a folder; the digest may be any text from a file."""
    name = digest.partition(":")[2][:32]
    return name if name.isalnum() else hashlib.sha256(digest.encode(errors="replace")).hexdigest()[:32]


def _folders(start: str, hidden: bool = False) -> list[Path]:
    """The folders of images whose name begins so: complete ones, or hidden ones."""
    try:
        names = os.listdir(datasets_dir() / "images")
    except OSError:
        return []
    return [datasets_dir() / "images" / name for name in names if name.startswith(start) and name.startswith(UNFINISHED) == hidden]


def _records() -> list[Path]:
    try:
        return [path for path in (datasets_dir() / "records").iterdir() if path.suffix == ".json"]
    except OSError:
        return []


def _record_path(key: str) -> Path:
    return datasets_dir() / "records" / f"{key}.json"
