"""The start of a run: odd things in the place of its files, death at any line, and names that several processes want."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from writers import ENGINE, forked, refuses

from engine.cli.watch import follow
from engine.config.training import PRESETS
from engine.errors import RunError, StorageError
from engine.runs import manage as manage_runs
from engine.runs import writer
from engine.runs.manage import create_run, delete_run, rename_run
from engine.runs.run import Run, all_runs, find_run
from engine.runs.writer import open_writer
from engine.storage import paths

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run() -> Run:
    return create_run("one", PRESETS["quick"], ENGINE)


# --- what is in the place of its files --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lock", "owner.json", "metrics.jsonl", "control.json", "writers", "config.json"])
@pytest.mark.parametrize("kind", ["pipe", "link loop", "folder"])
def test_nothing_waits_for_what_is_no_file(run: Run, name: str, kind: str, command: Command) -> None:
    path = run.path / name
    path.unlink(missing_ok=True)
    {"pipe": lambda: os.mkfifo(path), "link loop": lambda: path.symlink_to(path), "folder": path.mkdir}[kind]()
    create_run("two", PRESETS["quick"], ENGINE)
    signal.alarm(60)
    try:
        assert "two" in command("runs")[1]
        with suppress(RunError, StorageError):
            list(zip(range(1), follow(run, 0.1), strict=False))
        with suppress(RunError, StorageError), open_writer(run) as writer:
            writer.event("started", 0)
    finally:
        signal.alarm(0)


@pytest.mark.parametrize("name", ["metrics.jsonl", "lock"])
def test_a_link_is_not_written_through(run: Run, name: str, tmp_path: Path) -> None:
    target = tmp_path / "theirs"
    target.write_bytes(b"theirs")
    (run.path / name).symlink_to(target)
    with pytest.raises(StorageError, match=name), open_writer(run) as writer:
        writer.event("started", 0)
    assert target.read_bytes() == b"theirs"


@pytest.mark.parametrize("name", ["checkpoints", "samples"])
def test_a_folder_that_can_not_be_written_is_noticed_at_the_start(run: Run, name: str) -> None:
    (run.path / name).rmdir()
    (run.path / name).symlink_to(run.path / name)
    with pytest.raises(StorageError, match=name), open_writer(run):
        pytest.fail("it began to train")


# --- a writer that dies at any line -----------------------------------------------------------------------------------

START = ("claim.py", "writer.py", "manage.py", "atomic.py", "leftovers.py", "metrics_log.py")


def files_of(folder: Path) -> dict[str, bytes]:
    """All that a death leaves: every path in the folder, and what its file holds."""
    return {str(path): b"" if path.is_dir() else path.read_bytes() for path in sorted(folder.rglob("*"))}


def start(at_line: Callable[[int], None]) -> None:
    """Makes a run, begins to write it, ends in order; calls `at_line` with 1, 2, 3 … before each line of that."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.endswith(START):
            return None
        if event == "line":
            count += 1
            at_line(count)
        return trace

    sys.settrace(trace)
    run = create_run("one", PRESETS["quick"], ENGINE)
    with open_writer(run) as writer:
        writer.event("started", 0)
        writer.event("stopped", 0)
    sys.settrace(None)


def note_changes(folder: Path, notes: Path) -> None:
    """Writes down the lines that find other files than the line before: to die at any line between two of them leaves the same."""
    changes: list[int] = []
    before: dict[str, bytes] | None = None

    def compare(line: int) -> None:
        nonlocal before
        now = files_of(folder)
        if now != before:
            changes.append(line)
        before = now

    start(compare)
    notes.write_text(json.dumps(changes))


def start_and_die(at: int) -> None:
    """`start`, but dies without a word at this line of it."""

    def die(line: int) -> None:
        if line == at:
            os._exit(9)

    start(die)


@pytest.mark.slow
@pytest.mark.parametrize("code", [None, errno.ENOSYS], ids=["flock", "ENOSYS"])
def test_a_writer_that_dies_at_any_line_of_its_start(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int | None) -> None:
    """Afterwards a reader says what is true, and the run can be resumed, or its name had."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nothing here loses power
    if code:
        monkeypatch.setattr(fcntl, "flock", refuses(code))
    folder, notes = paths.runs_dir(), tmp_path / "changes.json"
    with open_writer(create_run("one", PRESETS["quick"], ENGINE)):
        pass  # what a process remembers of its first writer, all lives that it forks know alike
    shutil.rmtree(folder)
    assert os.waitpid(forked(lambda: note_changes(folder, notes)), 0)[1] == 0
    shutil.rmtree(folder)
    seen: list[str] = []
    for at in [*json.loads(notes.read_text()), 0]:  # 0: it does not die
        died = os.waitstatus_to_exitcode(os.waitpid(forked(lambda at=at: start_and_die(at)), 0)[1])
        assert died == (9 if at else 0), at
        found = all_runs() or [create_run("one", PRESETS["quick"], ENGINE)]
        seen.append(found[0].state())
        ended = found[0].last(lambda record: record.get("event") == "stopped")
        assert seen[-1] == ("stopped" if ended else "interrupted"), at
        with open_writer(found[0]) as writer:
            assert found[0].state() == "running"
            assert len(os.listdir(found[0].path / "writers")) == 1
            writer.event("started", 0)
        shutil.rmtree(found[0].path.parent)
    assert seen == sorted(seen)
    assert seen.count("interrupted") > 15
    assert seen.count("stopped") > 1


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_name_is_had_once_whatever_comes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is renamed to a name that another is made with: at each step of the making."""
    other = create_run("other", PRESETS["seed"], ENGINE)
    rename = os.rename

    def renamed_first(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", was)
        if target.name == "x":
            rename_run(other, "x")
        rename(self, target)
        return target

    was = Path.rename
    monkeypatch.setattr(Path, "rename", renamed_first)
    with pytest.raises(RunError, match="run x already exists"):
        create_run("x", PRESETS["quick"], ENGINE)
    assert find_run("x").config() == PRESETS["seed"]
    assert [run.name for run in all_runs()] == ["x"]
    assert os.listdir(find_run("x").path.parent) == ["x"]


def test_a_run_is_not_renamed_onto_one_that_is_made_meanwhile(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setattr(manage_runs, "name_taken", lambda _: False)
    create_run("x", PRESETS["seed"], ENGINE)
    with pytest.raises(RunError, match="run x already exists"):
        rename_run(run, "x")
    assert {run.name: run.config().preset for run in all_runs()} == {"one": "quick", "x": "seed"}


def test_deleting_a_link_removes_the_link_and_says_so(run: Run, command: Command, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    run.path.rename(target)
    run.path.symlink_to(target)
    renamed = rename_run(run, "two")
    assert renamed.path.is_symlink()
    code, _, err = command("delete", "two", "--yes")
    assert (code, err) == (0, f"removed the link two; its data stays in {target}\n")
    assert (target / "config.json").exists()
    assert os.listdir(run.path.parent) == []


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: Path(path).symlink_to("/nowhere"), lambda path: Path(path).write_text("x")])
def test_what_is_no_folder_among_the_remains_is_removed_without_waiting(run: Run, make: Callable[[str], object]) -> None:
    """`shutil.rmtree` would open a pipe, and wait for ever for its other end."""
    root = run.path.parent
    with open_writer(run):
        pass
    writers = run.path / "writers"
    last = int(*os.listdir(writers))
    remains = [writers / f".{last:07d}-dead", root / ".x.deleted-1-1"]
    for path in remains:
        make(str(path))
    renamed = rename_run(run, "two")
    assert [int(name) for name in os.listdir(renamed.path / "writers")] == [last + 1]
    delete_run(renamed)
    assert os.listdir(root) == []


def test_a_run_that_can_not_be_removed_whole_says_what_is_left(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(StorageError, match=r"remove .*deleted.* by hand"):
        delete_run(run)
    assert not run.path.exists()


def test_a_folder_that_goes_while_a_writer_mends_the_run_is_passed_over(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of another process whose claim was refused."""
    part = run.path / "samples" / ".x.part"
    part.touch()
    gone = run.path / "writers" / "9999999"
    scandir = os.scandir

    def after_it_went(path: str) -> Any:
        if str(path) == str(gone):
            raise FileNotFoundError(path)
        return scandir(path)

    gone.mkdir(parents=True)
    monkeypatch.setattr(os, "scandir", after_it_went)
    with pytest.raises(FileNotFoundError):
        os.scandir(str(gone))
    writer._repair(run)
    assert not part.exists()
