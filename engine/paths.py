"""Where digitty keeps things: platformdirs' folders, or everything under DIGITTY_HOME where that is set."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from engine.errors import StorageError

ASSETS = Path(__file__).parent / "assets"


def data_dir() -> Path:
    """Runs and what the person would miss."""
    return _home("data") or Path(platformdirs.user_data_dir("digitty", appauthor=False))


def cache_dir() -> Path:
    """What can be made again: measured precisions."""
    return _home("cache") or Path(platformdirs.user_cache_dir("digitty", appauthor=False))


def config_dir() -> Path:
    """Last choices and the prompt's history."""
    return _home("config") or Path(platformdirs.user_config_dir("digitty", appauthor=False))


def log_dir() -> Path:
    return _home("log") or Path(platformdirs.user_log_dir("digitty", appauthor=False))


def runs_dir() -> Path:
    return data_dir() / "runs"


def made(folder: Path) -> Path:
    """The folder, made if need be. Raises StorageError with the way out where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"can't make the folder {folder}: {error.strerror}; set DIGITTY_HOME to a folder you can write to") from None
    return folder


def _home(part: str) -> Path | None:
    home = os.environ.get("DIGITTY_HOME")
    return Path(home).expanduser().absolute() / part if home else None
