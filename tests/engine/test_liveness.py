"""Whether a run's writer lives: with flock and without, on this machine and elsewhere, whatever the clocks say, and wherever a writer dies."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from engine import cli_runs, liveness, manage_runs, runs
from engine.claim import Claim
from engine.config import PRESETS
from engine.errors import RunError, StorageError
from engine.events import Engine
from engine.files import read_sealed, write_sealed
from engine.liveness import Life
from engine.runs import Run
from engine.watch import watch

Command = Callable[..., tuple[int, str, str]]
ENGINE = Engine("cpu", "bf16", "channels_last")
HOUR = 3600.0
NO_FLOCK = [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP]


@pytest.fixture(autouse=True)
def forgotten() -> None:
    liveness._watched.clear()


@pytest.fixture
def run() -> Run:
    return runs.create("one", PRESETS["quick"], ENGINE)


@pytest.fixture(params=[None, *NO_FLOCK], ids=lambda code: errno.errorcode[code] if code else "flock")
def flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int | None:
    """A file system with flock, or one that answers so."""
    if request.param:
        monkeypatch.setattr(fcntl, "flock", refuses(request.param))
    return request.param


@pytest.fixture(params=NO_FLOCK[:1], ids=["ENOSYS"])
def no_flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refuses(request.param))


def refuses(code: int) -> Callable[..., None]:
    def flock(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return flock


class Clock:
    """The monotonic clock that this process watches by."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(liveness.time, "monotonic", clock.monotonic)
    return clock


def forked(work: Callable[[], object]) -> int:
    """A process that does this, and then sleeps; its number."""
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            work()
        os._exit(0)
    return pid


# --- with flock and without it ----------------------------------------------------------------------------------------


def test_a_live_run_is_running_and_no_second_writer_gets_in(run: Run, flock: int | None) -> None:
    assert run.state() == "crashed"
    with runs.writing(run) as writer:
        writer.event("started", 0)
        assert (run.running(), run.state()) == (True, "running")
        with pytest.raises(RunError, match=f"being trained by process {os.getpid()} on"), runs.writing(run):
            pass
        for change in (runs.delete, lambda run: runs.rename(run, "two")):
            with pytest.raises(RunError, match="being trained"):
                change(run)
        writer.event("stopped", 0)
    assert (run.running(), run.state()) == (False, "stopped")
    with runs.writing(run):
        assert run.running()


def test_another_process_sees_the_same(run: Run, flock: int | None) -> None:
    ready, wait = os.pipe(), os.pipe()

    def write() -> None:
        with runs.writing(run) as writer:
            writer.event("started", 0)
            os.write(ready[1], b"x")
            os.read(wait[0], 1)

    pid = forked(write)
    os.read(ready[0], 1)
    assert (run.running(), run.state(), run.owner()["pid"]) == (True, "running", pid)
    with pytest.raises(RunError, match=f"process {pid}"), runs.writing(run):
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert (run.running(), run.state()) == (False, "crashed")
    with runs.writing(run):  # taken over at once
        assert run.owner()["pid"] == os.getpid()
    assert len(list((run.path / "writers").iterdir())) == 1
    for end in (*ready, *wait):
        os.close(end)


def test_stop_and_pause_work_without_flock(run: Run, flock: int | None, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_runs, "ANSWER", 0.3)
    with runs.writing(run) as writer:
        writer.event("started", 0)
        for name in ("stop", "pause"):
            assert "did not answer" in command(name, "one")[2], "it was asked"
            assert run.control_path.exists()
        writer.event("paused", 0)
        assert command("pause", "one")[0] == 0
        assert "paused" in command("runs")[1]


def test_a_zombie_writes_no_more(run: Run, no_flock: None) -> None:
    def write() -> None:
        with runs.writing(run):
            os._exit(9)

    pid = forked(write)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert not run.running()
    os.waitpid(pid, 0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the start of a process is read from /proc")
def test_a_number_that_another_process_has_now_is_not_the_writer(run: Run, no_flock: None) -> None:
    with runs.writing(run) as writer:
        owner = writer._claim.path / "owner.json"
        write_sealed(owner, {**read_sealed(owner), "start": "1"})
        assert not run.running()


def test_an_orderly_end_shows_though_its_process_lives_on(run: Run, no_flock: None) -> None:
    with runs.writing(run) as writer:
        writer.event("paused", 0)
    assert run.state() == "crashed"


CROWD = """
import errno, fcntl, os, sys, time
from engine import runs
from engine.errors import RunError

def refuses(*_):
    raise OSError(errno.ENOSYS, "no flock here")

fcntl.flock = refuses
run = runs.find("one")
count = 0
for _ in range(60):
    try:
        with runs.writing(run):
            os.close(os.open(run.path / "inside", os.O_CREAT | os.O_EXCL))
            time.sleep(0.001)
            os.unlink(run.path / "inside")
            count += 1
    except RunError:
        time.sleep(0.0005)
print(count)
"""


def test_of_many_that_try_one_writes_at_a_time_without_flock(run: Run) -> None:
    crowd = [subprocess.Popen([sys.executable, "-c", CROWD], cwd=Path(__file__).parents[2], stdout=-1, stderr=-1) for _ in range(3)]
    said = [process.communicate(timeout=120) for process in crowd]
    assert [error for _, error in said] == [b"", b"", b""]
    assert sum(int(count) for count, _ in said) >= 3


# --- elsewhere --------------------------------------------------------------------------------------------------------


def elsewhere(run: Run, ahead: float = 0.0) -> Path:
    """The claim of a writer on another machine, whose clock is `ahead` of this one. Returns its heartbeat."""
    claim = Claim(run.path, run.ended)
    owner = claim.path / "owner.json"
    facts = {**read_sealed(owner), "host": "gpubox", "boot": "another", "machine": "another", "pid": 4711, "started": time.time() + ahead}
    claim.release()
    (claim.path / "released.json").unlink()
    write_sealed(owner, facts)
    beat(claim.path / "heartbeat", 0, ahead)
    return claim.path / "heartbeat"


def beat(heartbeat: Path, count: int, ahead: float) -> None:
    heartbeat.write_text(json.dumps({"beat": count, "time": time.time() + ahead}).ljust(79) + "\n")
    os.utime(heartbeat, (time.time() + ahead,) * 2)


CLOCKS = pytest.mark.parametrize("ahead", [-5 * HOUR, 0.0, 7 * HOUR], ids=["behind", "right", "ahead"])


@CLOCKS
def test_a_heartbeat_that_rises_while_one_watches_is_a_live_writer(run: Run, flock: int | None, watched: Clock, ahead: float) -> None:
    heartbeat = elsewhere(run, ahead)
    assert run.state().startswith("unknown, last heartbeat")
    assert not run.running()
    for count in range(1, 40):
        watched.now += liveness.BEAT
        beat(heartbeat, count, ahead)
        assert run.state() == "running on gpubox"
    with pytest.raises(RunError, match="process 4711 on gpubox"), runs.writing(run):
        pass


@CLOCKS
def test_a_heartbeat_that_stands_still_while_one_watches_is_a_dead_writer(run: Run, flock: int | None, watched: Clock, ahead: float) -> None:
    elsewhere(run, ahead)
    watched.now += 1000 * HOUR  # nobody watched
    for _ in range(4):
        assert run.sight().life is Life.UNKNOWN
        with pytest.raises(RunError, match=r"may still be trained by process 4711 on gpubox \(last heartbeat"), runs.writing(run):
            pass
        watched.now += liveness.SILENT / 4
    assert run.state() == "crashed"
    with runs.writing(run):
        assert run.owner()["host"] == socket.gethostname()


def test_one_that_lived_and_falls_silent_is_gone_after_a_while(run: Run, watched: Clock) -> None:
    heartbeat = elsewhere(run)
    run.sight()
    watched.now += liveness.BEAT
    beat(heartbeat, 1, 0.0)
    assert run.running()
    watched.now += liveness.SILENT - 1
    assert run.running()
    watched.now += 1
    assert run.state() == "crashed"


def test_a_change_over_an_hour_says_nothing_of_now(run: Run, watched: Clock) -> None:
    heartbeat = elsewhere(run)
    run.sight()
    watched.now += HOUR
    beat(heartbeat, 400, 0.0)
    assert run.sight().life is Life.UNKNOWN


@pytest.mark.parametrize(
    ("changed", "recorded", "words"),
    [
        (0.0, 0.0, "last heartbeat 0 seconds ago"),
        (-185.0, -185.0, "last heartbeat 3 minutes ago"),
        (-65.0, None, "last heartbeat 1 minute ago"),
        (-2 * HOUR, -2 * HOUR, "last heartbeat 2 hours ago"),
        (-30 * HOUR, "x", "last heartbeat 1 day ago"),
        (1.0, 1.0, "last heartbeat 0 seconds ago"),
        (3 * HOUR + 1, 3 * HOUR + 1, "last heartbeat at an unknown time, since the clocks differ by 3 hours"),
        (-185.0, 5 * HOUR, "last heartbeat 3 minutes ago, though the clock of a·b differs by 5 hours"),
        (-185.0, -4 * HOUR, "last heartbeat 3 minutes ago, though the clock of a·b differs by 3 hours"),
    ],
)
def test_how_old_a_heartbeat_is_as_far_as_clocks_allow(monkeypatch: pytest.MonkeyPatch, changed: float, recorded: object, words: str) -> None:
    monkeypatch.setattr(liveness.time, "time", lambda: 1e9)
    known = 1e9 + recorded if isinstance(recorded, float) else recorded
    assert liveness.last_heartbeat(1e9 + changed, known, "a\033b") == words


def test_one_shot_commands_say_unknown(run: Run, command: Command) -> None:
    os.utime(elsewhere(run), (time.time() - 185,) * 2)
    liveness._watched.clear()
    out = command("runs")[1]
    assert "unknown, last heartbeat 3 minutes ago" in out
    liveness._watched.clear()
    assert json.loads(command("runs", "--json")[1])["state"].startswith("unknown, last heartbeat 3 minutes ago")


def test_commands_that_change_watch_first(run: Run, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "SILENT", 0.5)
    elsewhere(run)
    code, _, err = command("delete", "one", "--yes")
    assert (code, "process 4711 on gpubox may still train one, last heartbeat" in err) == (0, True)
    assert runs.all_runs() == []


def test_watch_decides_by_watching(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "SILENT", 0.5)
    elsewhere(run)
    lines = list(watch(run, 0.1))
    assert "  one  unknown, last heartbeat" in lines[0]
    assert "  one  crashed  " in lines[-1]


def test_an_orderly_end_elsewhere_is_believed(run: Run) -> None:
    with runs.writing(run) as writer:
        writer.event("stopped", 0)
    elsewhere(run)
    assert run.state() == "stopped"


def test_after_a_restart_of_this_machine_its_writers_are_gone(run: Run, flock: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = Claim(run.path, run.ended)
    monkeypatch.setattr(liveness, "machine", lambda: {**here, "boot": "later"})
    here = {"host": socket.gethostname(), "machine": "m"}
    owner = claim.path / "owner.json"
    write_sealed(owner, {**read_sealed(owner), **here, "boot": "earlier"})
    claim._lock.close()
    assert not run.running()
    assert run.sight().life is Life.GONE
    claim.release()


def test_the_heartbeat_counts_without_the_help_of_training(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "BEAT", 0.01)

    def count() -> int:
        return int(json.loads((claim / "heartbeat").read_text())["beat"])

    with runs.writing(run) as writer:
        claim = writer._claim.path
        until = time.monotonic() + 60
        while count() < 3:
            assert time.monotonic() < until
            time.sleep(0.01)
    after = count()
    time.sleep(0.1)
    assert count() == after, "it ends with the writer"


def test_a_writer_that_was_taken_over_while_it_slept_stops(run: Run) -> None:
    with runs.writing(run) as writer:
        writer.event("started", 0)
        before = run.metrics_path.read_bytes()
        claim = run.path / "writers" / "0000002"
        claim.mkdir()
        write_sealed(claim / "owner.json", {"host": "gpubox", "pid": 4711})
        writer._checked -= 10
        with pytest.raises(RunError, match="process 4711 on gpubox took over"):
            writer.event("saved", 1)
        assert run.metrics_path.read_bytes() == before


def test_a_run_of_an_older_digitty_is_judged_by_its_owner_file(run: Run, watched: Clock) -> None:
    write_sealed(run.path / "owner.json", {"host": "gpubox", "pid": 4711, "started": 1e9})
    (run.path / "lock").touch()
    assert run.sight().life is Life.UNKNOWN
    watched.now += 15
    os.utime(run.path / "owner.json", (5.0, 5.0))
    assert run.state() == "running on gpubox"
    watched.now += liveness.SILENT
    assert run.state() == "crashed"
    write_sealed(run.path / "owner.json", {"host": socket.gethostname(), "pid": os.getpid(), "started": 1e9})
    assert run.state() == "crashed", "it held no lock"
    with runs.writing(run):
        assert run.running()
    assert not (run.path / "owner.json").exists()


# --- what is in the place of its files --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lock", "owner.json", "metrics.jsonl", "control.json", "writers", "config.json"])
@pytest.mark.parametrize("kind", ["pipe", "link loop", "folder"])
def test_nothing_waits_for_what_is_no_file(run: Run, name: str, kind: str, command: Command) -> None:
    path = run.path / name
    path.unlink(missing_ok=True)
    {"pipe": lambda: os.mkfifo(path), "link loop": lambda: path.symlink_to(path), "folder": path.mkdir}[kind]()
    runs.create("two", PRESETS["quick"], ENGINE)
    signal.alarm(60)
    try:
        assert "two" in command("runs")[1]
        with suppress(RunError):
            list(zip(range(1), watch(run, 0.1), strict=False))
        with suppress(RunError, StorageError), runs.writing(run) as writer:
            writer.event("started", 0)
    finally:
        signal.alarm(0)


@pytest.mark.parametrize("name", ["metrics.jsonl", "lock"])
def test_a_link_is_not_written_through(run: Run, name: str, tmp_path: Path) -> None:
    target = tmp_path / "theirs"
    target.write_bytes(b"theirs")
    (run.path / name).symlink_to(target)
    with pytest.raises(StorageError, match=name), runs.writing(run) as writer:
        writer.event("started", 0)
    assert target.read_bytes() == b"theirs"


@pytest.mark.parametrize("name", ["checkpoints", "samples"])
def test_a_folder_that_can_not_be_written_is_noticed_at_the_start(run: Run, name: str) -> None:
    (run.path / name).rmdir()
    (run.path / name).symlink_to(run.path / name)
    with pytest.raises(StorageError, match=name), runs.writing(run):
        pytest.fail("it began to train")


# --- a writer that dies at any line -----------------------------------------------------------------------------------

START = ("claim.py", "writer.py", "manage_runs.py", "files.py", "metrics.py")


def start_and_die(at: int, files: tuple[str, ...] = START) -> None:
    """Makes a run, begins to write it, ends in order; dies without a word at the `at`th line of that."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.endswith(files):
            return None
        if event == "line":
            count += 1
            if count == at:
                os._exit(9)
        return trace

    sys.settrace(trace)
    run = runs.create("one", PRESETS["quick"], ENGINE)
    with runs.writing(run) as writer:
        writer.event("started", 0)
        writer.event("stopped", 0)


@pytest.mark.parametrize(("code", "files"), [(None, START), (errno.ENOSYS, ("claim.py",))], ids=["flock", "ENOSYS"])
def test_a_writer_that_dies_at_any_line_of_its_start(home: Path, monkeypatch: pytest.MonkeyPatch, code: int | None, files: tuple[str, ...]) -> None:
    """Afterwards a reader says what is true, and the run can be resumed, or its name had."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nothing here loses power
    if code:
        monkeypatch.setattr(fcntl, "flock", refuses(code))
    seen: list[str] = []
    died, at = 9, 0
    while died:
        at += 1
        pid = forked(lambda at=at: start_and_die(at, files))
        died = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert died in (0, 9)
        found = runs.all_runs() or [runs.create("one", PRESETS["quick"], ENGINE)]
        seen.append(found[0].state())
        ended = found[0].last(lambda record: record.get("event") == "stopped")
        assert seen[-1] == ("stopped" if ended else "crashed"), at
        with runs.writing(found[0]) as writer:
            assert found[0].state() == "running"
            assert len(os.listdir(found[0].path / "writers")) == 1
            writer.event("started", 0)
        shutil.rmtree(found[0].path.parent)
    assert seen == sorted(seen)
    assert seen.count("crashed") > 50
    assert seen.count("stopped") > 5


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_name_is_had_once_whatever_comes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is renamed to a name that another is made with: at each step of the making."""
    other = runs.create("other", PRESETS["seed"], ENGINE)
    rename = os.rename

    def renamed_first(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", was)
        if target.name == "x":
            runs.rename(other, "x")
        rename(self, target)
        return target

    was = Path.rename
    monkeypatch.setattr(Path, "rename", renamed_first)
    with pytest.raises(RunError, match="run x exists"):
        runs.create("x", PRESETS["quick"], ENGINE)
    assert runs.find("x").config() == PRESETS["seed"]
    assert [run.name for run in runs.all_runs()] == ["x"]
    assert os.listdir(runs.find("x").path.parent) == ["x"]


def test_a_run_is_not_renamed_onto_one_that_is_made_meanwhile(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setattr(manage_runs, "taken", lambda _: False)
    runs.create("x", PRESETS["seed"], ENGINE)
    with pytest.raises(RunError, match="run x exists"):
        runs.rename(run, "x")
    assert {run.name: run.config().preset for run in runs.all_runs()} == {"one": "quick", "x": "seed"}


def test_deleting_a_link_removes_the_link_and_says_so(run: Run, command: Command, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    run.path.rename(target)
    run.path.symlink_to(target)
    renamed = runs.rename(run, "two")
    assert renamed.path.is_symlink()
    code, _, err = command("delete", "two", "--yes")
    assert (code, err) == (0, f"removed the link two; its data stays in {target}\n")
    assert (target / "config.json").exists()
    assert os.listdir(run.path.parent) == []
