"""What folders and archives have in common: named files that can be read. Knows no pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from engine.formatting import printable

JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information", "lost+found"})
"""What operating systems leave in folders, in lower case."""
NAMED = 5
"""How many names a sentence gives before it counts the others."""
LARGEST_METADATA = 1 << 29
"""Bytes of a metadata file: of ten million lines."""
MOST_FILES = 10_000_000


@dataclass
class Listing:
    """The files of a container in the order in which they are read best, without hidden files and JUNK."""

    files: dict[str, int] = field(default_factory=dict)
    """Bytes by name. A name is a path within the container, with slashes. Bytes that are not UTF-8 are surrogates, as Python has them."""
    folders: list[str] = field(default_factory=list)
    """Also those that hold nothing."""
    warnings: list[str] = field(default_factory=list)
    """What was left out, a sentence each."""
    abandoned: bool = False
    """Set by another thread: nobody waits for the listing any more."""

    def leave_out(self, names: list[str], what: str) -> None:
        """Add the warning that files were left out, unless there are none. `what` says which kind of files they are."""
        if names:
            self.warnings.append(f"left out {what}: {name_some(names)}")


class Container(Protocol):
    """A folder or an archive. It can be pickled, and read by several processes."""

    listing: Listing

    def read(self, name: str, largest: int) -> bytes:
        """The content of a file. Raises OSError, ValueError or what READ_ERRORS has, also for more than `largest` bytes."""

    def fingerprint(self) -> str:
        """See `Source.fingerprint`."""


def is_junk(part: str) -> bool:
    """Whether a file or folder of this name is hidden, or nothing that the user put there."""
    return part.startswith(".") or part.lower() in JUNK


def name_some(names: Iterable[str]) -> str:
    """The first names, safe to print, and how many more there are."""
    given = list(names)
    more = len(given) - NAMED
    return ", ".join(printable(name, 60) for name in given[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def normalise(name: str) -> str | None:
    """The name of an archive's member as a path within the archive; None if it would lead out of it."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or not parts or parts[0][1:2] == ":" or "\0" in name:
        return None
    return "/".join(parts)
