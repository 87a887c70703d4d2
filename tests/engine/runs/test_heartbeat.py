"""A writer on another machine, judged by watching its heartbeat, whatever the clocks say."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from writers import ENGINE, NO_FLOCK, refuses

from engine.cli.watch import follow
from engine.config.training import PRESETS
from engine.errors import RunError
from engine.runs import liveness
from engine.runs.claim import Claim
from engine.runs.liveness import Life
from engine.runs.manage import create_run
from engine.runs.run import Run, all_runs
from engine.runs.writer import open_writer
from engine.storage.atomic import read_checksummed, write_checksummed

Command = Callable[..., tuple[int, str, str]]
HOUR = 3600.0


@pytest.fixture(autouse=True)
def forgotten() -> None:
    liveness._watched.clear()


@pytest.fixture
def run() -> Run:
    return create_run("one", PRESETS["quick"], ENGINE)


@pytest.fixture(params=[None, *NO_FLOCK], ids=lambda code: errno.errorcode[code] if code else "flock")
def flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int | None:
    """A file system with flock, or one that answers so."""
    if request.param:
        monkeypatch.setattr(fcntl, "flock", refuses(request.param))
    return request.param


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


def elsewhere(run: Run, ahead: float = 0.0) -> Path:
    """The claim of a writer on another machine, whose clock is `ahead` of this one. Returns its heartbeat."""
    claim = Claim(run.path, run.has_ended)
    owner = claim.path / "owner.json"
    facts = {**read_checksummed(owner), "host": "gpubox", "boot": "another", "machine": "another", "pid": 4711, "started": time.time() + ahead}
    claim.release()
    (claim.path / "released.json").unlink()
    write_checksummed(owner, facts)
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
    with pytest.raises(RunError, match="process 4711 on gpubox"), open_writer(run):
        pass


@CLOCKS
def test_a_heartbeat_that_stands_still_while_one_watches_is_a_dead_writer(run: Run, flock: int | None, watched: Clock, ahead: float) -> None:
    elsewhere(run, ahead)
    watched.now += 1000 * HOUR  # nobody watched
    for _ in range(4):
        assert run.sight().life is Life.UNKNOWN
        with pytest.raises(RunError, match=r"may still be trained by process 4711 on gpubox \(last heartbeat"), open_writer(run):
            pass
        watched.now += liveness.SILENT / 4
    assert run.state() == "interrupted"
    with open_writer(run):
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
    assert run.state() == "interrupted"


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
    assert (code, "process 4711 on gpubox may still be training one, last heartbeat" in err) == (0, True)
    assert all_runs() == []


def test_watch_decides_by_watching(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "SILENT", 0.5)
    elsewhere(run)
    lines = list(follow(run, 0.1))
    assert "  one  unknown, last heartbeat" in lines[0]
    assert "  one  interrupted  " in lines[-1]


def test_an_orderly_end_elsewhere_is_believed(run: Run) -> None:
    with open_writer(run) as writer:
        writer.event("stopped", 0)
    elsewhere(run)
    assert run.state() == "stopped"


def test_after_a_restart_of_this_machine_its_writers_are_gone(run: Run, flock: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = Claim(run.path, run.has_ended)
    monkeypatch.setattr(liveness, "machine", lambda: {**here, "boot": "later"})
    here = {"host": socket.gethostname(), "machine": "m"}
    owner = claim.path / "owner.json"
    write_checksummed(owner, {**read_checksummed(owner), **here, "boot": "earlier"})
    claim._lock.close()
    assert not run.running()
    assert run.sight().life is Life.GONE
    claim.release()


def test_the_heartbeat_counts_without_the_help_of_training(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "BEAT", 0.01)

    def count() -> int:
        return int(json.loads((claim / "heartbeat").read_text())["beat"])

    with open_writer(run) as writer:
        claim = writer._claim.path
        until = time.monotonic() + 60
        while count() < 3:
            assert time.monotonic() < until
            time.sleep(0.01)
    after = count()
    time.sleep(0.1)
    assert count() == after, "it ends with the writer"


def test_a_writer_that_was_taken_over_while_it_slept_stops(run: Run) -> None:
    with open_writer(run) as writer:
        writer.event("started", 0)
        before = run.metrics_path.read_bytes()
        claim = run.path / "writers" / "0000002"
        claim.mkdir()
        write_checksummed(claim / "owner.json", {"host": "gpubox", "pid": 4711})
        writer._checked -= 10
        with pytest.raises(RunError, match="process 4711 on gpubox took over"):
            writer.event("saved", 1)
        assert run.metrics_path.read_bytes() == before


def test_a_run_of_an_older_digitty_is_judged_by_its_owner_file(run: Run, watched: Clock) -> None:
    write_checksummed(run.path / "owner.json", {"host": "gpubox", "pid": 4711, "started": 1e9})
    (run.path / "lock").touch()
    assert run.sight().life is Life.UNKNOWN
    watched.now += 15
    os.utime(run.path / "owner.json", (5.0, 5.0))
    assert run.state() == "running on gpubox"
    watched.now += liveness.SILENT
    assert run.state() == "interrupted"
    write_checksummed(run.path / "owner.json", {"host": socket.gethostname(), "pid": os.getpid(), "started": 1e9})
    assert run.state() == "interrupted", "it held no lock"
    with open_writer(run):
        assert run.running()
    assert not (run.path / "owner.json").exists()
