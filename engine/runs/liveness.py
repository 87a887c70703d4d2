"""Who writes a run, and whether that writer lives: one rule for all who ask. No torch.

RUN/lock                    the writer holds its flock: on this machine that decides
    writers/0000003/        the claim of the third writer; the highest number counts
        owner.json          its host, kernel and process; renamed to released.json when it leaves in order
        heartbeat           a counter that it raises every BEAT seconds
    owner.json              the claim of an older digitty, which touched it instead of counting

Where flock does not work, the process in owner.json decides on this machine. On another machine the heartbeat decides: a writer
whose counter rises while this process watches is alive, one whose counter stands still for SILENT seconds is gone. No clock is compared,
and before either happens the answer is "unknown".
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
"""Seconds of watching without a heartbeat after which a writer on another machine counts as gone."""
SKEW = 60.0
"""Seconds by which two clocks must differ to be worth a word."""
CLAIM = re.compile(r"\d{7,}")


class Life(Enum):
    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Sight:
    """What can be said of a run's writer now."""

    life: Life
    heard: str = ""
    """Of an unknown one: last heartbeat 3 minutes ago."""


@dataclass(frozen=True)
class Owner:
    """The newest claim on a run."""

    folder: Path
    """Where its heartbeat is."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """host, boot, pids, pid, start, started, locked; empty where they can't be read."""
    released: bool = False
    legacy: bool = False

    @property
    def number(self) -> int:
        """Of its claim; 0 for an older digitty, which made none."""
        return 0 if self.legacy else int(self.folder.name)

    @property
    def who(self) -> str:
        """process 4711 on gpubox"""
        return f"process {printable(self.facts.get('pid', '?'), 20)} on {printable(self.facts.get('host', '?'), 64)}"


def look(folder: Path, ended: Callable[[], bool]) -> Sight:
    """Whether a process writes the run in `folder` now; `ended` says whether its metrics end with an orderly end. Changes nothing."""
    held = _flock_held(folder / "lock")
    return Sight(Life.ALIVE) if held else judge(newest_owner(folder), held is False, ended)


def judge(owner: Owner | None, lock_is_free: bool, ended: Callable[[], bool]) -> Sight:
    """The same for an owner whose flock is free, or can't be asked for."""
    if owner is None or owner.released or (lock_is_free and not owner.facts):
        return Sight(Life.GONE)
    lives = _lives_here(owner.facts, lock_is_free) if owner.facts else None
    if lives is None and ended():
        lives = False
    if lives is None:
        return _by_heartbeat(owner)
    return Sight(Life.ALIVE if lives else Life.GONE)


def newest_owner(folder: Path) -> Owner | None:
    """The newest claim on the run in `folder`; None where nobody ever wrote it."""
    while found := list_claims(folder):
        for name in ("owner.json", "released.json"):
            with suppress(FileNotFoundError, NotADirectoryError):
                return Owner(found[-1], _facts(found[-1] / name), name == "released.json")
        if list_claims(folder)[-1:] == found[-1:]:  # else it made room for a newer one meanwhile
            return Owner(found[-1], released=True)
    with suppress(FileNotFoundError, NotADirectoryError):
        return Owner(folder, _facts(folder / "owner.json"), legacy=True)
    return None


def list_claims(folder: Path) -> list[Path]:
    """The claims on the run in `folder`, the newest last."""
    try:
        names = os.listdir(folder / "writers")
    except OSError:
        return []
    return [folder / "writers" / name for name in sorted(filter(CLAIM.fullmatch, names), key=int)]


def _facts(path: Path) -> dict[str, Any]:
    """Of an owner's file; empty where it is damaged. Raises FileNotFoundError and NotADirectoryError."""
    try:
        return read_checksummed(path)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError):
        return {}


def _flock_held(path: Path) -> bool | None:
    """None where that can't be found out."""
    try:
        with open_regular(path, os.O_RDONLY | os.O_NOFOLLOW) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # a writer holds it alone; any number of readers may ask
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


# --- on this machine --------------------------------------------------------------------------------------------------


@cache
def machine() -> dict[str, str]:
    """What tells this machine from others: its names, this start of its kernel, and the numbering of its processes."""
    facts = {"host": socket.gethostname(), "boot": "", "pids": "", "machine": ""}
    for name, path in (("boot", "/proc/sys/kernel/random/boot_id"), ("machine", "/etc/machine-id")):
        with suppress(OSError, ValueError):
            facts[name] = read_small(Path(path)).decode().strip()
    with suppress(OSError):
        facts["pids"] = os.readlink("/proc/self/ns/pid")
    return facts


def process() -> dict[str, Any]:
    """What tells this process from all others."""
    return {**machine(), "pid": os.getpid(), "start": _start(os.getpid()), "started": round(time.time(), 3)}


def _lives_here(facts: Mapping[str, Any], lock_is_free: bool) -> bool | None:
    """None where this machine can't say."""
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
    """Whether a process of this machine is still the one that had this number; None where that can't be found out."""
    if type(pid) is not int or not 0 < pid < 1 << 31:
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is another user's
    now = _start(pid)
    if now == "dead":
        return False
    return now == start if now and start else None


def _start(pid: int) -> str:
    """When a process started, in ticks since the machine did; "dead" for a zombie, "" where it can't be read."""
    try:
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()  # its name, in brackets, may hold anything
        return "dead" if words[0] in (b"Z", b"X") else words[19].decode()
    except (OSError, IndexError, ValueError):
        return ""


# --- elsewhere --------------------------------------------------------------------------------------------------------


@dataclass
class _Watched:
    """A heartbeat that this process watches."""

    signs: bytes
    since: float
    """When it was first seen as it is, by this process's monotonic clock."""
    looked: float
    rises: bool = False


_watched: dict[tuple[str, object], _Watched] = {}
_watching = threading.Lock()


def _by_heartbeat(owner: Owner) -> Sight:
    """Whether it rose while this process watched."""
    try:
        signs, heard = _heartbeat(owner)
    except OSError:
        return Sight(Life.UNKNOWN, "its heartbeat can't be read")
    now, key = time.monotonic(), (str(owner.folder), owner.facts.get("started"))
    with _watching:
        seen = _watched.get(key)
        if seen is None or (seen.signs != signs and now - seen.looked > SILENT):  # a change in an hour does not say that it lives now
            seen = _watched[key] = _Watched(signs, now, now)
        elif seen.signs != signs:
            seen = _watched[key] = _Watched(signs, now, now, rises=True)
        seen.looked = now
        if now - seen.since >= SILENT:
            return Sight(Life.GONE)
    return Sight(Life.ALIVE) if seen.rises else Sight(Life.UNKNOWN, heard)


def _heartbeat(owner: Owner) -> tuple[bytes, str]:
    """What changes with every heartbeat, and when the last one was, in words. Raises OSError."""
    path = owner.folder / ("owner.json" if owner.legacy else "heartbeat")
    changed = path.stat()
    counted = b"" if owner.legacy else read_small(path)
    recorded: object = owner.facts.get("host") and None
    with suppress(ValueError, TypeError, KeyError):
        recorded = parse_json(counted)["time"]
    return counted + b"%d" % changed.st_mtime_ns, last_heartbeat(changed.st_mtime, recorded, owner.facts.get("host", "its machine"))


def last_heartbeat(changed: float, recorded: object, host: object) -> str:
    """last heartbeat 3 minutes ago: by the file system's clock, as far as the clocks agree."""
    silent = time.time() - changed
    if silent < -2:
        return f"last heartbeat at an unknown time, since the clocks differ by {_long(-silent)}"
    skew = abs(recorded - changed) if isinstance(recorded, int | float) else 0.0
    differs = f", though the clock of {printable(host, 64)} differs by {_long(skew)}" if skew > SKEW else ""
    return f"last heartbeat {_long(silent)} ago{differs}"


def _long(seconds: float) -> str:
    """40 seconds, 1 minute, 3 hours"""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{max(0, int(seconds))} seconds"
