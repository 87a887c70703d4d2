"""Turns what someone asks to train on into a DataSpec. Knows which module prepares which source."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from engine.config.data import MNIST, DataSpec
from engine.config.data_choice import DataChoice
from engine.data import npz
from engine.errors import SettingError
from engine.formatting import printable
from engine.protocol.events import Event, Preparing


def describe(choice: DataChoice) -> Generator[Event, None, DataSpec]:
    """Returns the spec of the images that were asked for; yields its progress. Raises SettingError or StorageError."""
    yield Preparing(f"reading {printable(choice.source, 60)}")
    if choice.source == MNIST.source and choice.plain:
        return MNIST
    if choice.source.lower().endswith(".npz") and choice.plain:
        return npz.describe(Path(choice.source).expanduser())
    raise SettingError(f"can't train on {printable(choice.source, 200)}; use mnist, or an .npz file with images and labels")
