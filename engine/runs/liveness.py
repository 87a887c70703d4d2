"""Which process writes a run, and whether that process is alive: one rule for all readers and writers. No torch.

RUN/lock                    the writer holds its flock, which decides on this machine
    writers/0000003/        the claim of the third writer; the highest number counts
        owner.json          its host, kernel and process; renamed to released.json when the writer ends cleanly
        heartbeat           a counter that the writer raises every BEAT seconds
    owner.json              the claim of an older digitty, which touched this file instead of counting

Where flock does not work, the process in owner.json decides on this machine. On another machine the heartbeat decides: a writer is
alive if its counter rises while this process watches, and gone if the counter stands still for SILENT seconds. Until then the answer
is "unknown". No clocks are compared.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from engine.formatting import printable
from engine.storage.atomic import open_regular, parse_json, read_checksummed, read_small

BEAT = 5.0
"""Seconds between two heartbeats."""
SILENT = 45.0
"""Seconds to watch without a heartbeat before a writer on another machine counts as gone."""
SKEW = 60.0
"""Seconds by which two clocks must differ to be reported."""
CLAIM = re.compile(r"\d{7,}")


class Life(Enum):
    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Sight:
    """What is known about a run's writer now."""

    life: Life
    heard: str = ""
    """When the writer is unknown: last heartbeat 3 minutes ago."""


@dataclass(frozen=True)
class Owner:
    """The newest claim on a run."""

    folder: Path
    """The folder of its heartbeat."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """host, boot, pids, pid, start, started, locked; empty if they can't be read."""
    released: bool = False
    """Whether the writer ended cleanly."""
    legacy: bool = False
    """Whether an older digitty made the claim."""

    @property
    def number(self) -> int:
        """The number of the claim; 0 for that of an older digitty."""
        return 0 if self.legacy else int(self.folder.name)

    @property
    def who(self) -> str:
        """process 4711 on gpubox"""
        return f"process {printable(self.facts.get('pid', '?'), 20)} on {printable(self.facts.get('host', '?'), 64)}"


def look(folder: Path, has_ended: Callable[[], bool]) -> Sight:
    """Whether a process writes the run in `folder` now. `has_ended` says whether its metrics end with its end. Changes nothing."""
    locked = _is_locked(folder / "lock")
    return Sight(Life.ALIVE) if locked else judge(newest_owner(folder), locked is False, has_ended)


def judge(owner: Owner | None, lock_is_free: bool, has_ended: Callable[[], bool]) -> Sight:
    """The same, for an owner whose lock is free or can't be checked."""
    if owner is None or owner.released or (lock_is_free and not owner.facts):
        return Sight(Life.GONE)
    lives = _lives_here(owner.facts, lock_is_free) if owner.facts else None
    if lives is None and has_ended():
        lives = False
    if lives is None:
        return _watch_heartbeat(owner)
    return Sight(Life.ALIVE if lives else Life.GONE)


def newest_owner(folder: Path) -> Owner | None:
    """The newest claim on the run in `folder`; None if no process ever wrote the run."""
    while found := list_claims(folder):
        for name in ("owner.json", "released.json"):
            with suppress(FileNotFoundError, NotADirectoryError):
                return Owner(found[-1], _read_facts(found[-1] / name), name == "released.json")
        if list_claims(folder)[-1:] == found[-1:]:  # otherwise a newer writer has just removed it
            return Owner(found[-1], released=True)
    with suppress(FileNotFoundError, NotADirectoryError):
        return Owner(folder, _read_facts(folder / "owner.json"), legacy=True)
    return None


def list_claims(folder: Path) -> list[Path]:
    """The claims on the run in `folder`, the newest last."""
    try:
        names = os.listdir(folder / "writers")
    except OSError:
        return []
    return [folder / "writers" / name for name in sorted(filter(CLAIM.fullmatch, names), key=int)]


def _read_facts(path: Path) -> dict[str, Any]:
    """The facts in an owner's file; empty if it is damaged. Raises FileNotFoundError and NotADirectoryError."""
    try:
        return read_checksummed(path)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError):
        return {}


def _is_locked(path: Path) -> bool | None:
    """Whether a writer holds the lock; None if that can't be found out."""
    try:
        with open_regular(path, os.O_RDONLY | os.O_NOFOLLOW) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # exclusive to a writer, shared by readers that check it
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


# --- on this machine --------------------------------------------------------------------------------------------------


@cache
def machine() -> dict[str, str]:
    """What distinguishes this machine from others: its names, the current boot of its kernel, and its namespace of process numbers."""
    facts = {"host": socket.gethostname(), "boot": "", "pids": "", "machine": ""}
    for name, path in (("boot", "/proc/sys/kernel/random/boot_id"), ("machine", "/etc/machine-id")):
        with suppress(OSError, ValueError):
            facts[name] = read_small(Path(path)).decode().strip()
    with suppress(OSError):
        facts["pids"] = os.readlink("/proc/self/ns/pid")
    return facts


def process() -> dict[str, Any]:
    """What distinguishes this process from all others."""
    return {**machine(), "pid": os.getpid(), "start": _start_time(os.getpid()), "started": round(time.time(), 3)}


def _lives_here(facts: Mapping[str, Any], lock_is_free: bool) -> bool | None:
    """Whether the owner's process is alive on this machine; None if this machine can't tell."""
    here = machine()
    same_host, boot = facts.get("host") == here["host"], facts.get("boot")
    same_kernel = boot == here["boot"] if boot and here["boot"] else same_host
    if not same_kernel:
        rebooted = same_host and here["machine"] and facts.get("machine") == here["machine"]
        return False if rebooted else None
    if lock_is_free and facts.get("locked", True):
        return False
    return _process_lives(facts.get("pid"), facts.get("start")) if facts.get("pids", here["pids"]) == here["pids"] else None


def _process_lives(pid: object, start: object) -> bool | None:
    """Whether process `pid` of this machine is alive and started at `start`; None if that can't be found out."""
    if type(pid) is not int or not 0 < pid < 1 << 31:
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # the process belongs to another user
    now = _start_time(pid)
    if now == "dead":
        return False
    return now == start if now and start else None


def _start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot; "dead" for a zombie, "" if it can't be read."""
    try:
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()  # the name in brackets may contain anything
        return "dead" if words[0] in (b"Z", b"X") else words[19].decode()
    except (OSError, IndexError, ValueError):
        return ""


# --- on other machines --------------------------------------------------------------------------------------------------------


@dataclass
class _Watched:
    """A heartbeat that this process watches."""

    content: bytes
    since: float
    """When this content was first seen, by this process's monotonic clock."""
    looked: float
    """When it was last read."""
    rises: bool = False
    """Whether the content has changed while this process watched."""


_watched: dict[tuple[str, object], _Watched] = {}
_watching = threading.Lock()


def _watch_heartbeat(owner: Owner) -> Sight:
    """Whether the heartbeat has risen while this process watched."""
    try:
        content, heard = _read_heartbeat(owner)
    except OSError:
        return Sight(Life.UNKNOWN, "its heartbeat can't be read")
    now, key = time.monotonic(), (str(owner.folder), owner.facts.get("started"))
    with _watching:
        watched = _watched.get(key)
        if watched is None or (watched.content != content and now - watched.looked > SILENT):  # a change since a look an hour ago proves nothing
            watched = _watched[key] = _Watched(content, now, now)
        elif watched.content != content:
            watched = _watched[key] = _Watched(content, now, now, rises=True)
        watched.looked = now
        if now - watched.since >= SILENT:
            return Sight(Life.GONE)
    return Sight(Life.ALIVE) if watched.rises else Sight(Life.UNKNOWN, heard)


def _read_heartbeat(owner: Owner) -> tuple[bytes, str]:
    """Bytes that change with every heartbeat, and the age of the last one in words. Raises OSError."""
    path = owner.folder / ("owner.json" if owner.legacy else "heartbeat")
    changed = path.stat()
    counted = b"" if owner.legacy else read_small(path)
    recorded: object = owner.facts.get("host") and None
    with suppress(ValueError, TypeError, KeyError):
        recorded = parse_json(counted)["time"]
    return counted + b"%d" % changed.st_mtime_ns, last_heartbeat(changed.st_mtime, recorded, owner.facts.get("host", "its machine"))


def last_heartbeat(changed: float, recorded: object, host: object) -> str:
    """last heartbeat 3 minutes ago, by the file system's clock. Says so if the clocks differ."""
    silent = time.time() - changed
    if silent < -2:
        return f"last heartbeat at an unknown time, since the clocks differ by {_approximate(-silent)}"
    skew = abs(recorded - changed) if isinstance(recorded, int | float) else 0.0
    differs = f", though the clock of {printable(host, 64)} differs by {_approximate(skew)}" if skew > SKEW else ""
    return f"last heartbeat {_approximate(silent)} ago{differs}"


def _approximate(seconds: float) -> str:
    """40 seconds, 1 minute, 3 hours"""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{max(0, int(seconds))} seconds"
