"""The prompts of all screens, one a line, the latest last. Every screen appends, so that several at once lose nothing."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from engine.errors import DigittyError
from engine.formatting import printable
from engine.storage import paths
from engine.storage.atomic import LARGEST, read_small, write_text
from tui.settings.shared_file import locked

REMEMBERED = 500
"""Prompts that are read."""
LONGEST = 1000
"""Characters of a prompt that are remembered."""


def path() -> Path:
    return paths.config_dir() / "history"


def load() -> tuple[list[str], str]:
    """The prompts, the latest last; and what keeps them from being read, if anything does."""
    try:
        return _lines(read_small(path())), ""
    except FileNotFoundError:
        return [], ""
    except OSError as error:
        return [], f"{path()} can't be read, and starts empty: {error.strerror}"


def remember(prompt: str) -> None:
    """Appends a prompt. A disk that refuses costs only the memory of it."""
    with suppress(DigittyError, OSError):
        target = paths.ensure_folder(path().parent) / path().name
        with locked(target):
            if _append(target, printable(prompt, LONGEST)) > LARGEST // 2:
                _cut(target)


def _append(target: Path, line: str) -> int:
    """Returns how long the file is then. In one write, so that two that append at once don't mix."""
    handle = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            return 0
        torn = about.st_size > 0 and os.pread(handle, 1, about.st_size - 1) != b"\n"  # the disk was full amid a line
        return about.st_size + os.write(handle, ("\n" * torn + line + "\n").encode())
    finally:
        os.close(handle)


def _cut(target: Path) -> None:
    """Leaves the latest prompts, in a quarter of what is read at most."""
    with target.open("rb") as file:
        file.seek(-LARGEST // 4, os.SEEK_END)
        _, *lines = _lines(file.read(LARGEST // 4))  # the first is cut
    write_text(target, "\n".join(lines) + "\n")


def _lines(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "replace").split("\n")
    return [printable(line, LONGEST) for line in lines if line.strip()][-REMEMBERED:]
