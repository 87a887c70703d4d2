"""Finds the files of a known data set, and opens it. Uses no network."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from engine.datasets.sources.folder import Folder
from engine.datasets.sources.idx import find_file
from engine.datasets.sources.known import KNOWN, Known, make_source
from engine.datasets.sources.pictures import READ_ERRORS, PictureSource
from engine.datasets.sources.source import Source
from engine.datasets.sources.tar_archive import Tar
from engine.datasets.sources.unpacking import LARGEST, read_unpacked, unpack
from engine.datasets.sources.zip_archive import Zip
from engine.errors import SettingError
from engine.formatting import one_line, printable
from engine.storage import paths

DEBIAN = Path("/usr/share/datasets")
"""Where Debian's packages of data sets, such as dataset-fashion-mnist, put their files."""


def default_root() -> Path:
    """The folder that data sets are downloaded to, in torchvision's layout. Raises StorageError if the home folder is unknown."""
    return paths.data_dir() / "datasets"


def open_known(name: str, data_root: Path | None) -> Source:
    """A known data set, from `data_root`, the default root or the system's packages. Raises SettingError where its files are nowhere."""
    known = KNOWN[name]
    for root in _roots(name, data_root):
        location = f"{name}:{data_root.absolute()}" if data_root is not None and root == data_root else name
        for folder in _folders(name, known, root):
            source = _open_folder(known, folder, location)
            if source is not None:
                return source
    raise SettingError(explain_missing(name, data_root))


def explain_missing(name: str, data_root: Path | None) -> str:
    """A sentence on how to bring a set's files."""
    known = KNOWN[name]
    files = known.archive or ", ".join(f"{each}{'.bz2' if name == 'usps' else '' if each.endswith('.mat') else '.gz'}" for each in known.files)
    place = storing_folder(name, data_root)
    package = ", or install Debian's package dataset-fashion-mnist" if name == "fashion-mnist" else ""
    return f"{known.title} is not on this machine; put {files} into {printable(place)}, or name the folder that has them with --data-root{package}"


def storing_folder(name: str, data_root: Path | None) -> Path:
    """Where torchvision stores what it downloads of a set: its files, or their archive."""
    known, root = KNOWN[name], data_root or default_root()
    return root if known.archive.endswith(".tar.gz") else root / known.folders[0]


def _roots(name: str, data_root: Path | None) -> Iterator[Path]:
    if data_root is not None:
        yield data_root
    yield default_root()
    if name == "mnist":
        yield paths.ASSETS
    yield DEBIAN


def _folders(name: str, known: Known, root: Path) -> Iterator[Path]:
    """Where the files may lie below a root. Names that several sets share count in `root` itself only where the user means it."""
    yield from (root / folder for folder in known.folders)
    yield root / name
    if root not in (paths.ASSETS, DEBIAN):
        yield root


def is_here(name: str, data_root: Path | None) -> bool:
    """Whether a set's files are on this machine, good or damaged. Reads none of them."""
    known = KNOWN[name]
    folders = [folder for root in _roots(name, data_root) for folder in _folders(name, known, root)]
    return any(
        bool(_find_loose(known, folder)) or bool(known.archive and (folder / known.archive).is_file()) or _holds_pictures(known, folder)
        for folder in folders
    )


def find_in_known(name: str, file: str, data_root: Path | None) -> Path | None:
    """One file of a set, where it lies on this machine, even if the others do not; None if it is nowhere."""
    folders = (folder for root in _roots(name, data_root) for folder in _folders(name, KNOWN[name], root))
    return next((path for folder in folders if (path := find_file(folder, file)) is not None), None)


def _holds_pictures(known: Known, folder: Path) -> bool:
    return known.parse is None and (folder / known.files[0]).is_dir()


def _find_loose(known: Known, folder: Path) -> dict[str, Path]:
    """The set's files in a folder, if all of them are there."""
    for names in (known.files, *known.others):
        found = {name: path for name in names if (path := find_file(folder, name)) is not None}
        if len(found) == len(names):
            return found
    return {}


def _open_folder(known: Known, folder: Path, location: str) -> Source | None:
    """The set whose files lie in a folder, loose or in an archive; None if they don't. Raises SettingError or StorageError."""
    archive = folder / known.archive if known.archive else None
    if known.parse is None:
        source = _open_pictures(known, folder, archive)
        if source is not None:
            source.name, source.location = known.title, location
        return source
    if found := _find_loose(known, folder):
        return make_source(known, location, {name: read_unpacked(path) for name, path in found.items()}, tuple(found.values()))
    if archive is not None and archive.is_file():
        return make_source(known, location, _read_archive(known, archive), (archive,))
    return None


def _open_pictures(known: Known, folder: Path, archive: Path | None) -> PictureSource | None:
    """Omniglot: a folder of each alphabet with a folder of each character, which is the class."""
    if _holds_pictures(known, folder):
        unpacked = folder / known.files[0]
        return PictureSource(Folder(unpacked), unpacked, archive=False, depth=2)
    if archive is not None and archive.is_file():
        return PictureSource(Zip(archive), archive, archive=True, depth=2)
    return None


def _read_archive(known: Known, path: Path) -> dict[str, bytes]:
    """The set's files in its archive. Raises SettingError."""
    container = Zip(path) if path.suffix == ".zip" else Tar(path)
    members = {posixpath.basename(name): name for name in container.listing.files}
    contents = {}
    for name in known.files:
        member = members.get(name) or members.get(f"{name}.gz")
        if member is None:
            raise SettingError(f"{printable(path)} does not hold {name}; download it again")
        try:
            contents[name] = unpack(container.read(member, LARGEST), name)
        except READ_ERRORS as error:
            raise SettingError(f"{name} in {printable(path)} is damaged ({one_line(error)}); download the archive again") from None
    return contents
