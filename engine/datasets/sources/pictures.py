"""A source whose pictures are files in a folder or an archive."""

from __future__ import annotations

import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path
from typing import TYPE_CHECKING

from engine.datasets.sources.container import Container
from engine.datasets.sources.layout import Layout, arrange
from engine.datasets.sources.names import fit_name
from engine.datasets.sources.picture import LARGEST_FILE, decode
from engine.datasets.sources.source import DamagedPictureError, Entry
from engine.errors import StorageError
from engine.formatting import one_line, printable

if TYPE_CHECKING:
    from PIL import Image

READ_ERRORS = (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, MemoryError, zlib.error, LZMAError, zipfile.BadZipFile)
"""What reading a damaged member of an archive raises."""


class PictureSource:
    """See `source.Source`. Raises SettingError where the container holds no picture, StorageError where its metadata can't be read."""

    def __init__(self, container: Container, path: Path, archive: bool, depth: int = 1) -> None:
        """depth: how many folders within each other name a class."""
        self.location = str(path)
        self.name = fit_name(path.name.partition(".")[0] if archive else path.name)
        self._container = container
        self._folder = None if archive else path
        self._layout: Layout = arrange(container.listing, self._read_metadata, printable(path), archive, depth)
        self.class_names = self._layout.class_names
        self.warnings = self._layout.warnings

    def fingerprint(self) -> str:
        return self._container.fingerprint()

    def __len__(self) -> int:
        return len(self._layout.names)

    def entry(self, index: int) -> Entry:
        if not 0 <= index < len(self):
            raise IndexError(index)
        layout = self._layout
        label = layout.labels[index]
        text = layout.texts[index] if layout.texts else None
        return Entry(printable(layout.names[index]), None if label < 0 else label, text, index >= layout.training)

    def file(self, index: int) -> Path | None:
        """The file of a picture in a folder; None for one in an archive."""
        return None if self._folder is None else self._folder / self._layout.names[index]

    def read(self, index: int, least: int = 0) -> Image.Image:
        name = self._layout.names[index]
        try:
            raw = self._container.read(name, LARGEST_FILE)
        except READ_ERRORS as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
            raise DamagedPictureError(printable(name), reason) from None
        return decode(raw, printable(name), least)

    def _read_metadata(self, name: str, largest: int) -> bytes:
        try:
            return self._container.read(name, largest)
        except READ_ERRORS as error:
            raise StorageError(f"can't read {printable(name)} of {printable(self.location)}: {one_line(error)}") from None
