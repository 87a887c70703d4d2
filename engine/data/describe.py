"""Turns what someone asks to train on into a DataSpec, whose images are then prepared."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from engine.config.data import DataSpec
from engine.config.data_choice import DataChoice
from engine.datasets.options import DataOptions
from engine.datasets.prepare import prepare
from engine.protocol.events import Event


def describe(choice: DataChoice, for_strokes: bool = False) -> Generator[Event, None, DataSpec]:
    """Returns the spec of the images that were asked for; yields its progress. Raises SettingError or StorageError.

    With `for_strokes`, it raises also where their strokes can't be measured, before they are decoded.
    """
    root = None if choice.data_root is None else Path(choice.data_root).expanduser()
    return (yield from prepare(choice.source, DataOptions.of(choice), root, for_strokes))
