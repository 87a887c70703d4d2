"""A run directory: names, one writer, torn tails, followers, and what a run says of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine import paths, runs
from engine.config import PRESETS, TrainConfig
from engine.errors import CheckpointError, RunError, StorageError
from engine.events import Engine
from engine.runs import Metrics, Run

ROOT = Path(__file__).parents[2]
ENGINE = Engine("cpu", "bf16", "channels_last")


@pytest.fixture
def run() -> Run:
    return runs.create("one", PRESETS["quick"], ENGINE)


def other_process(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", f"from engine import runs\n{code}"], cwd=ROOT, capture_output=True, text=True, timeout=60)


# --- making and finding -----------------------------------------------------------------------------------------------


def test_what_is_made_is_found(run: Run) -> None:
    assert runs.find("one") == run
    assert run.config() == PRESETS["quick"]
    assert run.engine() == ENGINE
    assert run.path == paths.runs_dir() / "one"


def test_a_name_is_taken_once(run: Run) -> None:
    with pytest.raises(RunError, match="--resume one"):
        runs.create("one", TrainConfig(), ENGINE)
    assert run.config() == PRESETS["quick"]


def test_names_of_their_own_count_up() -> None:
    assert [runs.create(None, PRESETS[p], ENGINE).name for p in ("seed", "seed", "quick", "seed")] == ["seed-1", "seed-2", "quick-1", "seed-3"]


def test_a_missing_run_names_those_there_are(run: Run) -> None:
    with pytest.raises(RunError, match=r"no run two; there are: one"):
        runs.find("two")


def test_no_runs_at_all() -> None:
    assert runs.all_runs() == []
    with pytest.raises(RunError, match="digitty train"):
        runs.find("one")


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
    for ask in (runs.find, lambda name: runs.create(name, TrainConfig(), ENGINE) if name else runs.find(name)):
        with pytest.raises(RunError):
            ask(name)
    assert not list(paths.data_dir().rglob("*.json"))


@given(st.text(max_size=70))
def test_a_name_that_passes_is_one_folder(name: str) -> None:
    try:
        runs.checked(name)
    except RunError:
        return
    assert (Path("/runs") / name).resolve().parent == Path("/runs")


def test_the_one_written_last_comes_first() -> None:
    import os

    for age, name in ((30, "old"), (10, "new"), (20, "middle")):
        path = runs.create(name, TrainConfig(), ENGINE).path / "config.json"
        os.utime(path, (1e9 - age, 1e9 - age))
    assert [run.name for run in runs.all_runs()] == ["new", "middle", "old"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"format": "other"}', '{"format": "digitty-run", "version": 1}', '{"format": "digitty-run", "version": 99}']
)
def test_a_config_that_can_not_be_read(run: Run, text: str) -> None:
    (run.path / "config.json").write_text(text)
    with pytest.raises(RunError, match=r"config\.json"):
        run.config()
    assert runs.all_runs() == [run]  # still listed


def test_no_folder_for_runs(home: Path) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="DIGITTY_HOME"):
        runs.create("one", TrainConfig(), ENGINE)


def test_a_run_that_could_not_be_made_leaves_its_name_free(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise StorageError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "write_text", no_room)
        with pytest.raises(StorageError):
            runs.create("one", TrainConfig(), ENGINE)
    runs.create("one", TrainConfig(), ENGINE)


# --- one writer -------------------------------------------------------------------------------------------------------


def test_one_writer_in_this_process_or_another(run: Run) -> None:
    assert not run.running()
    with runs.writing(run):
        assert run.running()
        with pytest.raises(RunError, match="being trained by process"), runs.writing(run):
            pass
        seen = other_process("run = runs.find('one')\nprint(run.running(), run.state())\nwith runs.writing(run): print('WROTE')")
        assert seen.stdout.split() == ["True", "running"]
        assert "RunError" in seen.stderr
        assert str(run.owner()["pid"]) in seen.stderr.splitlines()[-1]
    assert not run.running()
    assert other_process("with runs.writing(runs.find('one')): print('WROTE')").stdout == "WROTE\n"


def test_looking_does_not_lock_a_writer_out(run: Run) -> None:
    for _ in range(20):
        assert not run.running()
        with runs.writing(run):
            assert run.running()


def test_a_killed_writer_holds_no_lock(run: Run) -> None:
    died = other_process("import os\nwith runs.writing(runs.find('one')) as w:\n    w.event('started', 0)\n    os._exit(9)")
    assert died.returncode == 9
    assert not run.running()
    assert run.state() == "crashed"
    with runs.writing(run) as writer:
        writer.event("finished", 1)
    assert run.state() == "finished"


@pytest.mark.parametrize("event", ["finished", "stopped", "diverged"])
def test_a_run_says_how_it_ended(run: Run, event: str) -> None:
    with runs.writing(run) as writer:
        writer.event("started", 0)
        writer.log({"step": 1, "loss": 0.5})
        writer.event(event, 1)
        assert run.state() == "running"
    assert run.state() == event
    with runs.writing(run) as writer:
        writer.event("started", 1)
    assert run.state() == "crashed"


# --- metrics ----------------------------------------------------------------------------------------------------------


def test_a_torn_tail_is_cut_before_more_is_written(run: Run) -> None:
    run.metrics_path.write_bytes(b'{"step":1,"loss":0.5}\n{"step":2,"lo')
    with runs.writing(run) as writer:
        writer.log({"step": 2, "loss": 0.25})
        writer.flush()
    assert [record["loss"] for record in Metrics(run.metrics_path).new()] == [0.5, 0.25]


@given(whole=st.integers(0, 3), torn=st.integers(0, 200_000))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_tail_of_any_length_is_cut(tmp_path: Path, whole: int, torn: int) -> None:
    path = tmp_path / "metrics"
    lines = b"".join(b'{"step":%d,"pad":"%s"}\n' % (i, b"p" * 40_000) for i in range(whole))
    path.write_bytes(lines + b"x" * torn)
    runs._cut_torn_tail(path)
    assert path.read_bytes() == lines


def test_a_follower_sees_each_line_once_and_no_torn_one(run: Run) -> None:
    follower = Metrics(run.metrics_path)
    assert list(follower.new()) == []  # nothing there yet
    seen = []
    stream = b"".join(json.dumps({"step": i, "loss": i / 7}).encode() + b"\n" for i in range(50))
    with run.metrics_path.open("ab", buffering=0) as file:
        for at in range(0, len(stream), 13):
            file.write(stream[at : at + 13])
            seen += [record["step"] for record in follower.new()]
    assert seen == list(range(50))
    assert list(follower.new()) == []


def test_a_line_that_is_none_is_passed_over(run: Run) -> None:
    run.metrics_path.write_bytes(b'rubbish\n{"step":1}\n\xff\xfe\n[1]\n{"step":"2"}\n{"loss":3}\n\n{"step":4}\n')
    assert [record["step"] for record in Metrics(run.metrics_path).new()] == [1, 4]


@given(st.lists(st.integers(1, 90_000), max_size=6), st.integers(0, 20_000))
@example([], 1)
@example([3], 20_000)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_backwards_is_forwards_reversed(tmp_path: Path, sizes: list[int], torn: int) -> None:
    path = tmp_path / "metrics"
    lines = [b"%d" % i * size for i, size in enumerate(sizes)]
    path.write_bytes(b"".join(line + b"\n" for line in lines) + b"torn" * torn)
    assert [line for line in runs._lines_backwards(path) if line] == lines[::-1]


def test_the_last_record_of_a_kind(run: Run) -> None:
    assert run.last(lambda record: True) is None
    assert run.step() == 0
    with runs.writing(run) as writer:
        for step in range(1, 3000):
            writer.log({"step": step, "loss": 1 / step})
        writer.event("saved", 2999)
        writer.event("saved", 2999)
    assert run.step() == 2999
    assert (run.last(lambda record: record["step"] == 17) or {})["loss"] == 1 / 17
    assert run.last(lambda record: "average" in record) is None


def test_a_line_waits_for_room(run: Run) -> None:
    with runs.writing(run) as writer:
        writer.log({"step": 1, "loss": 0.5})
        run.metrics_path.mkdir()
        with pytest.raises(StorageError):
            writer.flush()
        run.metrics_path.rmdir()
        writer.event("stopped", 1)
    assert [record.get("loss") for record in Metrics(run.metrics_path).new()] == [0.5, None]


# --- checkpoints ------------------------------------------------------------------------------------------------------


def test_states_are_numbered_not_sorted_by_name_and_pruned(run: Run) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        runs.latest_state(run)
    with runs.writing(run) as writer:
        for step in (469, 10_000_000, 9_999_999):
            writer.state_path(step).touch()
        for stray in (".state-0000001.pt.abc.part", "best.safetensors", "state-x.pt", "notes.txt"):
            (run.path / "checkpoints" / stray).touch()
        assert [step for step, _ in run.states()] == [469, 9_999_999, 10_000_000]
        writer.prune()
    assert runs.latest_state(run) == run.path / "checkpoints" / "state-10000000.pt"
    left = {path.name for path in (run.path / "checkpoints").iterdir()}
    assert left == {"state-9999999.pt", "state-10000000.pt", "best.safetensors", "state-x.pt", "notes.txt"}
