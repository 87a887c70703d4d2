"""Thumbnails of saved pictures, kept in the cache folder: decoding a GIF takes up to a tenth of a second, its thumbnail a millisecond."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from engine.config.data import MNIST
from engine.errors import StorageError
from engine.protocol.recipe import Images
from engine.storage import paths
from engine.storage.gallery import Entry
from engine.storage.images import MODES, load_strip, save_strip

FOLDER = "thumbnails"
"""Inside the cache folder."""
FORM = 1
"""Raise it when thumbnails are made in another way."""
MOST = 2_000
"""Thumbnails that are kept; a tenth more are allowed before the oldest are removed."""


class ThumbnailCache:
    """Safe for several threads and processes. Files that can't be read count as missing; files that can't be written are no error."""

    def __init__(self, side: int) -> None:
        """`side` is the number of pixels of a thumbnail's sides."""
        self._side = side
        self._until_pruned = 0

    def get(self, entry: Entry) -> Images | None:
        """The thumbnail of this file as it is now; None if it is not kept."""
        with suppress(StorageError, OSError):
            for channels in MODES:
                shape = replace(MNIST, height=self._side, width=self._side, channels=channels)
                found = load_strip(self._path(entry), shape)
                if found and len(found) == 1:
                    return found
        return None

    def put(self, entry: Entry, thumbnail: Images) -> None:
        with suppress(StorageError, OSError):
            folder = paths.ensure_folder(paths.cache_dir() / FOLDER)
            save_strip(self._path(entry), thumbnail)
            self._until_pruned -= 1
            if self._until_pruned < 0:
                self._until_pruned = MOST // 20
                _prune(folder)

    def _path(self, entry: Entry) -> Path:
        """A name made of all that says whether it is still the same picture."""
        facts = f"{FORM} {self._side} {entry.size} {entry.modified_ns} ".encode() + os.fsencode(entry.path.absolute())
        return paths.cache_dir() / FOLDER / f"{hashlib.sha256(facts).hexdigest()[:32]}.png"


def _prune(folder: Path) -> None:
    """Remove the oldest thumbnails if there are too many. Raises OSError."""
    with os.scandir(folder) as files:
        ages = sorted((file.stat(follow_symlinks=False).st_mtime_ns, file.name) for file in files)
    if len(ages) > MOST * 11 // 10:
        for _, name in ages[:-MOST]:
            (folder / name).unlink(missing_ok=True)
