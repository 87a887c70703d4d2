"""Opens any SOURCE. Knows which module reads which."""

from __future__ import annotations

from pathlib import Path

from engine.datasets.sources import solids
from engine.datasets.sources.folder import Folder
from engine.datasets.sources.npz import open_npz
from engine.datasets.sources.pictures import PictureSource
from engine.datasets.sources.source import Source
from engine.datasets.sources.tar_archive import Tar
from engine.datasets.sources.zip_archive import Zip
from engine.errors import SettingError
from engine.formatting import printable

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz")
KINDS = "a folder of pictures, a .zip or .tar of them, or an .npz file"


def open_source(text: str, data_root: Path | None = None) -> Source:
    """The pictures of a SOURCE, as given to --data.

    data_root: where the files of known data sets are looked for first. Raises SettingError where it holds no pictures, StorageError where it
    can't be read.
    """
    if text.strip().lower() == solids.NAME:
        return solids.SolidsSource()
    path = _expand(text)
    if path.is_dir() or not path.exists():
        return PictureSource(Folder(path), path, archive=False)
    name = path.name.lower()
    if name.endswith(".npz"):
        return open_npz(path)
    if name.endswith(".zip"):
        return PictureSource(Zip(path), path, archive=True)
    if name.endswith(TARS):
        return PictureSource(Tar(path), path, archive=True)
    raise SettingError(f"{printable(text)} is not a data set; give {KINDS}")


def _expand(text: str) -> Path:
    """The full path. Raises SettingError for ~user without a home folder, and for text that can't be a path."""
    if not text or "\0" in text:
        raise SettingError("a data set has no name; give a folder, a file or a data set's name")
    try:
        return Path(text).expanduser().absolute()
    except (RuntimeError, OSError) as error:
        raise SettingError(f"{printable(text)} is not a path: {error}") from None
