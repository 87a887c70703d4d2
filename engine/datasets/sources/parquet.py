"""Pictures in Parquet files, as Hugging Face's datasets write them: each row has the bytes of a picture's file, and perhaps a class or a text.

Needs pyarrow, which the extra `parquet` installs. Only bytes within the files are read: a row that names another file is a damaged picture.
Pictures are read a few rows at a time, so that large row groups take little memory.
"""

from __future__ import annotations

import posixpath
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.config.data import MOST_CLASSES, MOST_IMAGES
from engine.datasets.sources.arrays import fingerprint
from engine.datasets.sources.container import Listing
from engine.datasets.sources.layout import TESTING, TRAINING
from engine.datasets.sources.metadata import LONGEST_TEXT
from engine.datasets.sources.names import fit_name, fit_names
from engine.datasets.sources.parquet_columns import Columns, find_columns
from engine.datasets.sources.per_process import PerProcess
from engine.datasets.sources.picture import LARGEST_FILE, SUFFIXES, decode
from engine.datasets.sources.source import DamagedPictureError, Entry
from engine.errors import DigittyError, SettingError, StorageError
from engine.formatting import one_line, printable

if TYPE_CHECKING:
    from PIL import Image

SUFFIX = ".parquet"
ROWS, LABEL_ROWS = 16, 1024
"""Pictures, and labels or texts, that are read at once."""
NOT_INSTALLED = "reading Parquet needs pyarrow; install it with: pip install 'digitty[parquet]'"


def tables_of(listing: Listing) -> list[str]:
    """The Parquet files of a folder, if that is what it holds: where there are pictures beside them, those count."""
    names = [name for name in listing.files if name.lower().endswith(SUFFIX)]
    return [] if any(posixpath.splitext(name)[1].lower() in SUFFIXES for name in listing.files) else names


class ParquetSource:
    """See `source.Source`. Raises SettingError where there are no pictures or pyarrow is not installed, StorageError where files can't be read."""

    def __init__(self, path: Path, names: Sequence[str] = (), fingerprint: str = "") -> None:
        """The file at `path`, or the files of these names in the folder there, whose fingerprint is given."""
        self.location = str(path)
        self.name = fit_name(path.name if names else path.stem)
        self.warnings: list[str] = []
        self._fingerprint = fingerprint
        ordered, training = _halves(names)
        self._names = ordered or [path.name]
        self._paths = [path / name for name in ordered] or [path]
        self._starts = array("q", [0])
        """The number of rows before each file, and of all."""
        self._rows = array("q")
        """The row of each picture, counted through all files."""
        self._labels = array("i")
        self._texts: list[str | None] | None = None
        self._training = 0
        self.class_names: tuple[str, ...] = ()
        columns = self._read_columns(training if ordered else 1)
        self._reader = PerProcess(partial(_open_reader, tuple(self._paths), columns.image))

    def fingerprint(self) -> str:
        return self._fingerprint or fingerprint(self._paths)

    def __len__(self) -> int:
        return len(self._rows)

    def entry(self, index: int) -> Entry:
        if not 0 <= index < len(self):
            raise IndexError(index)
        label = self._labels[index]
        return Entry(self._name(index), None if label < 0 else label, self._texts[index] if self._texts else None, index >= self._training)

    def read(self, index: int, least: int = 0) -> Image.Image:
        file, row = self._place(index)
        try:
            with _arrow_errors():
                raw = self._reader.get().read(file, row)
        except (ValueError, OSError) as error:
            raise DamagedPictureError(self._name(index), one_line(error)) from None
        return decode(raw, self._name(index), least)

    def _place(self, index: int) -> tuple[int, int]:
        """The file of a picture, and its row there."""
        row = self._rows[index]
        file = bisect_right(self._starts, row) - 1
        return file, row - self._starts[file]

    def _name(self, index: int) -> str:
        file, row = self._place(index)
        return printable(f"{self._names[file]} row {row}")

    # --- opening ----------------------------------------------------------------------------------------------------------

    def _read_columns(self, training: int) -> Columns:
        """Reads labels and texts of all files, of which the first `training` are trained on. Raises SettingError or StorageError."""
        labels: list[int | str | None] = []
        texts: list[str | None] = []
        first: Columns | None = None
        for path in self._paths:
            where = printable(path)
            try:
                with _arrow_errors(), ExitStack() as stack:
                    file = _open_file(path, stack)
                    columns = find_columns(file.schema_arrow, where)
                    if columns != (first := first or columns):
                        raise SettingError(f"{where} has other columns or classes than {printable(self._paths[0])}; give one of them")
                    for label, text in _labels_and_texts(file, columns):
                        labels.append(label)
                        texts.append(text)
                        if len(labels) > MOST_IMAGES:
                            raise SettingError(f"{printable(self.location)} has more than {MOST_IMAGES:,} rows; give fewer files")
            except ValueError as error:
                raise SettingError(f"{where} is damaged, or not a Parquet file ({one_line(error)}); download it again") from None
            except OSError as error:
                raise StorageError(f"can't read {where}: {error.strerror}") from None
            self._starts.append(len(labels))
        assert first is not None
        self._number(labels, self._starts[training], first)
        if any(texts):
            self._texts = [texts[row] for row in self._rows]
        return first

    def _number(self, labels: list[int | str | None], training: int, columns: Columns) -> None:
        """Numbers the classes, and takes the rows that have one. `training`: how many rows are trained on. Raises SettingError."""
        if columns.class_names is not None:
            numbers: dict[int | str, int] = {number: number for number in range(len(columns.class_names))}
            self.class_names = fit_names(columns.class_names)
        else:
            found = {label for label in labels[:training] if label is not None and label != -1}
            classes = sorted(found, key=lambda label: (isinstance(label, str), label))
            if len(classes) > MOST_CLASSES:
                raise SettingError(f"{printable(self.location)} has {len(classes):,} classes, and the most is {MOST_CLASSES:,}")
            numbers = {label: number for number, label in enumerate(classes)}
            self.class_names = fit_names(str(label) for label in classes)
        left_out = Counter[str]()
        for row, label in enumerate(labels):
            if not self.class_names:
                number = -1
            elif label is None or label == -1:  # datasets write -1 where a test part hides its labels
                left_out["without a class"] += 1
                continue
            elif label not in numbers:
                left_out["of classes that have no name" if columns.class_names else "of classes that no training picture has"] += 1
                continue
            else:
                number = numbers[label]
            self._rows.append(row)
            self._labels.append(number)
            self._training += row < training
        self.warnings += [f"left out {count:,} picture{'' if count == 1 else 's'} {why}" for why, count in left_out.items()]
        if not self._training:
            raise SettingError(f"no picture to train on in {printable(self.location)}" + (f" ({'; '.join(self.warnings)})" if self.warnings else ""))


class Reader:
    """Reads pictures from several files, quickly if they are asked for in order. Raises ValueError or OSError for damaged ones."""

    def __init__(self, paths: Sequence[Path], column: str, stack: ExitStack) -> None:
        self._paths, self._column, self._stack = paths, column, stack
        self._opened = -1
        self._file: Any = None
        self._groups: list[int] = []
        """The first row of each row group of the open file, and the number of all rows."""
        self._group = -1
        self._batches: Iterator[Any] = iter(())
        self._first = 0
        """The row of the first of the values that were read last."""
        self._values: Any = ()
        self._bad: dict[tuple[int, int], tuple[int, str]] = {}
        """From which row on a row group can't be read, and why."""

    def read(self, file: int, row: int) -> bytes:
        """The content of a picture's file."""
        value = self._value(file, row)
        if not value.is_valid:
            raise ValueError("it holds no picture, perhaps only the name of a file; save the data set with its pictures inside")
        if value.as_buffer().size > LARGEST_FILE:
            raise ValueError(f"it is larger than {LARGEST_FILE:,} bytes")
        raw: bytes = value.as_py()
        return raw

    def _value(self, file: int, row: int) -> Any:
        """The cell of a row, as a pyarrow scalar."""
        if file != self._opened:
            self._open(file)
        group = bisect_right(self._groups, row) - 1
        if (file, group) in self._bad and row >= self._bad[file, group][0]:
            raise ValueError(self._bad[file, group][1])
        if group != self._group or row < self._first:
            self._batches = self._file.iter_batches(ROWS, row_groups=[group], columns=[self._column], use_threads=False)
            self._group, self._first, self._values = group, self._groups[group], ()
        while row >= self._first + len(self._values):
            self._first, self._values = self._first + len(self._values), ()
            try:
                with _arrow_errors():
                    column = next(self._batches).column(0)
            except (StopIteration, ValueError, OSError) as error:
                self._group = -1
                self._bad[file, group] = self._first, "it is truncated" if isinstance(error, StopIteration) else one_line(error)
                raise ValueError(self._bad[file, group][1]) from None
            self._values = column.field(0) if self._column.endswith(".bytes") and hasattr(column, "field") else column
        return self._values[row - self._first]

    def _open(self, file: int) -> None:
        self._stack.close()
        self._opened = -1
        self._file = _open_file(self._paths[file], self._stack)
        self._groups = [0]
        for group in range(self._file.metadata.num_row_groups):
            self._groups.append(self._groups[-1] + self._file.metadata.row_group(group).num_rows)
        self._opened, self._group = file, -1


def _open_reader(paths: Sequence[Path], column: str, stack: ExitStack) -> Reader:
    return Reader(paths, column, stack.enter_context(ExitStack()))


def _open_file(path: Path, stack: ExitStack) -> Any:
    """A `pyarrow.parquet.ParquetFile`, closed with the stack. Raises SettingError where pyarrow is not installed, pyarrow's errors, and OSError."""
    try:
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise SettingError(f"{printable(path)}: {NOT_INSTALLED}") from None
    return stack.enter_context(parquet.ParquetFile(path, memory_map=False, pre_buffer=False))


def _labels_and_texts(file: Any, columns: Columns) -> Iterator[tuple[int | str | None, str | None]]:
    """Of each row; texts are cut to LONGEST_TEXT characters."""
    wanted = [name for name in (columns.label, columns.text) if name]
    if not wanted:
        yield from ((None, None) for _ in range(file.metadata.num_rows))
        return
    for batch in file.iter_batches(LABEL_ROWS, columns=wanted, use_threads=False):
        labels: Iterable[Any] = batch.column(columns.label).to_pylist() if columns.label else [None] * batch.num_rows
        texts: Iterable[Any] = batch.column(columns.text).to_pylist() if columns.text else [None] * batch.num_rows
        for label, text in zip(labels, texts, strict=True):
            yield label if label != "" else None, text[:LONGEST_TEXT] if text else None


def _halves(names: Sequence[str]) -> tuple[list[str], int]:
    """The files in order, those to train on first, and how many those are. A file belongs to a half by its own name or a folder's."""

    def is_in(name: str, half: frozenset[str]) -> bool:
        words = [part.lower().partition("-")[0].partition(".")[0] for part in name.split("/")]
        return any(word in half for word in words)

    testing = [name for name in names if is_in(name, TESTING) and not is_in(name, TRAINING)]
    training = [name for name in names if name not in testing]
    return ([*training, *testing], len(training)) if training else (list(names), len(names))


@contextmanager
def _arrow_errors() -> Iterator[None]:
    """Turns what pyarrow raises for damaged files, which is nearly anything, into ValueError; the system's errors stay OSErrors."""
    try:
        yield
    except (DigittyError, StopIteration):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise ValueError(one_line(error)) from None
