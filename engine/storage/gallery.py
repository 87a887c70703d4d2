"""A gallery: the saved pictures of folders, favourites, and a trash. Safe for several processes at once. Decodes no picture, knows no screen."""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.errors import StorageError
from engine.storage.atomic import cannot_write, parse_json, read_small, write_text
from engine.storage.leftovers import remove_leftovers
from engine.storage.shared_file import locked

ENDINGS = (".png", ".gif")
FAVOURITES, TRASH = ".favourites.json", ".trash"
"""Beside the pictures; no listing shows them."""
KEEP_DAYS = 30
"""Days after which a deleted picture is gone for good."""
_TRASHED = re.compile(rf"(\d{{19}})-(.+(?:{'|'.join(map(re.escape, ENDINGS))}))", re.DOTALL | re.IGNORECASE)
"""The name of a file in the trash: when it was deleted, in nanoseconds since 1970, and its name before.

Other programs may have a folder of that name, with files such as 2024-05-01.png: those are never touched."""
_OWN_FOLDER = re.compile(r"\d{19}")
"""The folder in the trash of a file whose name is too long to get longer."""
LONGEST_NAME = 255
"""Bytes of a file's name on most file systems."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as a listing found it. A file that is written again is another entry."""

    path: Path
    modified_ns: int
    size: int


class Gallery:
    """The pictures in some folders, and single ones. Every method may be called on any thread."""

    def __init__(self, places: Sequence[Path]) -> None:
        self._places = tuple(place.absolute() for place in places)

    def entries(self) -> list[Entry]:
        """All pictures, the newest first. A missing folder has none. Raises StorageError for a folder that can't be read."""
        found = {entry.path: entry for place in self._places for entry in _entries_at(place)}
        return sorted(found.values(), key=lambda entry: (-entry.modified_ns, entry.path.name))

    def folders(self) -> list[Path]:
        """The folders that the pictures are in."""
        return list(dict.fromkeys(place.parent if place.is_file() else place for place in self._places))

    # --- favourites ---------------------------------------------------------------------------------------------------

    def favourites(self) -> frozenset[Path]:
        """The favourites, whether the files are still there or not."""
        return frozenset(folder / name for folder in self.folders() for name in _read_favourites(folder, strict=False))

    # --- trash --------------------------------------------------------------------------------------------------------

    def restore(self) -> Path | None:
        """Bring back the picture that was deleted last, under its name or a free one like it. None if there is none. Raises StorageError."""
        for trashed in sorted(self._trash(), key=lambda file: file.deleted_ns, reverse=True):
            target = free_name(trashed.home / trashed.name)
            try:
                trashed.path.rename(target)
            except FileNotFoundError:  # another process was faster
                continue
            except OSError as error:
                raise cannot_write(target, error) from None
            trashed.remove_own_folder()
            return target
        return None

    def trash_size(self) -> int:
        """How many pictures can be brought back."""
        return sum(1 for _ in self._trash())

    def empty_trash(self, older_than_days: float = 0.0) -> int:
        """Remove the deleted pictures for good, at least those deleted before that many days. Returns how many."""
        limit = time.time_ns() - int(older_than_days * 86400e9)
        count = 0
        for file in self._trash():
            if file.deleted_ns <= limit:
                with suppress(OSError):
                    file.path.unlink()
                    count += 1
                    file.remove_own_folder()
        return count

    def tidy(self) -> None:
        """Remove what was deleted more than KEEP_DAYS ago, and unfinished files of killed processes."""
        self.empty_trash(KEEP_DAYS)
        for folder in self.folders():
            remove_leftovers(folder)

    def _trash(self) -> Iterator[_Trashed]:
        for folder in self.folders():
            with suppress(OSError):
                for name in os.listdir(folder / TRASH):
                    if found := _TRASHED.fullmatch(name):
                        yield _Trashed(folder / TRASH / name, folder, found[2], int(found[1]))
                    elif _OWN_FOLDER.fullmatch(name):
                        yield from (_Trashed(folder / TRASH / name / each, folder, each, int(name)) for each in os.listdir(folder / TRASH / name))


@dataclass(frozen=True, slots=True)
class _Trashed:
    path: Path
    home: Path
    name: str
    deleted_ns: int

    def remove_own_folder(self) -> None:
        """If the file was in one, and has left it."""
        if self.path.parent.name != TRASH:
            with suppress(OSError):
                self.path.parent.rmdir()


def set_favourite(path: Path, favourite: bool) -> None:
    """Make a picture a favourite, or no favourite any more. Raises StorageError if the list of favourites can't be read or written."""
    file = path.parent / FAVOURITES
    with locked(file):
        names = _read_favourites(path.parent, strict=True)
        names = names | {path.name} if favourite else names - {path.name}
        write_text(file, json.dumps({"format": "digitty-favourites", "names": sorted(names)}, indent=1))


def delete_pictures(paths: Iterable[Path]) -> int:
    """Move pictures to the trash of their folders. Returns how many there were; one that is missing counts as deleted. Raises StorageError."""
    count = 0
    for path in paths:
        trash = path.parent / TRASH
        try:
            trash.mkdir(exist_ok=True)
            path.rename(_place_in(trash, path.name))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise cannot_write(trash, error) from None
        count += 1
    return count


def _place_in(trash: Path, name: str) -> Path:
    """A new place for a file in the trash. Raises OSError."""
    now = time.time_ns()
    if len(os.fsencode(f"{now}-{name}")) <= LONGEST_NAME:
        return trash / f"{now}-{name}"
    folder = trash / f"{now}"
    folder.mkdir()
    return folder / name


def _entries_at(place: Path) -> Iterator[Entry]:
    try:
        if place.is_file():
            status = place.stat()
            yield Entry(place, status.st_mtime_ns, status.st_size)
            return
        with os.scandir(place) as files:
            for file in files:
                if not file.name.startswith(".") and file.name.lower().endswith(ENDINGS):
                    with suppress(OSError):  # removed meanwhile, or a link to nothing, to itself or to a folder that can't be read
                        if file.is_file():
                            status = file.stat()
                            yield Entry(place / file.name, status.st_mtime_ns, status.st_size)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"can't read {place}: {error.strerror or error}; make it readable, or choose another folder") from None


def _read_favourites(folder: Path, strict: bool) -> frozenset[str]:
    """The names in a folder's list. A list that can't be read is empty, or with `strict` a StorageError, so that it is not overwritten."""
    file = folder / FAVOURITES
    try:
        names = parse_json(read_small(file))["names"]
        return frozenset(name for name in names if isinstance(name, str))
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, TypeError, KeyError) as error:
        if strict:
            why = (error.strerror or str(error)) if isinstance(error, OSError) else "it is damaged, or no list of favourites"
            raise StorageError(f"can't read {file}: {why}; correct or delete it") from None
        return frozenset()


def free_name(path: Path) -> Path:
    """The path, or one with -2, -3 … before its ending if there is such a file."""
    names = itertools.chain([path], (path.with_name(_numbered(path, n)) for n in range(2, 10_000)))
    return next(name for name in names if not os.path.lexists(name))


def _numbered(path: Path, number: int) -> str:
    """The name with a number before its ending, and cut before the number if it would be too long."""
    ending, stem = f"-{number}{path.suffix}", path.stem
    while stem and len(os.fsencode(stem + ending)) > LONGEST_NAME:
        stem = stem[:-1]
    return stem + ending
