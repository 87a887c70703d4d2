"""A run directory: names, one writer, lines that wait for room, and what a run says of itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine.runs.writer
from engine.config.compute import ComputeInfo
from engine.config.training import PRESETS, TrainConfig
from engine.errors import CheckpointError, RunError, StorageError
from engine.runs.manage import check_writable, create_run, delete_run, name_taken, rename_run
from engine.runs.metrics_log import Follower, encode
from engine.runs.run import ENDS, Run, all_runs, check_name, find_run, latest_state
from engine.runs.writer import open_writer, write_config
from engine.storage import paths
from engine.storage.atomic import read_checksummed, write_checksummed

ROOT = Path(__file__).parents[3]
ENGINE = ComputeInfo("cpu", "bf16", "channels_last")


@pytest.fixture
def run() -> Run:
    return create_run("one", PRESETS["quick"], ENGINE)


def other_process(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"from engine.runs.run import find_run\nfrom engine.runs.writer import open_writer\n{code}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


# --- making and finding -----------------------------------------------------------------------------------------------


def test_what_is_made_is_found(run: Run) -> None:
    assert find_run("one") == run
    assert run.config() == PRESETS["quick"]
    assert run.engine() == ENGINE
    assert run.path == paths.runs_dir() / "one"


def test_a_name_is_taken_once(run: Run) -> None:
    with pytest.raises(RunError, match="--resume one"):
        create_run("one", TrainConfig(), ENGINE)
    assert run.config() == PRESETS["quick"]


def test_names_of_their_own_count_up() -> None:
    assert [create_run(None, PRESETS[p], ENGINE).name for p in ("seed", "seed", "quick", "seed")] == ["seed-1", "seed-2", "quick-1", "seed-3"]


def test_a_missing_run_names_those_there_are(run: Run) -> None:
    with pytest.raises(RunError, match=r"no run named two; existing runs: one"):
        find_run("two")


def test_no_runs_at_all() -> None:
    assert all_runs() == []
    with pytest.raises(RunError, match="digitty train"):
        find_run("one")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc",
        "a\\b",
        ".hidden",
        "-x",
        "a b",
        "a\0b",
        "a\n",
        "ü",
        "x" * 65,
        "~",
        "C:",
        "shipped",
        "a.pth",
        "a.safetensors",
    ],
    ids=repr,
)
def test_names_that_would_be_elsewhere_or_something_else(name: str) -> None:
    for ask in (find_run, lambda name: create_run(name, TrainConfig(), ENGINE) if name else find_run(name)):
        with pytest.raises(RunError):
            ask(name)
    assert not list(paths.data_dir().rglob("*.json"))


@pytest.mark.slow
@given(st.text(max_size=70))
def test_a_name_that_passes_is_one_folder(name: str) -> None:
    try:
        check_name(name)
    except RunError:
        return
    assert (Path("/runs") / name).resolve().parent == Path("/runs")


def test_the_one_written_last_comes_first() -> None:
    for age, name in ((30, "old"), (10, "new"), (20, "middle")):
        path = create_run(name, TrainConfig(), ENGINE).path / "config.json"
        os.utime(path, (1e9 - age, 1e9 - age))
    assert [run.name for run in all_runs()] == ["new", "middle", "old"]


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000, '{"format": "digitty-run", "version": 2}', '{"sha256": "00"}'])
def test_a_config_that_can_not_be_read(run: Run, text: str) -> None:
    (run.path / "config.json").write_text(text)
    with pytest.raises(RunError, match=r"config\.json"):
        run.config()
    assert all_runs() == [run]  # still listed


@pytest.mark.parametrize("change", [{"format": "other"}, {"version": 99}, {"engine": {"device": 1}}, {"config": {"epochs": 0}}, {"created": None}])
def test_a_config_of_something_else_is_not_read_though_its_digest_is_right(run: Run, change: dict[str, object]) -> None:
    path = run.path / "config.json"
    write_checksummed(path, {**read_checksummed(path), **change})
    with pytest.raises(RunError, match=r"config\.json"):
        run.config()


def test_a_config_changed_by_hand_says_so(run: Run) -> None:
    path = run.path / "config.json"
    path.write_text(path.read_text().replace('"epochs": 2', '"epochs": 3'))
    with pytest.raises(RunError, match="damaged or edited by hand"):
        run.config()


def test_a_run_that_is_described_again_stays_as_old(run: Run) -> None:
    created = run.created()
    longer = replace(PRESETS["quick"], epochs=7)
    write_config(run, longer, ENGINE)
    assert (run.config(), run.created()) == (longer, created)


def test_no_folder_for_runs(home: Path) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="DIGITTY_HOME"):
        create_run("one", TrainConfig(), ENGINE)


def test_a_run_that_could_not_be_made_leaves_its_name_free(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise StorageError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(engine.runs.writer, "write_checksummed", no_room)
        with pytest.raises(StorageError):
            create_run("one", TrainConfig(), ENGINE)
    create_run("one", TrainConfig(), ENGINE)


def test_a_run_whose_maker_died_leaves_its_name_free(run: Run) -> None:
    """As an older digitty did, which made runs in place."""
    (run.path / "config.json").rename(run.path / ".config.json.0123.part")
    assert not name_taken("one")
    assert create_run("one", TrainConfig(), ENGINE).config() == TrainConfig()
    assert name_taken("one")


def test_a_folder_with_files_in_it_is_not_taken_for_an_unfinished_run(run: Run) -> None:
    (run.path / "config.json").rename(run.path / "notes.txt")
    assert name_taken("one")
    with pytest.raises(RunError, match="exists"):
        create_run("one", TrainConfig(), ENGINE)
    assert (run.path / "notes.txt").exists()


# --- one writer -------------------------------------------------------------------------------------------------------


def test_one_writer_in_this_process_or_another(run: Run) -> None:
    assert not run.running()
    with open_writer(run):
        assert run.running()
        with pytest.raises(RunError, match="being trained by process"), open_writer(run):
            pass
        seen = other_process("run = find_run('one')\nprint(run.running(), run.state())\nwith open_writer(run): print('WROTE')")
        assert seen.stdout.split() == ["True", "running"]
        assert "RunError" in seen.stderr
        assert str(run.owner()["pid"]) in seen.stderr.splitlines()[-1]
    assert not run.running()
    assert other_process("with open_writer(find_run('one')): print('WROTE')").stdout == "WROTE\n"


def test_looking_does_not_lock_a_writer_out(run: Run) -> None:
    for _ in range(20):
        assert not run.running()
        with open_writer(run):
            assert run.running()


def test_a_killed_writer_holds_no_lock(run: Run) -> None:
    died = other_process("import os\nwith open_writer(find_run('one')) as w:\n    w.event('started', 0)\n    os._exit(9)")
    assert died.returncode == 9
    assert not run.running()
    assert run.state() == "interrupted"
    with open_writer(run) as writer:
        writer.event("finished", 1)
    assert run.state() == "finished"


@pytest.mark.parametrize("event", ENDS)
def test_a_run_says_how_it_ended(run: Run, event: str) -> None:
    with open_writer(run) as writer:
        writer.event("started", 0)
        writer.log({"step": 1, "loss": 0.5})
        writer.event(event, 1)
        assert run.state() == "running"
    assert run.state() == event
    with open_writer(run) as writer:
        writer.event("started", 1)
    assert run.state() == "interrupted"


def test_a_run_that_waits_says_so(run: Run) -> None:
    with open_writer(run) as writer:
        writer.event("paused", 3)
        assert run.state() == "paused"
        writer.event("resumed", 3)
        assert run.state() == "running"
        writer.event("paused", 5)
    assert run.state() == "interrupted", "paused for ever: its process is gone"


# --- metrics ----------------------------------------------------------------------------------------------------------


def test_a_torn_tail_is_cut_before_more_is_written(run: Run) -> None:
    run.metrics_path.write_bytes(encode({"step": 1, "loss": 0.5}) + encode({"step": 2, "loss": 0.75})[:-9])
    with open_writer(run) as writer:
        writer.log({"step": 2, "loss": 0.25})
        writer.flush()
    assert [record["loss"] for record in Follower(run.metrics_path).records()] == [0.5, 0.25]


def test_the_last_record_of_a_kind(run: Run) -> None:
    assert run.last(lambda record: True) is None
    assert run.step() == 0
    with open_writer(run) as writer:
        for step in range(1, 3000):
            writer.log({"step": step, "loss": 1 / step})
        writer.event("saved", 2999)
        writer.event("saved", 2999)
    assert run.step() == 2999
    assert (run.last(lambda record: record["step"] == 17) or {})["loss"] == 1 / 17
    assert run.last(lambda record: "average" in record) is None


def test_a_line_waits_for_room_and_an_event_is_said_again(run: Run) -> None:
    with open_writer(run) as writer:
        writer.log({"step": 1, "loss": 0.5})
        run.metrics_path.mkdir()
        with pytest.raises(StorageError):
            writer.flush()
        with pytest.raises(StorageError):
            writer.event("saved", 1)
        run.metrics_path.rmdir()
        writer.event("stopped", 1)
    assert [record.get("event") for record in Follower(run.metrics_path).records()] == [None, "stopped"]


def test_lines_that_wait_are_not_kept_without_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.runs.writer, "UNWRITTEN", 3)
    with open_writer(run) as writer:
        run.metrics_path.mkdir()
        for step in range(1, 10):
            writer.log({"step": step, "loss": 0.5})
            with pytest.raises(StorageError):
                writer.flush()
        run.metrics_path.rmdir()
        writer.flush()
    assert [record["step"] for record in Follower(run.metrics_path).records()] == [7, 8, 9]


# --- checkpoints ------------------------------------------------------------------------------------------------------


def test_states_are_numbered_not_sorted_by_name_and_pruned(run: Run) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        latest_state(run)
    with open_writer(run) as writer:
        for step in (469, 10_000_000, 9_999_999):
            writer.state_path(step).touch()
        for stray in ("best.safetensors", "state-x.pt", "notes.txt"):
            (run.path / "checkpoints" / stray).touch()
        assert [step for step, _ in run.states()] == [469, 9_999_999, 10_000_000]
        writer.prune()
    assert latest_state(run) == run.path / "checkpoints" / "state-10000000.pt"
    left = {path.name for path in (run.path / "checkpoints").iterdir()}
    assert left == {"state-9999999.pt", "state-10000000.pt", "best.safetensors", "state-x.pt", "notes.txt"}


def test_what_a_killed_writer_left_half_done_is_removed_by_the_next(run: Run) -> None:
    for part in ("checkpoints/.state-0000001.pt.abc.part", "samples/.step-0000001.png.abc.part", ".config.json.abc.part"):
        (run.path / part).touch()
    target = run.path / ".control.json.abc.part"
    target.touch()  # somebody may be about to ask for something
    with open_writer(run):
        assert list(run.path.rglob("*.part")) == [target]


def test_a_damaged_state_goes_when_training_has_come_as_far_again(run: Run) -> None:
    damaged = run.path / "checkpoints" / "state-0000008.pt.damaged"
    damaged.touch()
    with open_writer(run) as writer:
        for step, kept in ((4, True), (7, True), (8, False)):
            writer.state_path(step).touch()
            writer.prune()
            assert damaged.exists() == kept


# --- deleting and renaming --------------------------------------------------------------------------------------------


def test_a_deleted_run_is_gone_and_its_name_free(run: Run) -> None:
    create_run("two", TrainConfig(), ENGINE)
    with open_writer(run) as writer:
        writer.state_path(1).write_bytes(b"state")
    delete_run(run)
    assert [other.name for other in all_runs()] == ["two"]
    assert os.listdir(paths.runs_dir()) == ["two"]
    assert not name_taken("one")


def test_a_run_that_can_not_be_removed_whole_is_out_of_sight(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed `delete`, or a folder that refuses; what is left of it goes with the next run that is made or deleted."""
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(StorageError, match="by hand"):
            delete_run(run)
        assert all_runs() == []
        assert not name_taken("one")
    assert len(os.listdir(paths.runs_dir())) == 1
    two = create_run("two", TrainConfig(), ENGINE)
    assert os.listdir(paths.runs_dir()) == ["two"]
    (paths.runs_dir() / ".three.deleted-1-2").mkdir()
    delete_run(two)
    assert os.listdir(paths.runs_dir()) == []


def test_whether_it_could_be_written_is_found_out_without_a_trace(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for asked in (None, run):
        check_writable(asked)
    assert list(paths.runs_dir().glob(".*")) == list(run.path.glob(".*")) == []
    for place in ("/proc/nowhere", "/proc/self"):
        with pytest.raises(StorageError, match="set DIGITTY_HOME to a folder you can write to"):
            check_writable(Run(Path(place)))


def test_a_renamed_run_is_the_same_run(run: Run) -> None:
    with open_writer(run) as writer:
        writer.event("stopped", 3)
    renamed = rename_run(run, "two")
    assert all_runs() == [renamed]
    assert (renamed.name, renamed.config(), renamed.state()) == ("two", PRESETS["quick"], "stopped")


@pytest.mark.parametrize("name", ["two", "one", "../x", ""])
def test_a_name_that_is_taken_or_none_changes_nothing(run: Run, name: str) -> None:
    two = create_run("two", TrainConfig(), ENGINE)
    with pytest.raises(RunError):
        rename_run(run, name)
    assert {r.name: r.config() for r in all_runs()} == {"one": PRESETS["quick"], "two": TrainConfig()}
    assert two.created()


def test_a_run_that_trains_can_be_neither_deleted_nor_renamed(run: Run) -> None:
    with open_writer(run):
        for change in (delete_run, lambda run: rename_run(run, "two")):
            with pytest.raises(RunError, match="being trained"):
                change(run)
        assert all_runs() == [run]


def test_what_a_run_weighs(run: Run) -> None:
    empty = run.size()
    (run.path / "samples" / "step-0000001.png").write_bytes(b"x" * 1000)
    assert run.size() == empty + 1000
    assert empty == (run.path / "config.json").stat().st_size


def test_a_refused_resume_leaves_the_order_of_the_runs(run: Run) -> None:
    """Opening a run to write it changes nothing that runs are sorted by, unless there is a torn line to cut."""
    with open_writer(run) as writer:
        writer.event("finished", 8)
    later = create_run("later", PRESETS["quick"], ENGINE)
    for path, at in ((run.metrics_path, 1000.0), (run.path / "config.json", 1000.0), (later.path / "config.json", 2000.0)):
        os.utime(path, (at, at))
    with open_writer(run):
        pass  # the job opens the run, restores its state and finds that there is nothing left to train
    assert all_runs() == [later, run]
    with run.metrics_path.open("ab") as file:
        file.write(b'{"step":')
    with open_writer(run):
        pass
    assert run.metrics_path.read_bytes().count(b"\n") == 1
    assert run.metrics_path.read_bytes().endswith(b"}\n")
