"""One process writes a run, with flock and without it; all others see that it lives, and take over when it died."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from writers import ENGINE, NO_FLOCK, forked, refuses

from engine.cli import runs as cli_runs
from engine.config.training import PRESETS
from engine.errors import RunError
from engine.runs import liveness
from engine.runs.liveness import Sight
from engine.runs.manage import create_run, delete_run, rename_run
from engine.runs.run import Run
from engine.runs.writer import open_writer
from engine.storage.atomic import read_checksummed, write_checksummed

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run() -> Run:
    return create_run("one", PRESETS["quick"], ENGINE)


@pytest.fixture(params=[None, *NO_FLOCK], ids=lambda code: errno.errorcode[code] if code else "flock")
def flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int | None:
    """A file system with flock, or one that answers so."""
    if request.param:
        monkeypatch.setattr(fcntl, "flock", refuses(request.param))
    return request.param


@pytest.fixture(params=NO_FLOCK[:1], ids=["ENOSYS"])
def no_flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refuses(request.param))


def test_a_live_run_is_running_and_no_second_writer_gets_in(run: Run, flock: int | None) -> None:
    assert run.state() == "interrupted"
    with open_writer(run) as writer:
        writer.event("started", 0)
        assert (run.running(), run.state()) == (True, "running")
        with pytest.raises(RunError, match=f"being trained by process {os.getpid()} on"), open_writer(run):
            pass
        for change in (delete_run, lambda run: rename_run(run, "two")):
            with pytest.raises(RunError, match="being trained"):
                change(run)
        writer.event("stopped", 0)
    assert (run.running(), run.state()) == (False, "stopped")
    with open_writer(run):
        assert run.running()


def test_another_process_sees_the_same(run: Run, flock: int | None) -> None:
    ready, wait = os.pipe(), os.pipe()

    def write() -> None:
        with open_writer(run) as writer:
            writer.event("started", 0)
            os.write(ready[1], b"x")
            os.read(wait[0], 1)

    pid = forked(write)
    os.read(ready[0], 1)
    assert (run.running(), run.state(), run.owner()["pid"]) == (True, "running", pid)
    with pytest.raises(RunError, match=f"process {pid}"), open_writer(run):
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert (run.running(), run.state()) == (False, "interrupted")
    with open_writer(run):  # taken over at once
        assert run.owner()["pid"] == os.getpid()
    assert len(list((run.path / "writers").iterdir())) == 1
    for end in (*ready, *wait):
        os.close(end)


def test_stop_and_pause_work_without_flock(run: Run, flock: int | None, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_runs, "ANSWER", 0.3)
    with open_writer(run) as writer:
        writer.event("started", 0)
        for name in ("stop", "pause"):
            assert "did not answer" in command(name, "one")[2], "it was asked"
            assert run.control_path.exists()
        writer.event("paused", 0)
        assert command("pause", "one")[0] == 0
        assert "paused" in command("runs")[1]


def test_a_zombie_writes_no_more(run: Run, no_flock: None) -> None:
    def write() -> None:
        with open_writer(run):
            os._exit(9)

    pid = forked(write)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert not run.running()
    os.waitpid(pid, 0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the start of a process is read from /proc")
def test_a_number_that_another_process_has_now_is_not_the_writer(run: Run, no_flock: None) -> None:
    with open_writer(run) as writer:
        owner = writer._claim.path / "owner.json"
        write_checksummed(owner, {**read_checksummed(owner), "start": "1"})
        assert not run.running()


def test_an_orderly_end_shows_though_its_process_lives_on(run: Run, no_flock: None) -> None:
    with open_writer(run) as writer:
        writer.event("paused", 0)
    assert run.state() == "interrupted"


CROWD = """
import errno, fcntl, os, sys, time
from engine.runs.run import find_run
from engine.runs.writer import open_writer
from engine.errors import RunError

def refuses(*_):
    raise OSError(errno.ENOSYS, "no flock here")

fcntl.flock = refuses
run = find_run("one")
count = 0
for _ in range(60):
    try:
        with open_writer(run):
            os.close(os.open(run.path / "inside", os.O_CREAT | os.O_EXCL))
            time.sleep(0.001)
            os.unlink(run.path / "inside")
            count += 1
    except RunError:
        time.sleep(0.0005)
print(count)
"""


@pytest.mark.slow
def test_of_many_that_try_one_writes_at_a_time_without_flock(run: Run) -> None:
    crowd = [subprocess.Popen([sys.executable, "-c", CROWD], cwd=Path(__file__).parents[3], stdout=-1, stderr=-1) for _ in range(3)]
    said = [process.communicate(timeout=120) for process in crowd]
    assert [error for _, error in said] == [b"", b"", b""]
    assert sum(int(count) for count, _ in said) >= 3


def test_a_writer_that_was_judged_before_another_took_over_stays_out(run: Run, no_flock: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It saw that nobody writes; before it has its claim, another is in."""
    judge, others = liveness.judge, ExitStack()

    def judge_slowly(*arguments: Any) -> Sight:
        monkeypatch.setattr(liveness, "judge", judge)
        sight = judge(*arguments)
        others.enter_context(open_writer(run))
        return sight

    with others:
        monkeypatch.setattr(liveness, "judge", judge_slowly)
        with pytest.raises(RunError, match="being trained"), open_writer(run):
            pytest.fail("both are in")
        assert run.running()
    with open_writer(run):
        assert run.running()


def test_an_empty_claim_is_nobody(run: Run, flock: int | None) -> None:
    (run.path / "writers" / "0000007").mkdir(parents=True)
    assert run.state() == "interrupted"
    with open_writer(run):
        assert os.listdir(run.path / "writers") == ["0000008"]
