"""A disk that is full, or a folder that refuses: training stops, goes on or asks, as was chosen; what was saved stands, and no line is torn."""

from __future__ import annotations

import errno
import math
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import killed_runs
import pytest

from engine.checkpoints.training_state import TrainingState, load_state
from engine.cli import entry
from engine.cli import main as cli
from engine.config.training import PRESETS, TrainConfig
from engine.errors import DivergedError, StorageError
from engine.jobs.jobs import Jobs
from engine.protocol.events import CannotSave, Event, Saved, Tick, TrainDone, TrainStep
from engine.protocol.requests import TrainRequest
from engine.runs.control import Command, Control, send_command
from engine.runs.metrics_log import Follower
from engine.runs.run import Run, find_run, latest_state
from engine.training import artifacts
from engine.training.batches import EpochBatches
from engine.training.step_loss import DenoisingStepLoss

pytestmark = pytest.mark.slow


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """A disk that takes so much of a file and then refuses, for real and in the middle of a write; it needs no rights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


ROOM = {"state": 100_000, "best": 30_000}
"""So large may a file be that lines and previews have room, but not this."""


@pytest.fixture
def config(tiny: TrainConfig) -> TrainConfig:
    return replace(tiny, epochs=3, lr_schedule="constant")


Exact = Callable[[Run], bool]


@pytest.fixture
def exactly(jobs: Jobs, config: TrainConfig, at_hand: None, every_step: None, known: dict[str, Any]) -> Exact:
    """Whether a run, resumed to its end if need be, is one that always had room."""

    def asked(run: Run) -> tuple[dict[int, float], dict[str, Any]]:
        state = load_state(latest_state(run)).to_values()
        return dict(logged(run)), {name: value for name, value in state.items() if name not in ("config", "epoch_seconds", "run")}

    def exact(run: Run) -> bool:
        if run.state() != "finished":
            list(jobs.train(TrainRequest(run.config(), resume=run.name)))
        return killed_runs.same(dict(zip("ls", asked(run), strict=True)), known)

    if not known:
        list(jobs.train(TrainRequest(config, run="roomy")))
        known.update(zip("ls", asked(find_run("roomy")), strict=True))
    return exact


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """The losses and the last state of the run that always had room, once it was trained."""
    return {}


def logged(run: Run) -> list[tuple[int, float]]:
    return [(record["step"], record["loss"]) for record in Follower(run.metrics_path).records() if "loss" in record]


def pulled(events: Iterator[Event], kind: type[Event], step: int) -> list[Event]:
    """Up to an event of a kind at a step."""
    told = []
    for event in islice(events, 2000):
        told.append(event)
        if isinstance(event, kind) and getattr(event, "step", None) == step:
            return told
    raise AssertionError(f"no {kind.__name__} at step {step}")


def contents(run: Run) -> dict[str, bytes]:
    """The training states and the best weights."""
    return {path.name: path.read_bytes() for path in (run.path / "checkpoints").iterdir()}


def lines(run: Run) -> list[dict[str, Any]]:
    """Every line; none may be torn or damaged."""
    raw = run.metrics_path.read_bytes()
    assert raw.endswith(b"\n")
    return killed_runs.records(run)


def test_a_full_disk_refuses_for_real(tmp_path: Path) -> None:
    """What the tests below stand on: a write that is cut off in its middle."""
    with no_file_beyond(100), (tmp_path / "x").open("wb", buffering=0) as file:
        assert file.write(b"x" * 150) == 100
        with pytest.raises(OSError, match="File too large"):
            file.write(b"x")


def test_full_stop(jobs: Jobs, exactly: Exact, config: TrainConfig) -> None:
    events = jobs.train(TrainRequest(config, run="r", when_full="stop"))
    pulled(events, Saved, 4)
    run = find_run("r")
    before = contents(run)
    with no_file_beyond(ROOM["state"]), pytest.raises(StorageError, match=r"state-0000008\.pt.*free some space"):
        list(events)
    assert contents(run)["state-0000004.pt"] == before["state-0000004.pt"]
    assert run.states() == [(4, run.path / "checkpoints" / "state-0000004.pt")]
    assert not list(run.path.rglob("*.part"))
    assert (run.state(), lines(run)[-1]["event"], run.step()) == ("failed", "failed", 8)
    assert "File too large" in lines(run)[-1]["message"]
    assert exactly(run)


@pytest.mark.parametrize(("what", "minutes", "step"), [("state", 0.0, 5), ("best", 1000.0, 8)])
def test_full_and_going_on(jobs: Jobs, exactly: Exact, config: TrainConfig, what: str, minutes: float, step: int) -> None:
    """It is told once, however often it is tried, and what is refused is made up for when there is room again."""
    config = replace(config, save_minutes=minutes)
    events = jobs.train(TrainRequest(config, run="r", when_full="go-on"))
    told = pulled(events, Saved, 4)
    run = find_run("r")
    before = contents(run)
    with no_file_beyond(ROOM[what]):
        told += pulled(events, TrainStep, 11)
    assert contents(run)["state-0000004.pt"] == before["state-0000004.pt"]
    refused = [event for event in told if isinstance(event, CannotSave)]
    assert [(event.step, event.saved_step, event.waiting) for event in refused] == [(step, 4, False)]
    told = list(events)
    assert {event.step for event in told if isinstance(event, Saved)} in ({12}, {11, 12})
    assert isinstance(told[-1], TrainDone)
    assert [line["step"] for line in lines(run) if line.get("event") == "unsaved"] == [step]
    assert exactly(run)


@pytest.mark.parametrize("when_full", ["stop", "go-on"])
def test_a_loss_that_is_not_finite_is_told_where_the_disk_is_full_too(
    jobs: Jobs, config: TrainConfig, at_hand: None, every_step: None, monkeypatch: pytest.MonkeyPatch, when_full: Any
) -> None:
    draw = DenoisingStepLoss.draw

    def poisoned(self: DenoisingStepLoss, step: int, batches: EpochBatches) -> Any:
        x0, *rest = draw(self, step, batches)
        return (x0 * math.nan if step == 5 else x0), *rest

    monkeypatch.setattr(DenoisingStepLoss, "draw", poisoned)
    events = jobs.train(TrainRequest(config, run="r", when_full=when_full))
    pulled(events, TrainStep, 5)
    run = find_run("r")
    with no_file_beyond(run.metrics_path.stat().st_size), pytest.raises(DivergedError, match="step 6"):
        list(events)
    assert (run.states()[-1][0], run.running()) == (4, False)


def test_full_to_the_end_is_an_error(jobs: Jobs, exactly: Exact, config: TrainConfig) -> None:
    events = jobs.train(TrainRequest(config, run="r", when_full="go-on"))
    pulled(events, Saved, 4)
    with no_file_beyond(ROOM["state"]), pytest.raises(StorageError):
        list(events)
    run = find_run("r")
    assert (run.state(), run.states()[-1][0], run.step()) == ("failed", 4, 12)
    assert exactly(run)


def test_while_full_saving_is_tried_once_an_interval(jobs: Jobs, exactly: Exact, config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at every step: it writes much of a state before it knows."""
    tried: list[int] = []

    def minutes_a_step() -> float:
        """The clock, by which each step takes a minute."""
        return 60.0 * next(iter(jobs._get_runtime().live.values())).step if jobs._get_runtime().live else 0.0

    def full(path: Path, state: TrainingState) -> None:
        tried.append(state.step)
        raise StorageError("no room")

    jobs.cadence = replace(jobs.cadence, clock=minutes_a_step)
    monkeypatch.setattr(artifacts, "save_state", full)
    with pytest.raises(StorageError):
        list(jobs.train(TrainRequest(replace(config, batch_size=5, epochs=1, save_minutes=4.0), run="r", when_full="go-on")))
    assert tried == [4, 8, 12, 12]  # the last is the run's end


@pytest.mark.parametrize("by", ["its own process", "another"])
@pytest.mark.parametrize("answer", [Command.RUN, Command.UNSAVED, Command.STOP])
def test_full_and_asked(jobs: Jobs, exactly: Exact, config: TrainConfig, answer: Command, by: str) -> None:
    config, control = replace(config, save_minutes=0.0), Control()
    events = jobs.train(TrainRequest(config, run="r", when_full="ask"), control)
    pulled(events, Saved, 4)
    run = find_run("r")
    with no_file_beyond(ROOM["state"]):
        refused = pulled(events, CannotSave, 5)[-1]
        assert isinstance(refused, CannotSave)
        assert (refused.saved_step, refused.waiting) == (4, True)
        assert [type(next(events)) for _ in range(20)] == [Tick] * 20, "it waits"
        if answer is Command.RUN:
            control.send(Command.RUN)
            assert isinstance(pulled(events, CannotSave, 5)[-1], CannotSave), "it tried, and asks again"
    if answer is Command.RUN or by == "another":
        send_command(run.control_path, answer) if by == "another" else control.send(answer)
    else:
        control.send(answer)
    with no_file_beyond(ROOM["state"] if answer is Command.UNSAVED else resource.RLIM_INFINITY):
        if answer is Command.STOP:
            with pytest.raises(StorageError):
                list(events)
            assert (run.state(), run.states()[-1][0]) == ("failed", 4)
        elif answer is Command.UNSAVED:
            told = pulled(events, TrainStep, 11)
            assert not any(isinstance(event, CannotSave | Saved) for event in told), "who has answered is left alone"
        else:
            assert isinstance(next(event for event in events if not isinstance(event, Tick)), Saved)
    if answer is not Command.STOP:
        assert isinstance(list(events)[-1], TrainDone)
        assert [step for step, _ in run.states()][-1] == 12
    assert exactly(run)


@pytest.mark.parametrize("cut", [0, 40, 90])
@pytest.mark.parametrize("when_full", ["stop", "go-on", "ask"])
def test_no_room_for_a_line(jobs: Jobs, exactly: Exact, config: TrainConfig, when_full: Any, cut: int) -> None:
    """Half a line is never left, and those that waited come after all."""
    control = Control()
    events = jobs.train(TrainRequest(config, run="r", when_full=when_full), control)
    pulled(events, TrainStep, 2)
    run = find_run("r")
    before = run.metrics_path.read_bytes()
    with no_file_beyond(len(before) + cut):
        if when_full == "stop":
            with pytest.raises(StorageError, match=r"metrics\.jsonl"):
                list(events)
        else:
            kind, step = (TrainStep, 3) if when_full == "go-on" else (CannotSave, 3)
            told = pulled(events, kind, step)
            assert [event.waiting for event in told if isinstance(event, CannotSave)] == [when_full == "ask"]
        assert run.metrics_path.read_bytes() == before
    control.send(Command.RUN)
    if when_full != "stop":
        assert isinstance(list(events)[-1], TrainDone)
        assert [line["step"] for line in lines(run) if "loss" in line] == list(range(1, 13))
        assert [line["step"] for line in lines(run) if line.get("event") == "unsaved"] == [3]
    assert exactly(run)


@pytest.mark.parametrize("folder", ["checkpoints", "samples"])
def test_a_folder_that_can_not_be_written_to(jobs: Jobs, exactly: Exact, config: TrainConfig, folder: str) -> None:
    config = replace(config, preview_every=3)
    events = jobs.train(TrainRequest(config, run="r", when_full="go-on"))
    pulled(events, TrainStep, 2)
    run = find_run("r")
    (run.path / folder).rename(run.path / "aside")
    (run.path / folder).touch()
    told = [event.step for event in pulled(events, TrainStep, 9) if isinstance(event, CannotSave)]
    assert told == {"checkpoints": [4], "samples": [3, 6]}[folder], "once, and once more after a save that had room"
    (run.path / folder).unlink()
    (run.path / "aside").rename(run.path / folder)
    list(events)
    assert exactly(run)


def test_a_disk_that_refuses_only_when_all_is_to_be_on_it(jobs: Jobs, exactly: Exact, config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the system puts off finding room: ENOSPC comes from fsync."""
    events = jobs.train(TrainRequest(config, run="r"))
    pulled(events, Saved, 4)
    run = find_run("r")
    before = contents(run)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="No space left on device"):
            list(events)
    assert contents(run) == before
    assert exactly(run)


def test_leaving_where_there_is_no_room_says_so_and_harms_nothing(jobs: Jobs, exactly: Exact, config: TrainConfig) -> None:
    events = jobs.train(TrainRequest(config, run="r", when_full="go-on"))
    pulled(events, TrainStep, 6)
    run = find_run("r")
    before = contents(run)
    with no_file_beyond(ROOM["state"]), pytest.raises(StorageError, match="state-0000006"):
        events.close()
    assert contents(run) == before
    assert not run.running()
    assert exactly(run)


@pytest.mark.parametrize("when_full", ["stop", "go-on"])
def test_the_command_says_so_and_leaves_with_3(
    jobs: Jobs, exactly: Exact, config: TrainConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], when_full: str
) -> None:
    monkeypatch.setitem(PRESETS, "quick", config)  # type: ignore[arg-type]
    monkeypatch.setattr("engine.cli.train.Jobs", lambda *_: jobs)
    assert entry.run(cli.commands, ["train", "--preset", "quick", "--run", "r", "--steps", "4"]) == 0
    capsys.readouterr()
    with no_file_beyond(ROOM["state"]):
        assert entry.run(cli.commands, ["train", "--resume", "r", "--epochs", "3", "--when-full", when_full]) == 3
    *lines, last = capsys.readouterr().err.splitlines()
    told = f"can't write {find_run('r').path}/checkpoints/state-00000{{:02}}.pt: File too large; free some space or choose another folder"
    goes_on = f"can't save at step 8: {told.format(8)}. The last save is from step 4. Training continues."
    assert (goes_on in lines) is (when_full == "go-on")
    assert last == "digitty: " + told.format(12 if when_full == "go-on" else 8)
    assert exactly(find_run("r"))
