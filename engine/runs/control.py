"""Commands to a run that trains: from its own process at once, from any other through a file in the run's folder. No torch."""

from __future__ import annotations

import json
import os
import socket
import time
from enum import StrEnum
from pathlib import Path

from engine.storage.atomic import parse_json, read_small, write_text


class Command(StrEnum):
    """What a run can be told to do. Where the processes of a group were given different commands, the later one in this list counts."""

    RUN = "run"
    UNSAVED = "unsaved"
    """Continue, although nothing can be saved."""
    PAUSE = "pause"
    STOP = "stop"

    @property
    def urgency(self) -> int:
        """Its place in the list."""
        return list(Command).index(self)


class Control:
    """Holds the latest command, whichever way it came. `send` may be called from any thread and from a signal handler."""

    def __init__(self) -> None:
        self._command = Command.RUN
        self._path: Path | None = None
        self._seen: tuple[int, int] | None = None

    def send(self, command: Command) -> None:
        """A command from this process."""
        self._command = command

    def follow(self, path: Path) -> None:
        """Read commands from this file too, from now on; one that is already in it is ignored."""
        self._path, self._seen = path, _stamp(path)

    def poll(self) -> Command:
        """The command that counts now. One stat, cheap enough for every step."""
        if self._path is not None and (stamp := _stamp(self._path)) != self._seen:
            self._seen = stamp
            command = _read(self._path)
            if command is not None and self._command is not Command.STOP:  # a stop is final
                self._command = command
        return self._command


def send_command(path: Path, command: Command) -> None:
    """Write a command to the control file of a run, for the process that trains it. Raises StorageError."""
    sender = f"{socket.gethostname()} {os.getpid()}"
    write_text(path, json.dumps({"wish": command, "by": sender, "time": round(time.time(), 3)}))  # "wish": what older versions read


def command_since(path: Path, started: float) -> Command | None:
    """The latest command in a run's control file, if it was sent after the run's writer had started (Unix seconds); else None."""
    try:
        values = parse_json(read_small(path))
        return Command(values["wish"]) if values["time"] > started else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino


def _read(path: Path) -> Command | None:
    """The command in the file; None where it holds none."""
    try:
        return Command(parse_json(read_small(path))["wish"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
