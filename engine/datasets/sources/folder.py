"""The files below a folder, without those that links or hidden folders lead to. Knows no pictures."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from engine.datasets.sources.container import MOST_FILES, Listing, is_junk
from engine.errors import SettingError, StorageError
from engine.formatting import printable
from engine.storage.atomic import read_small

DEEPEST = 50
"""Folders within folders."""


class Folder:
    """See `container.Container`. Raises SettingError where there is no such folder, StorageError where it can't be read."""

    def __init__(self, root: Path, listing: Listing | None = None) -> None:
        """`listing` is filled with the files as they are found, which another thread may count."""
        self.root = os.path.realpath(root)
        self.listing = Listing() if listing is None else listing
        self._digest = hashlib.sha256()
        self._links: list[str] = []
        self._unreadable: list[str] = []
        self._special: list[str] = []
        try:
            os.scandir(self.root).close()
        except FileNotFoundError:
            raise SettingError(f"no folder {printable(root)}; check its name") from None
        except OSError as error:
            raise StorageError(f"can't read {printable(root)}: {error.strerror or error}") from None
        self._walk("", DEEPEST)
        self.listing.leave_out(self._links, "links, since they lead out of the folder or to another folder")
        self.listing.leave_out(self._unreadable, "what can't be read or lies too deep")
        self.listing.leave_out(self._special, "what is neither a file nor a folder")
        self._fingerprint = self._digest.hexdigest()
        del self._digest  # it can't be pickled

    def read(self, name: str, largest: int) -> bytes:
        return read_small(Path(self.root, name), largest)

    def fingerprint(self) -> str:
        return self._fingerprint

    def _walk(self, folder: str, depth: int) -> None:
        """Add what lies in a folder, sorted by name, its folders before its files."""
        try:
            with os.scandir(os.path.join(self.root, folder)) as entries:
                here = sorted((entry for entry in entries if not is_junk(entry.name)), key=lambda entry: entry.name)
        except OSError:
            self._unreadable.append(folder)
            return
        if self.listing.abandoned:
            raise StorageError(f"opening {printable(self.root)} was stopped")
        files = []
        for entry in here:
            name = f"{folder}/{entry.name}" if folder else entry.name
            try:
                if entry.is_symlink() and not self._stays_inside(name):
                    self._links.append(name)
                elif entry.is_dir(follow_symlinks=False):
                    self.listing.folders.append(name)
                    if depth:
                        self._walk(name, depth - 1)
                    else:
                        self._unreadable.append(name)
                elif entry.is_file():
                    files.append((name, entry.stat()))
                else:
                    self._special.append(name)
            except OSError:
                self._unreadable.append(name)
        for name, status in files:
            self.listing.files[name] = status.st_size
            self._digest.update(os.fsencode(name) + f"\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        if len(self.listing.files) > MOST_FILES:
            raise SettingError(f"{printable(self.root)} holds more than {MOST_FILES:,} files; give a smaller folder")

    def _stays_inside(self, name: str) -> bool:
        """Whether a link leads to a file within the folder. Folders are not followed: their pictures would be there twice, or for ever."""
        target = os.path.realpath(os.path.join(self.root, name))
        return os.path.isfile(target) and target.startswith(os.path.join(self.root, ""))
