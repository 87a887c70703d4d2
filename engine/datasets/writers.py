"""Who wrote each image: QMNIST's labels, or a file with one number for each. Reads no pictures.

QMNIST (Yadav & Bottou 2019, arXiv 1905.10498) lists MNIST's training images in their order, and its test images before 50,000 others; each row of its
labels holds the class first, and the writer third. No writer is in both.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from engine.datasets.sources.finding import find_in_known, storing_folder
from engine.datasets.sources.idx import parse_idx
from engine.datasets.sources.npz import BAD_HEADER
from engine.datasets.sources.registry import expand, split_name
from engine.datasets.sources.unpacking import read_unpacked
from engine.errors import SettingError
from engine.formatting import one_line, printable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]

QMNIST = "qmnist"
TRAIN, TEST = "qmnist-train-labels-idx2-int", "qmnist-test-labels-idx2-int"
CLASS_COLUMN, WRITER_COLUMN, COLUMNS = 0, 2, 8
UNKNOWN = -1
"""Stands for a writer that is not known, or that is kept from training."""
LARGEST = 1 << 28
"""Bytes of such a file."""
COLUMN = "writer"
"""The column of a .csv file that is read, if it has names."""


def read_writers(source: str, labels: Numbers, data_root: Path | None = None, train: bool = True) -> Numbers:
    """The writer of each image whose class is in `labels` (N,), an int64 (N,); UNKNOWN for images that are not to be used.

    `source` is qmnist, perhaps with a colon and the folder of its files, or a file. `train` says which of QMNIST's files is meant.
    Raises SettingError, which says how to bring such a file, and StorageError where it can't be read.
    """
    name, root = split_name(source)
    if name == QMNIST:
        path = _find_qmnist(TRAIN if train else TEST, expand(root) if root else data_root)
        classes, writers = _split_rows(parse_idx(read_unpacked(path, LARGEST), str(path)), path)
    else:
        path = expand(source)
        if not path.is_file():
            raise SettingError(f"no file {printable(source)}; it must hold one writer number for each image, or use --writers qmnist")
        classes, writers = _read_file(path)
    if len(writers) < len(labels):
        raise SettingError(f"{printable(path)} has {len(writers):,} writers, and there are {len(labels):,} images; it needs one for each")
    if classes is not None and (classes[: len(labels)] != labels).any():
        raise SettingError(f"{printable(path)} lists other classes than the images have, so it is of other images; name the right file")
    return check_writers(writers[: len(labels)], str(path))


def full_source(source: str) -> str:
    """A source of writers that means the same in any folder. Raises SettingError for what can't be a path."""
    name, root = split_name(source)
    if name == QMNIST:
        return f"{QMNIST}:{expand(root)}" if root else QMNIST
    return str(expand(source))


def has_qmnist(data_root: str | None) -> bool:
    """Whether QMNIST's labels of the training images are on this machine."""
    return find_in_known(QMNIST, TRAIN, None if data_root is None else Path(data_root).expanduser()) is not None


def check_writers(writers: Numbers, name: str) -> Numbers:
    """The writers with at least two images; UNKNOWN for the others. Raises SettingError where these are fewer than two."""
    import numpy as np

    known, place, counts = np.unique(writers, return_inverse=True, return_counts=True)
    usable = np.where((counts[place] >= 2) & (writers >= 0), writers, UNKNOWN).astype(np.int64)
    if ((known >= 0) & (counts >= 2)).sum() < 2:
        raise SettingError(f"{printable(name)} names fewer than two writers with two images each; there is nothing to tell apart")
    return usable


def _find_qmnist(labels: str, root: Path | None) -> Path:
    """A file of QMNIST's labels. Raises SettingError that says how to bring it."""
    path = find_in_known(QMNIST, labels, root)
    if path is not None:
        return path
    place = storing_folder(QMNIST, root)
    raise SettingError(
        f"who wrote MNIST's digits is in QMNIST's labels, which are not on this machine; put {labels}.gz into {printable(place)} "
        "(torchvision.datasets.QMNIST downloads it), or name its folder with --data-root, or your own file with --writers"
    )


def _read_file(path: Path) -> tuple[Numbers | None, Numbers]:
    """The classes, if the file has them, and the writers."""
    import numpy as np

    raw = read_unpacked(path, LARGEST)
    if raw.startswith(b"\x93NUMPY"):
        try:
            array = np.load(io.BytesIO(raw), allow_pickle=False)
        except (EOFError, OSError, *BAD_HEADER) as error:
            raise SettingError(f"{printable(path)} is damaged ({one_line(error)})") from None
        if array.ndim != 1 or array.dtype.kind not in "iu" or (array.size and int(array.max()) > np.iinfo(np.int64).max):
            raise SettingError(f"{printable(path)} is no list of whole numbers, one for each image")
        return None, array.astype(np.int64)
    if raw.startswith(b"\0\0"):
        return _split_rows(parse_idx(raw, str(path)), path)
    return None, np.array(_parse_text(raw, path), np.int64)


def _split_rows(rows: Numbers, path: Path) -> tuple[Numbers | None, Numbers]:
    """Classes and writers of an IDX file: of QMNIST's rows, or of a plain list of writers."""
    if rows.ndim == 1:
        return None, rows.astype("i8")
    if rows.ndim != 2 or rows.shape[1] != COLUMNS:
        raise SettingError(f"{printable(path)} has rows of another length than QMNIST's labels, whose third number is the writer")
    return rows[:, CLASS_COLUMN].astype("i8"), rows[:, WRITER_COLUMN].astype("i8")


def _parse_text(raw: bytes, path: Path) -> list[int]:
    """A number in each line, or the column "writer" of a table with commas. An empty place is UNKNOWN. Raises SettingError that names the line."""
    try:
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error):
        raise SettingError(f"{printable(path)} is not text, nor an .npy or IDX file") from None
    header = [name.strip().lower() for name in rows[0]] if rows else []
    at, first = (header.index(COLUMN), 1) if COLUMN in header else (0, 0)
    writers = []
    for number, row in enumerate(rows[first:], first + 1):
        if len(row) != (len(header) if first else 1) and row:
            raise SettingError(
                f'line {number} of {printable(path)} has {len(row)} values; name the column of the writers "{COLUMN}" in the first line'
            )
        text = row[at].strip() if row else ""
        try:
            writers.append(int(text) if text else UNKNOWN)
            if not -(2**63) <= writers[-1] < 2**63:
                raise ValueError
        except ValueError:
            raise SettingError(f"line {number} of {printable(path)} has {printable(text, 40)!r}, which is no writer's number") from None
    return writers
