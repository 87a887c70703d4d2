"""The folders that digitty uses: those of platformdirs, or folders under DIGITTY_HOME if that is set.

Every function that returns one of them raises StorageError if the home folder is unknown.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import platformdirs

from engine.errors import StorageError
from engine.formatting import printable

ASSETS = Path(__file__).parents[1] / "assets"
AUTO = "auto"
"""The folder of pictures that digitty chooses."""
WAY_OUT = "set DIGITTY_HOME to a folder you can write to"


def data_dir() -> Path:
    """Runs, and everything else that the user would miss."""
    return _folder("data", platformdirs.user_data_dir)


def cache_dir() -> Path:
    """What can be computed again, such as the fastest precision of this machine."""
    return _folder("cache", platformdirs.user_cache_dir)


def classifiers_dir() -> Path:
    """The judges and readers that were trained on this machine."""
    return cache_dir() / "classifiers"


def config_dir() -> Path:
    """config.toml, remembered settings, and the history of prompts."""
    return _folder("config", platformdirs.user_config_dir)


def log_dir() -> Path:
    return _folder("log", platformdirs.user_log_dir)


def runs_dir() -> Path:
    return data_dir() / "runs"


def pictures_dir(chosen: str = AUTO) -> Path:
    """Where the screen saves pictures: the chosen folder, else `digitty` in the user's own folder of pictures, as any program would do.

    A server has no such folder: there it is `pictures` among digitty's data, and so it is under DIGITTY_HOME. Never the working folder, so that
    pictures of different days are together. Creates nothing. Raises StorageError, which says what to do.
    """
    if chosen != AUTO:
        try:
            return Path(chosen).expanduser()
        except RuntimeError as error:
            raise StorageError(f"the folder of pictures {printable(chosen)} is unknown ({error}); give its full path in config.toml") from None
    if not os.environ.get("DIGITTY_HOME"):
        with suppress(RuntimeError, OSError):
            own = Path(platformdirs.user_pictures_dir())
            if own.is_absolute() and own != Path.home() and own.is_dir():
                return own / "digitty"
    return data_dir() / "pictures"


def ensure_folder(folder: Path, way_out: str = WAY_OUT) -> Path:
    """The folder, created if necessary. Raises StorageError, which says what to do."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"can't create the folder {folder}: {error.strerror}; {way_out}") from None
    return folder


def check() -> None:
    """Raises StorageError if a folder is unknown or the runs can't be listed. Creates nothing: a folder may be missing."""
    for folder in (cache_dir, config_dir, log_dir):
        folder()
    try:
        os.scandir(runs_dir()).close()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StorageError(f"can't read {runs_dir()}: {error.strerror}; {WAY_OUT}") from None


def _folder(part: str, usual: Callable[..., str]) -> Path:
    home = os.environ.get("DIGITTY_HOME")
    try:
        if home:
            return Path(home).expanduser().absolute() / part
        folder = Path(usual("digitty", appauthor=False))
    except (RuntimeError, OSError) as error:  # an unknown user, or a deleted working folder
        what = f"DIGITTY_HOME={home} is not a folder ({error})" if home else f"the home folder is unknown ({error})"
        raise StorageError(f"{what}; {WAY_OUT}") from None
    if not folder.is_absolute():  # it would depend on the working folder
        raise StorageError(f"the home folder is unknown ({folder} is not a full path); {WAY_OUT}")
    return folder
