"""What is wished of a run that trains: by its own process at once, by any other through a file in the run's folder. No torch."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Literal, get_args

from engine.storage.atomic import parse_json, read_small, write_text

Command = Literal["run", "pause", "stop", "unsaved"]
"""unsaved: go on, though nothing can be saved."""


class Control:
    """The last wish counts, whichever way it came. `ask` may be called from any thread and from a signal handler."""

    def __init__(self) -> None:
        self._wish: Command = "run"
        self._path: Path | None = None
        self._seen: tuple[int, int] | None = None

    def ask(self, wish: Command) -> None:
        self._wish = wish

    def follow(self, path: Path) -> None:
        """Heed this file from now on; a wish that is left in it from before does not count."""
        self._path, self._seen = path, _stamp(path)

    def look(self) -> Command:
        """Cheap enough for every step: one stat."""
        if self._path is not None and (stamp := _stamp(self._path)) != self._seen:
            self._seen = stamp
            wish = _read(self._path)
            if wish is not None and self._wish != "stop":  # who is asked to leave, leaves
                self._wish = wish
        return self._wish


def send(path: Path, wish: Command) -> None:
    """Write a wish for whoever trains the run. Raises StorageError."""
    write_text(path, json.dumps({"wish": wish, "by": f"{socket.gethostname()} {os.getpid()}", "time": round(time.time(), 3)}))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino


def _read(path: Path) -> Command | None:
    try:
        wish = parse_json(read_small(path))["wish"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return next((known for known in get_args(Command) if known == wish), None)
