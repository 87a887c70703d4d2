"""The processors that a process may use: affinity, and the quotas of fake cgroup trees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import SettingError
from engine.process import processors as module
from engine.process.processors import cgroup_quota, check_threads, processors, threads_for

V2_MOUNT = "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
V1_MOUNT = "32 31 0:29 {part} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "_affinity", lambda: 16)
    for name in module.LIMITED:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def v2(root: Path, group: str, **quotas: str) -> None:
    put(root, {"proc/self/cgroup": f"0::{group}\n", "proc/self/mountinfo": V2_MOUNT})
    put(root, {f"sys/fs/cgroup/{folder.replace('__', '/')}/cpu.max": text for folder, text in quotas.items()})


def v1(root: Path, group: str, quotas: dict[str, tuple[int, int]], part: str = "/") -> None:
    put(root, {"proc/self/cgroup": f"5:memory:/else\n4:cpuacct,cpu:{group}\n0::/\n", "proc/self/mountinfo": V1_MOUNT.format(part=part)})
    for folder, (quota, period) in quotas.items():
        at = f"sys/fs/cgroup/cpu,cpuacct/{folder}"
        put(root, {f"{at}/cpu.cfs_quota_us": f"{quota}\n", f"{at}/cpu.cfs_period_us": f"{period}\n"})


def test_no_cgroups(root: Path) -> None:
    assert cgroup_quota(root) is None
    assert processors() == 16


def test_version_2(root: Path) -> None:
    v2(root, "/job", job="100000 100000\n")
    assert cgroup_quota(root) == 1
    assert processors() == 1


def test_the_least_of_all_levels_counts(root: Path) -> None:
    v2(root, "/a/b/c", a="300000 100000\n", a__b="200000 100000\n", a__b__c="max 100000\n")
    assert processors() == 2


def test_a_container_sees_its_own_group_as_the_root(root: Path) -> None:
    v2(root, "/")
    put(root, {"sys/fs/cgroup/cpu.max": "400000 100000\n"})
    assert processors() == 4


@pytest.mark.parametrize(("quota", "expected"), [("150000 100000", 2), ("5000 100000", 1), ("6400000 100000", 16), ("max 100000", 16)])
def test_a_quota_is_rounded_up_and_never_more_than_there_are(root: Path, quota: str, expected: int) -> None:
    v2(root, "/job", job=quota)
    assert processors() == expected


@pytest.mark.parametrize("text", ["", "max", "x y", "100000", "-1 100000", "100000 0", "1 2 3", "\xff"])
def test_nonsense_sets_no_limit(root: Path, text: str) -> None:
    v2(root, "/job", job=text)
    assert cgroup_quota(root) is None


def test_version_1(root: Path) -> None:
    v1(root, "/a/b", {"": (-1, 100_000), "a": (250_000, 100_000), "a/b": (-1, 100_000)})
    assert cgroup_quota(root) == 2.5
    assert processors() == 3


def test_version_1_in_a_container_that_knows_the_path_of_its_host(root: Path) -> None:
    v1(root, "/docker/abc/inner", {"": (300_000, 100_000), "inner": (200_000, 100_000)}, part="/docker/abc")
    assert processors() == 2
    v1(root, "/elsewhere", {}, part="/docker/abc")
    assert processors() == 3


def test_both_versions_at_once(root: Path) -> None:
    v1(root, "/a", {"a": (300_000, 100_000)})
    put(root, {"proc/self/mountinfo": V1_MOUNT.format(part="/") + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\nshort\n"})
    assert processors() == 3
    put(root, {"sys/fs/cgroup/unified/cpu.max": "200000 100000"})
    assert processors() == 2


def test_a_fifo_in_place_of_a_quota_waits_for_nobody(root: Path) -> None:
    v2(root, "/job")
    (root / "sys/fs/cgroup/job").mkdir(parents=True)
    os.mkfifo(root / "sys/fs/cgroup/job/cpu.max")
    assert processors() == 16


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="macOS knows no affinity")
def test_affinity_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "ROOT", tmp_path)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert processors() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_threads(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    v2(root, "/job", job="200000 100000")
    assert threads_for(None, default=8) == 2, "no more than the quota has processors"
    assert threads_for(None, default=1) == 1, "and no more than torch would use"
    assert threads_for(1, default=8) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads_for(None, default=3) == 3, "what the person's environment says counts"
    assert threads_for(2, default=3) == 2, "but for the option"


def test_more_threads_than_processors_are_refused(root: Path) -> None:
    v2(root, "/job", job="200000 100000")
    check_threads(None)
    check_threads(2)
    for wrong in (0, -1, 3):
        with pytest.raises(SettingError, match=f"threads {wrong} is outside 1 to 2, the number of processors"):
            check_threads(wrong)
