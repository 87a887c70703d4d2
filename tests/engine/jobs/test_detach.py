"""A training in a process of its own: what it is told, what it tells back, and that it outlives whoever started it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import ClassVar

import pytest

from engine.checkpoints.training_state import load_state
from engine.compute import autotune as precision
from engine.config.compute import ComputeInfo
from engine.config.data_choice import DataChoice
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.training import PRESETS, TrainConfig
from engine.errors import DeviceError, DigittyError, InputError, SettingError, StorageError
from engine.jobs.detach import DetachedProcess, start_detached_process
from engine.jobs.handover import Handover
from engine.process.distributed import ProcessGroup
from engine.protocol.events import Detached, Event, Preparing, TrainDone
from engine.protocol.requests import TrainRequest, WhenFull
from engine.runs.control import Control
from engine.runs.manage import create_run
from engine.runs.run import Run, all_runs, find_run

LONG = 90.0
Command = Callable[..., tuple[int, str, str]]


# --- what it is told --------------------------------------------------------------------------------------------------

CHANGES: dict[str, object] = {
    "epochs": 7,
    "steps": 123,
    "batch_size": 32,
    "lr": 0.00123456789,
    "lr_schedule": "constant",
    "warmup": 3,
    "optimizer": "muon",
    "timesteps": "lognormal",
    "weighting": "min-snr",
    "label_dropout": 0.25,
    "ema": 0.5,
    "clip": 0.0,
    "seed": 2**63 - 1,
    "limit": 100,
    "preview_every": 7,
    "save_minutes": 0.1,
    "keep_every": 2,
    "flip": True,
    "balance": True,
    "augment": 0.3,
    "attributes": True,
    "route": "pooled",
    "compile": True,
    "pairs": 10,
    "model": ModelConfig(channels=(8, 16), attention=True, prediction="v"),
    "schedule": ScheduleConfig(kind="cosine"),
    "start_from": "/a/file 'é\n\udcff.safetensors",
}
STUDENT = replace(PRESETS["one-step"], teacher="mine:best")
READER_OF_HANDS = replace(PRESETS["hand"], writers="/a b/writers.csv")
TOLD_HANDS = replace(PRESETS["attributes"], hands=True, writers="qmnist:/a b")
TOLD_WORDS = replace(PRESETS["attributes"], text=True)
REQUESTS = [TrainRequest(config) for config in (*PRESETS.values(), STUDENT, READER_OF_HANDS, TOLD_HANDS, TOLD_WORDS)]
REQUESTS += [TrainRequest(replace(TrainConfig(), **{name: value})) for name, value in CHANGES.items()]  # type: ignore[arg-type]
REQUESTS += [TrainRequest(run="mine"), TrainRequest(resume="mine"), TrainRequest(when_full="go-on")]
REQUESTS += [TrainRequest(data=DataChoice("/a b/\udcff.npz", "64x32", "pad", "white", True, "a,b", "10%", "/data"), fit_epochs=True, limit=7)]


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_a_request_arrives_as_it_was_made(request_: TrainRequest) -> None:
    handover = Handover(request_, "cuda:1", "bf16", 1)
    text = handover.to_json()
    assert text.isascii()
    assert "\n" not in text
    assert Handover.from_json(text.encode()) == handover


def test_every_field_is_tried() -> None:
    assert set(CHANGES) | {"preset", "teacher", "hands", "writers", "text"} == {field.name for field in fields(TrainConfig)}
    assert all(getattr(TrainConfig(), name) != value for name, value in CHANGES.items())


@pytest.mark.parametrize(
    "change",
    [
        {"device": "tpu"},
        {"device": 3},
        {"precision": "int8"},
        {"threads": 0},
        {"threads": "2"},
        {"threads": True},
        {"more": 1},
        {"request": None},
        {"request": {}},
        {"request.when_full": "ask them"},
        {"request.run": 3},
        {"request.resume": ["r"]},
        {"request.config": None},
        {"request.config": {"epochs": -1}},
        {"request.config": {"optimiser": "muon"}},
    ],
    ids=str,
)
def test_a_request_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    values = json.loads(Handover(TrainRequest()).to_json())
    for path, value in change.items():
        *outer, name = path.split(".")
        (values[outer[0]] if outer else values)[name] = value
    with pytest.raises(SettingError):
        Handover.from_json(json.dumps(values).encode())


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 99_999, "{}"], ids=lambda text: text[:5])
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(SettingError):
        Handover.from_json(text.encode())


class RecordingJobs:
    """In place of Jobs in the detached process: notes what it was asked for, and trains nothing."""

    asked: ClassVar[list[object]] = []

    def __init__(self, device: str, precision: str, threads: int | None, group: ProcessGroup) -> None:
        self.asked[:] = [device, precision, threads, group.size]

    def train(self, request: TrainRequest, control: Control) -> Iterator[Event]:
        self.asked.append(request)
        yield TrainDone("r", 1, 0.0)


@pytest.mark.parametrize(("when_full", "arrives"), [("stop", "stop"), ("go-on", "go-on"), ("ask", "stop")])
def test_the_process_trains_what_it_reads(
    command: Command, instead: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, when_full: WhenFull, arrives: WhenFull
) -> None:
    """There is nobody who could be asked about a full disk."""
    instead(f'echo "$@" > {tmp_path}/arguments\ncat > {tmp_path}/stdin\n{said("TrainStarted", run="mine")}')
    config = replace(PRESETS["quick"], optimizer="adam", ema=0.9, warmup=7)
    list(start_detached_process(TrainRequest(config, run="mine", when_full=when_full), "cpu", "fp32", 1))
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments[:3] == ["-P", "-m", "engine.cli"]
    monkeypatch.setattr("engine.cli.train_detached.Jobs", RecordingJobs)
    monkeypatch.setattr("engine.cli.train_detached._read_all", (tmp_path / "stdin").read_bytes)
    code, out, _ = command(*arguments[3:])
    assert code == 0
    assert json.loads(out)["event"] == "TrainDone"
    assert RecordingJobs.asked == ["cpu", "fp32", 1, 1, TrainRequest(config, run="mine", when_full=arrives)]


# --- what it tells back: a process that is none of ours ---------------------------------------------------------------


@pytest.fixture
def instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A shell script in place of the interpreter."""

    def put(script: str) -> None:
        path = tmp_path / "script"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(sys, "executable", str(path))

    return put


def said(event: str, **more: object) -> str:
    return f"echo '{json.dumps({'event': event, **more})}'"


@pytest.mark.parametrize(
    ("code", "error"), [(1, DigittyError), (2, InputError), (3, StorageError), (4, DeviceError), (5, DigittyError), (77, DigittyError)]
)
def test_its_error_is_the_starters(instead: Callable[[str], None], code: int, error: type[DigittyError]) -> None:
    instead(f"{said('Preparing', what='loading torch')}\necho some warning >&2\necho 'digitty: no luck' >&2\nexit {code}")
    with pytest.raises(error) as raised:
        list(start_detached_process(TrainRequest()))
    assert type(raised.value) is error
    assert str(raised.value) == "no luck"


@pytest.mark.parametrize("script", ["exit 9", "kill -9 $$", "echo; exit 0"])
def test_a_death_without_words(instead: Callable[[str], None], script: str) -> None:
    instead(script)
    with pytest.raises(DigittyError, match=r"exited with code (9|-9|0) before training started"):
        list(start_detached_process(TrainRequest()))


def test_what_is_none_of_its_words_is_passed_over(instead: Callable[[str], None]) -> None:
    words = [said("Preparing", what="one"), "echo warning", "echo '[1]'", "echo '{\"event\"'", said("Saved"), "printf '\\377\\n'"]
    instead("\n".join([*words, said("Preparing", what="two"), said("TrainStarted", run="mine"), "echo more", "sleep 60"]))
    told = list(start_detached_process(TrainRequest()))
    assert told[-1] == Detached("mine")
    assert [event.what for event in told if isinstance(event, Preparing)][-2:] == ["one", "two"]


def test_it_has_a_session_of_its_own_and_none_of_the_starters_ends(instead: Callable[[str], None], tmp_path: Path) -> None:
    instead(f"{said('TrainStarted', run='mine')}\nsleep 60 & echo $$ > {tmp_path}/pid; wait")
    assert list(start_detached_process(TrainRequest()))[-1] == Detached("mine")
    end = time.monotonic() + LONG
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < end
        time.sleep(0.01)
    pid = int((tmp_path / "pid").read_text())
    try:
        assert os.getsid(pid) == pid != os.getsid(0)
    finally:
        os.killpg(pid, signal.SIGKILL)


@pytest.mark.parametrize("first", [Preparing("waiting"), Detached("mine")])
def test_who_starts_it_and_lives_on_buries_it(instead: Callable[[str], None], first: Event) -> None:
    """Whether it was waited for until it trained, or not."""
    instead(f"{said('Preparing', what='waiting')}\n{said('TrainStarted', run='mine')}\nexec sleep 600")
    process = DetachedProcess(TrainRequest())
    told = iter(process)
    assert first in told
    told.close()  # type: ignore[attr-defined]
    pid = process._process.pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: buried(pid))


def buried(pid: int) -> bool:
    """Whether a process has ended, and nothing of it is left."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("begun", [False, True])
def test_ctrl_c_while_one_waits_for_it_takes_it_back(
    instead: Callable[[str], None], command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, begun: bool
) -> None:
    pids = tmp_path / "pids"
    leaves, until_then = ("trap 'exit 143' TERM", "while :; do sleep 0.05; done") if begun else ("", "exec sleep 600")
    instead(f"{leaves}\necho $$ >> {pids}\n{said('Preparing', what='loading torch')}\nsleep 0.5\nkill -INT $PPID\n{until_then}")
    run = create_run("mine", TrainConfig(), ComputeInfo("cpu", "fp32", "contiguous", 1))
    monkeypatch.setattr(Run, "owner", lambda run: {"pid": int(pids.read_text())})
    code, out, err = command("train", "--detach")
    assert (code, out) == (130, "")
    told = f"run {run.name} is stopped and saved; resume it with: digitty train --resume {run.name}" if begun else "stopped before training started"
    assert told in err.splitlines()
    assert buried(int(pids.read_text()))


# --- the real thing ---------------------------------------------------------------------------------------------------

SMALL = ["--preset", "quick", "--limit", "32", "--batch-size", "8", "--precision", "fp32", "--device", "cpu"]


@pytest.fixture
def machine(one_thread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Precisions are measured, as after a first time."""
    import torch

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with monkeypatch.context() as patch:
        patch.setattr(precision.Trials, "seconds", lambda *_: 0.01)
        for training in (True, False):
            list(precision.measure(torch.device("cpu"), PRESETS["quick"].model, training, "fp32"))


@pytest.fixture
def leftover() -> Iterator[None]:
    """Ends what a failed test leaves running."""
    yield
    for run in all_runs():
        pid = run.owner().get("pid")
        if pid != os.getpid() and run.running():
            with suppress(OSError):
                os.kill(int(pid or 0), signal.SIGKILL)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "never"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether a process has ended, buried or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def check_saved(run: Run) -> None:
    assert run.state() == "stopped"
    step, path = run.states()[-1]
    assert step == run.step() == load_state(path).step
    assert not list(run.path.rglob("*.part"))


@pytest.mark.slow
def test_it_outlives_its_terminal_and_answers_to_whoever_comes_later(machine: None, leftover: None, command: Command) -> None:
    """train --detach at a terminal that is then closed; runs, watch, pause, resume and stop from elsewhere; and again after that."""
    ours, theirs = pty.openpty()
    start = [sys.executable, "-m", "engine.cli", "train", *SMALL, "--epochs", "9999", "--run", "r", "--detach"]
    starter = subprocess.Popen(start, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    assert starter.wait(LONG) == 0
    shown = os.read(ours, 65536).decode()
    assert "run r is training in the background. To follow it: digitty watch r" in shown
    for end in (ours, theirs):
        os.close(end)

    run = find_run("r")
    pid = run.owner()["pid"]
    assert run.running()
    assert os.getsid(pid) == pid
    assert os.readlink(f"/proc/{pid}/fd/0") == os.devnull
    reached = run.step()
    until(lambda: run.step() > reached + 2)
    assert re.search(r"^r +running here +step \d+/39996 ", command("runs")[1])

    assert command("pause")[0] == 0
    reached = run.step()
    assert (run.state(), run.states()[-1][0]) == ("paused", reached)
    assert command("resume", "r")[0] == 0
    until(lambda: run.step() > reached)
    code, _, err = command("train", "--resume", "r", "--device", "cpu")
    assert code == 2
    assert f"run r is being trained by process {pid}" in err
    assert run.owner()["pid"] == pid

    assert command("stop")[0] == 0
    check_saved(run)
    until(lambda: gone(pid))
    assert "run r stopped at step" in run.log_path.read_text()
    assert "Traceback" not in run.log_path.read_text()
    assert "  r  stopped  " in command("watch", "r")[1]

    saved = run.step()
    code, out, _ = command("train", "--resume", "r", "--detach", "--device", "cpu")
    assert (code, out) == (0, "r\n")
    until(lambda: run.step() > saved)
    pid = run.owner()["pid"]
    os.kill(pid, signal.SIGTERM)
    until(lambda: gone(pid))
    check_saved(run)
    assert run.step() > saved


@pytest.mark.slow
def test_a_start_that_fails_over_there_says_so_here(machine: None, leftover: None, command: Command) -> None:
    small = replace(PRESETS["quick"], model=ModelConfig(channels=(8, 8, 8), time_dim=16, emb_dim=16), limit=32)
    run = create_run("r", small, ComputeInfo("cpu", "fp32", "contiguous", 1))
    (run.path / "checkpoints" / "state-0000004.pt").write_bytes(b"no state at all")
    code, out, err = command("train", "--resume", "r", "--device", "cpu", "--detach")
    assert (code, out) == (2, "")
    assert re.fullmatch(r".*\ndigitty: \S*state-0000004\.pt is truncated, or is not a digitty training state\n", err, re.DOTALL)
    assert not run.running()


# --- a real process ---------------------------------------------------------------------------------------------------


def test_it_runs_no_file_of_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder with modules that shadow what the start imports, and would note that they ran."""
    folder, ran = tmp_path / "work", tmp_path / "ran"
    folder.mkdir()
    for module in ("random", "torch", "logging", "click"):
        (folder / f"{module}.py").write_text(f"open({str(ran)!r}, 'a').write({module!r})\nraise SystemExit(77)\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    unsafe = subprocess.Popen([sys.executable, "-m", "engine.cli", "--help"], stdout=subprocess.DEVNULL)
    assert unsafe.wait() == 77, "without -P they do run"
    ran.unlink()
    with pytest.raises(InputError, match="nosuch"):
        list(start_detached_process(TrainRequest(resume="nosuch")))
    assert not ran.exists(), ran.read_text()
