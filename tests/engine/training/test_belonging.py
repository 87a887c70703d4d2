"""Training states belong to their run and their step, and a run's folder may go away while it trains."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from engine.checkpoints.training_state import load_state, save_state
from engine.config.training import TrainConfig
from engine.errors import CheckpointError, RunError
from engine.jobs.jobs import Jobs
from engine.protocol.events import Event, Notice, TrainDone, TrainStarted, TrainStep
from engine.protocol.requests import TrainRequest
from engine.runs import writer
from engine.runs.run import Run, all_runs, find_run, latest_state
from engine.storage.atomic import read_checksummed, write_checksummed

pytestmark = pytest.mark.usefixtures("every_step")


def until(events: Iterator[Event], kind: type[Event], step: int) -> None:
    """Pulls until an event of a kind at a step."""
    for event in events:
        if isinstance(event, kind) and getattr(event, "step", None) == step:
            return
    raise AssertionError(f"no {kind.__name__} at step {step}")


# --- states of other runs ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_state_of_another_run_is_set_aside(jobs: Jobs, tiny: TrainConfig) -> None:
    """Though the two have the same settings."""
    for name in ("r", "other"):
        list(jobs.train(TrainRequest(tiny, run=name)))
    run, other = find_run("r"), find_run("other")
    foreign = run.path / "checkpoints" / "state-0000012.pt"
    save_state(foreign, replace(load_state(latest_state(other)), step=12))
    events = list(jobs.train(TrainRequest(replace(tiny, epochs=3), resume="r")))
    notice = next(event for event in events if isinstance(event, Notice))
    assert re.search(r"state-0000012\.pt belongs to a different run .*; resuming from state-0000008\.pt", notice.message)
    assert foreign.with_name(foreign.name + ".damaged").exists() is False, "training came as far again"
    assert (run.state(), run.states()[-1][0]) == ("finished", 12)


@pytest.mark.slow
def test_a_state_of_other_settings_is_set_aside_though_it_names_no_run(jobs: Jobs, tiny: TrainConfig) -> None:
    list(jobs.train(TrainRequest(tiny, run="r")))
    list(jobs.train(TrainRequest(replace(tiny, seed=1), run="other")))
    for _, path in find_run("r").states():
        path.unlink()
    state = load_state(latest_state(find_run("other")))
    save_state(find_run("r").path / "checkpoints" / "state-0000008.pt", replace(state, run=None))
    with pytest.raises(CheckpointError, match="belongs to another run: its settings differ"):
        list(jobs.train(TrainRequest(replace(tiny, epochs=3), resume="r")))


@pytest.mark.slow
def test_a_state_is_of_the_step_that_its_name_says(jobs: Jobs, tiny: TrainConfig) -> None:
    list(jobs.train(TrainRequest(tiny, run="r")))
    run = find_run("r")
    older, _ = [path for _, path in run.states()]
    renamed = older.rename(older.with_name("state-9999999.pt"))
    events = list(jobs.train(TrainRequest(replace(tiny, epochs=3), resume="r")))
    notice = next(event for event in events if isinstance(event, Notice))
    assert "state-9999999.pt holds step 4, not the step in its name; resuming from state-0000008.pt" in notice.message
    assert not renamed.exists()
    assert next(event for event in events if isinstance(event, TrainStarted)).step == 8


@pytest.mark.slow
def test_a_run_of_an_older_digitty_goes_on(jobs: Jobs, tiny: TrainConfig) -> None:
    """It names itself nowhere; from now on it does."""
    list(jobs.train(TrainRequest(tiny, run="r")))
    run = find_run("r")
    whole = {name: value for name, value in read_checksummed(run.path / "config.json").items() if name != "id"}
    write_checksummed(run.path / "config.json", whole)
    for _, path in run.states():
        save_state(path, replace(load_state(path), run=None))
    shutil.rmtree(run.path / "writers")
    write_checksummed(run.path / "owner.json", {"host": socket.gethostname(), "pid": os.getpid(), "started": 1e9})
    assert (run.id(), run.state()) == (None, "finished")
    events = list(jobs.train(TrainRequest(replace(tiny, epochs=3), resume="r")))
    assert next(event for event in events if isinstance(event, TrainStarted)).step == 8
    assert isinstance(events[-1], TrainDone)
    assert load_state(latest_state(run)).run == run.id() is not None


# --- a folder that goes away ------------------------------------------------------------------------------------------


def test_a_run_whose_folder_is_moved_is_saved_there_and_says_so(jobs: Jobs, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHECK", 0.0)
    events = jobs.train(TrainRequest(tiny, run="r"))
    until(events, TrainStep, 2)
    moved = find_run("r").path.rename(find_run("r").path.with_name("s"))
    with pytest.raises(RunError, match=r"folder of run r was moved to .*/s during .* all of its 3 steps are saved there"):
        list(events)
    run = Run(moved)
    assert (run.state(), run.states()[-1][0]) == ("stopped", 3)
    assert isinstance(list(jobs.train(TrainRequest(tiny, resume="s")))[-1], TrainDone)


def test_a_run_whose_folder_is_moved_just_before_it_is_left_is_saved_there(jobs: Jobs, tiny: TrainConfig) -> None:
    with closing(jobs.train(TrainRequest(tiny, run="r"))) as events:
        until(events, TrainStep, 2)
        find_run("r").path.rename(find_run("r").path.with_name("s"))
    assert (find_run("s").state(), find_run("s").states()[-1][0]) == ("stopped", 2)


def test_a_run_whose_folder_is_deleted_says_so(jobs: Jobs, tiny: TrainConfig) -> None:
    events = jobs.train(TrainRequest(tiny, run="r"))
    until(events, TrainStep, 2)
    shutil.rmtree(find_run("r").path)
    with pytest.raises(RunError, match="folder of run r was moved or deleted during training; training stopped"):
        list(events)
    assert all_runs() == []
