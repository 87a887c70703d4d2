"""The prompts of all screens, one a line, the latest last. Each screen only appends, so that several at once lose nothing."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from engine.errors import DigittyError
from engine.formatting import printable
from engine.storage import paths
from engine.storage.atomic import LARGEST, read_small, write_text
from engine.storage.shared_file import locked

MAX_PROMPTS = 500
"""Prompts that are read, the latest ones."""
MAX_LENGTH = 1000
"""Characters of a prompt that are kept."""


def path() -> Path:
    return paths.config_dir() / "history"


def load() -> tuple[list[str], str]:
    """The prompts, the latest last, and a message if they cannot be read."""
    try:
        return _lines(read_small(path())), ""
    except FileNotFoundError:
        return [], ""
    except OSError as error:
        return [], f"{path()} can't be read, so the history of prompts is empty: {error.strerror}"


def remember(prompt: str) -> None:
    """Append a prompt. If the disk refuses, only this prompt is forgotten."""
    with suppress(DigittyError, OSError):
        target = paths.ensure_folder(path().parent) / path().name
        with locked(target):
            if _append(target, printable(prompt, MAX_LENGTH)) > LARGEST // 2:
                _shorten(target)


def _append(target: Path, line: str) -> int:
    """Append a line and return the size of the file. Writes once, so that two screens that append at the same time don't mix."""
    handle = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return 0
        has_torn_line = status.st_size > 0 and os.pread(handle, 1, status.st_size - 1) != b"\n"  # from a full disk
        return status.st_size + os.write(handle, ("\n" * has_torn_line + line + "\n").encode())
    finally:
        os.close(handle)


def _shorten(target: Path) -> None:
    """Keep only the latest prompts, in at most a quarter of the largest file that is read."""
    with target.open("rb") as file:
        file.seek(-LARGEST // 4, os.SEEK_END)
        _, *lines = _lines(file.read(LARGEST // 4))  # the first line is incomplete
    write_text(target, "\n".join(lines) + "\n")


def _lines(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "replace").split("\n")
    return [printable(line, MAX_LENGTH) for line in lines if line.strip()][-MAX_PROMPTS:]
