"""Turns a source into a cached data set: looks at its pictures, decodes all of them once, and splits off those that judge."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from engine.config.data import DataSpec
from engine.datasets.options import DataOptions
from engine.protocol.events import Event


def prepare(source: str, options: DataOptions, data_root: Path | None = None) -> Generator[Event, None, DataSpec]:
    """Returns the spec of the prepared data set, whose images `engine.data.registry.load_images` then finds.

    `source` is a folder, a file or the name of a known data set, which is also looked for in `data_root`. Yields Preparing with what is done, how
    much of it and the time left, Notice for each choice that was made for the user and each warning, and Tick several times a second.
    Closing it early stops every worker at once and leaves nothing behind. A second call with unchanged pictures and options is quick.

    Raises SettingError where the source has no such data or the options don't fit it, StorageError where it can't be read or the cache
    can't be written.
    """
    raise NotImplementedError
    yield
