"""A source of one picture, which is a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.datasets.sources.names import fit_name
from engine.datasets.sources.picture import LARGEST_FILE, decode
from engine.datasets.sources.source import DamagedPictureError, Entry
from engine.formatting import one_line, printable
from engine.storage.atomic import read_small

if TYPE_CHECKING:
    from PIL import Image


class OnePicture:
    """See `source.Source`. The file is not read before its picture is."""

    def __init__(self, path: Path) -> None:
        self.location = str(path)
        self.name = fit_name(path.stem)
        self.class_names: tuple[str, ...] = ()
        self.warnings: list[str] = []
        self._path = path

    def fingerprint(self) -> str:
        status = self._path.stat()
        return f"{self._path.name}\0{status.st_size}\0{status.st_mtime_ns}"

    def __len__(self) -> int:
        return 1

    def entry(self, index: int) -> Entry:
        if index != 0:
            raise IndexError(index)
        return Entry(printable(self._path.name), None, None, False)

    def file(self, index: int) -> Path:
        return self._path

    def read(self, index: int, least: int = 0) -> Image.Image:
        name = printable(self._path.name)
        try:
            raw = read_small(self._path, LARGEST_FILE)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
            raise DamagedPictureError(name, reason) from None
        return decode(raw, name, least)
