"""The trainer of a run on another machine is unknown until its heartbeat has been watched for a while."""

from __future__ import annotations

import json
import os
import time

import pytest

from engine.config.compute import ComputeInfo
from engine.config.training import PRESETS
from engine.runs import liveness
from engine.runs.claim import Claim
from engine.runs.control import Command
from engine.runs.manage import create_run
from engine.runs.run import Run
from engine.storage.atomic import read_checksummed, write_checksummed
from tui.runs import text as run_words
from tui.runs.history import RunHistory
from tui.runs.trainer_status import Intervals, TrainerStatus


@pytest.fixture
def elsewhere() -> Run:
    """A run whose files say that a process on gpubox writes it."""
    liveness._watched.clear()
    run = create_run("one", PRESETS["quick"], ComputeInfo("cpu", "fp32", "contiguous"))
    claim = Claim(run.path, run.has_ended)
    owner = claim.path / "owner.json"
    facts = {**read_checksummed(owner), "host": "gpubox\033[1m", "boot": "another", "machine": "another", "pid": 4711}
    claim.release()
    (claim.path / "released.json").unlink()
    write_checksummed(owner, facts)
    os.utime(claim.path / "heartbeat", (time.time() - 185,) * 2)
    return run


def status_of(run: Run) -> TrainerStatus:
    """Checks at every refresh."""
    return TrainerStatus(RunHistory(run), Intervals(check=-1.0))


def test_it_is_unknown_and_then_interrupted(elsewhere: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    status = status_of(elsewhere)
    assert status.describe(own=False).startswith("unknown, last heartbeat 3 minutes ago")
    assert status.describe(own=False).endswith("; watching gpubox·[1m (pid 4711)")
    assert not status.alive
    assert " unknown " in run_words.describe_run(elsewhere)
    status.ask(Command.STOP)
    status.refresh()
    assert status.pending is Command.STOP, "the answer is still to come"
    monkeypatch.setattr(liveness, "SILENT", 0.0)
    status.refresh()
    assert status.describe(own=False) == "interrupted"
    assert status.pending is None


def test_it_is_unknown_and_then_trains(elsewhere: Run) -> None:
    status = status_of(elsewhere)
    heartbeat = liveness.list_claims(elsewhere.path)[-1] / "heartbeat"
    heartbeat.write_text(json.dumps({"beat": 1, "time": 5.0}))
    status.refresh()
    assert status.describe(own=False) == "training on gpubox·[1m (pid 4711)"
    assert status.alive
    assert run_words.startup_notice() == "one is training on gpubox·[1m. Press F5 to watch it."
