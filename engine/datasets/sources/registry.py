"""Opens any SOURCE. Knows which module reads which."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from engine.datasets.sources import solids
from engine.datasets.sources.container import Listing
from engine.datasets.sources.finding import open_known
from engine.datasets.sources.folder import Folder
from engine.datasets.sources.idx import find_mnist_files, is_idx, open_idx_file, open_idx_folder
from engine.datasets.sources.known import KNOWN
from engine.datasets.sources.npz import open_npz
from engine.datasets.sources.parquet import SUFFIX, ParquetSource, tables_of
from engine.datasets.sources.picture import SUFFIXES
from engine.datasets.sources.pictures import PictureSource
from engine.datasets.sources.source import Source
from engine.datasets.sources.tar_archive import Tar
from engine.datasets.sources.zip_archive import Zip
from engine.errors import SettingError
from engine.formatting import printable

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz")
KINDS = "a folder of pictures, a .zip or .tar of them, an .npz, IDX or Parquet file, or a name: " + ", ".join([*KNOWN, solids.NAME])


def open_source(text: str, data_root: Path | None = None, listing: Listing | None = None) -> Source:
    """The pictures of a SOURCE, as given to --data.

    It is a path, or a known data set's name, perhaps with a colon and the root of its files. data_root: where those are looked for first.
    The files of a folder are listed in `listing`, which another thread may count meanwhile. Uses no network: see `download.download`.
    Raises SettingError where it holds no pictures, StorageError where it can't be read.
    """
    if text.strip().lower() == solids.NAME:
        return solids.SolidsSource()
    name, root = split_name(text)
    if name in KNOWN:
        return open_known(name, expand(root) if root else data_root)
    path = expand(text)
    if path.is_dir() and find_mnist_files(path)[0] is not None:
        return open_idx_folder(path)
    if not path.exists() and Path(text).name == text:
        near = get_close_matches(name, [*KNOWN, solids.NAME], 1)
        hint = f"; did you mean {near[0]}?" if near else f"; give {KINDS}"
        raise SettingError(f"no folder, file or data set named {printable(text)}{hint}")
    if path.is_dir() or not path.exists():
        folder = Folder(path, listing)
        if tables := tables_of(folder.listing):
            return ParquetSource(path, tables, folder.fingerprint())
        return PictureSource(folder, path, archive=False)
    name = path.name.lower()
    if name.endswith(".npz"):
        return open_npz(path)
    if name.endswith(".zip"):
        return PictureSource(Zip(path), path, archive=True)
    if name.endswith(TARS):
        return PictureSource(Tar(path), path, archive=True)
    if name.endswith(SUFFIX):
        return ParquetSource(path)
    if is_idx(path):
        return open_idx_file(path)
    raise SettingError(f"{printable(text)} is not a data set; give {KINDS}")


def is_picture_file(text: str) -> bool:
    """Whether a SOURCE is the file of a picture: what is named like one, and any file that `open_source` opens in no other way."""
    if split_name(text)[0] in (*KNOWN, solids.NAME):
        return False
    path = expand(text)
    name = path.name.lower()
    if path.is_dir() or name.endswith((".npz", ".zip", SUFFIX, *TARS)):
        return False
    return path.suffix.lower() in SUFFIXES or (path.is_file() and not is_idx(path))


def split_name(text: str) -> tuple[str, str]:
    """A known data set's name as KNOWN has it, and the root given after a colon; the name is not in KNOWN if the text is something else."""
    name, _, root = text.partition(":")
    name = name.strip().lower().replace("_", "-")
    return {"fashionmnist": "fashion-mnist", "cifar-10": "cifar10", "cifar-100": "cifar100"}.get(name, name), root


def expand(text: str) -> Path:
    """The full path. Raises SettingError for ~user without a home folder, and for text that can't be a path."""
    if not text or "\0" in text:
        raise SettingError("a data set has no name; give a folder, a file or a data set's name")
    try:
        return Path(text).expanduser().absolute()
    except (RuntimeError, OSError) as error:
        raise SettingError(f"{printable(text)} is not a path: {error}") from None
