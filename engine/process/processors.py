"""How many processors this process may use, and how many threads torch gets. No torch."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from engine.errors import SettingError
from engine.storage.atomic import read_small

ROOT = Path("/")
"""The root of the kernel's files; tests use another."""
LIMITED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that limit the threads of every program; torch reads them itself."""


def processors() -> int:
    """The number of processors that this process may use: those of the machine, or fewer by its affinity or its cgroup's quota; at least 1.

    A quota that is not whole is rounded up: two threads use a quota of 1.5 processors, one thread wastes a third of it.
    """
    quota = cgroup_quota(ROOT)
    return _affinity() if quota is None else max(1, min(_affinity(), math.ceil(quota)))


def check_threads(requested: int | None) -> None:
    """Raises SettingError for a number of threads outside 1 to `processors()`. More threads would only wait for each other."""
    if requested is not None and not 1 <= requested <= processors():
        raise SettingError(f"threads {requested} is outside 1 to {processors()}, the number of processors that this process may use")


def threads_for(requested: int | None, default: int) -> int:
    """The number of threads for torch, whose own choice is `default`: the number asked for, else what the environment or the quota allows."""
    if requested is not None:
        return requested
    return default if any(os.environ.get(name) for name in LIMITED) else min(default, processors())


def cgroup_quota(root: Path) -> float | None:
    """The number of processors that the cgroups of this process allow (versions 1 and 2, the lowest of all levels); None for no limit."""
    quotas = [quota for folder in _cgroup_folders(root) if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _affinity() -> int:
    """The number of processors that the scheduler may use for this process."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS has no affinity
        return os.cpu_count() or 1


def _cgroup_folders(root: Path) -> Iterator[Path]:
    """The folders of this process's cgroups that may have a quota, from its own up to the mount point of the hierarchy."""
    mine = _own_cgroups(root)
    for mounted_part, mount_point, controllers in _cgroup_mounts(root):
        path = mine.get(controllers)
        if path is None:
            continue
        base = root / mount_point.lstrip("/")
        # in a container the path may be that of the host, and only its end is mounted
        inside = path.relative_to(mounted_part) if path.is_relative_to(mounted_part) else PurePosixPath()
        if ".." in inside.parts:  # the process was moved out of its cgroup namespace
            inside = PurePosixPath()
        for part in (inside, *inside.parents):
            yield base / part


def _own_cgroups(root: Path) -> dict[str, PurePosixPath]:
    """The path of this process in each hierarchy: "" is version 2, "cpu" the hierarchy of version 1 that has quotas."""
    found = {}
    for line in _read_lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            found[""] = PurePosixPath(path)
        elif "cpu" in controllers.split(","):
            found["cpu"] = PurePosixPath(path)
    return found


def _cgroup_mounts(root: Path) -> Iterator[tuple[str, str, str]]:
    """(the mounted part of the hierarchy, its mount point, "" or "cpu") of each cgroup mount; see mountinfo in proc(5)."""
    for line in _read_lines(root / "proc/self/mountinfo"):
        mount, _, source = line.partition(" - ")
        fields, kinds = mount.split(), source.split()
        if len(fields) < 5 or len(kinds) < 3:
            continue
        part, point = _unescape(fields[3]), _unescape(fields[4])
        if kinds[0] == "cgroup2":
            yield part, point, ""
        elif kinds[0] == "cgroup" and "cpu" in kinds[2].split(","):
            yield part, point, "cpu"


def _quota(folder: Path) -> float | None:
    """The number of processors that one cgroup allows: cpu.max of version 2, or cpu.cfs_quota_us and cpu.cfs_period_us of version 1."""
    words = " ".join(_read_lines(folder / "cpu.max")).split()
    if not words:
        words = [*_read_lines(folder / "cpu.cfs_quota_us"), *_read_lines(folder / "cpu.cfs_period_us")]
    try:
        quota, period = (int(word) for word in words)  # "max 100000" and "-1" set no limit
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _read_lines(path: Path) -> list[str]:
    """The lines of a small file of the kernel; none if it is missing or can't be read."""
    try:
        return read_small(path).decode(errors="replace").splitlines()
    except OSError:
        return []


def _unescape(field: str) -> str:
    r"""The text of a field of mountinfo, which writes a space as \040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
