"""Snapshots of a run's weights every N epochs: kept whole, found by name, and the same whether or not the run was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.checkpoints.lookup import find_weights
from engine.config.serialize import from_dict, to_dict
from engine.config.training import PRESETS, TrainConfig
from engine.errors import RunError, SettingError, StorageError
from engine.jobs.jobs import Jobs
from engine.protocol.events import CannotSave, DrawDone, TrainStep
from engine.protocol.requests import DrawRequest, TrainRequest
from engine.runs.manage import delete_run, rename_run
from engine.runs.run import find_run
from engine.runs.weights_names import locate_weights, weights_of
from engine.training.artifacts import RunArtifacts

Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kept(jobs: Jobs, every_step: None, tiny: TrainConfig) -> TrainConfig:
    """A run r of three epochs that keeps each."""
    config = replace(tiny, epochs=3, keep_every=1)
    for _ in jobs.train(TrainRequest(config, run="r")):
        pass
    return config


@pytest.mark.slow
def test_each_epoch_has_its_weights(kept: TrainConfig, jobs: Jobs) -> None:
    run = find_run("r")
    assert [epoch for epoch, _ in run.snapshots()] == [1, 2, 3]
    snapshots = [find_weights(f"r:epoch-{epoch}") for epoch in (1, 2, 3)]
    assert [(w.step, w.run, w.kind) for w in snapshots] == [(4, "r", "epoch-1"), (8, "r", "epoch-2"), (12, "r", "epoch-3")]
    last, state = snapshots[-1].tensors, find_weights("r").tensors
    assert all(torch.equal(last[name], state[name].half().float()) for name in state), "the last one is the run's average"
    assert any(not torch.equal(snapshots[0].tensors[name], last[name]) for name in last)

    *_, done = jobs.draw(DrawRequest((7,), weights="r:epoch-2"))
    assert isinstance(done, DrawDone)
    assert (done.recipe.weights.name, done.recipe.weights.step, done.recipe.weights.kind) == ("r", 8, "epoch-2")
    assert weights_of(done.recipe.weights, done.recipe.sample.sampler) == "r:epoch-2"


@pytest.mark.slow
def test_a_run_may_start_from_a_snapshot_and_one_may_be_exported(kept: TrainConfig, jobs: Jobs, tmp_path: Path, command: Invoke) -> None:
    for _ in jobs.train(TrainRequest(replace(kept, start_from="r:epoch-1", steps=1), run="more")):
        pass
    assert find_run("more").state() == "finished"
    code, out, _ = command("export", "r:epoch-2", str(tmp_path / "two.safetensors"))
    assert (code, out.strip()) == (0, str(tmp_path / "two.safetensors"))
    assert find_weights(str(tmp_path / "two.safetensors")).step == 8


@pytest.mark.slow
def test_an_interrupted_run_keeps_the_same_snapshots(kept: TrainConfig, jobs: Jobs) -> None:
    for at in (3, 4, 5):
        name = f"broken-{at}"
        with closing(jobs.train(TrainRequest(kept, run=name))) as events:
            next(event for event in events if isinstance(event, TrainStep) and event.step == at)
        for _ in jobs.train(TrainRequest(kept, resume=name)):
            pass
        whole, broken = (find_run(each) for each in ("r", name))
        assert [epoch for epoch, _ in broken.snapshots()] == [1, 2, 3]
        for epoch in (1, 2, 3):
            a, b = find_weights(f"r:epoch-{epoch}").tensors, find_weights(f"{name}:epoch-{epoch}").tensors
            assert all(torch.equal(a[key], b[key]) for key in a)
        assert whole.snapshot_path(1).stat().st_size > 0


def test_every_second_epoch(jobs: Jobs, every_step: None, tiny: TrainConfig) -> None:
    for _ in jobs.train(TrainRequest(replace(tiny, epochs=3, keep_every=2), run="r")):
        pass
    assert [epoch for epoch, _ in find_run("r").snapshots()] == [2]
    with pytest.raises(RunError, match="run r has no snapshot of epoch 3; existing snapshots: epoch-2"):
        locate_weights("r:epoch-3")
    for name in ("r:epoch-0", "r:epoch-", "r:epoch-x", "r:epoch-02", "r:epoch-99999999"):
        with pytest.raises(RunError, match=r"only :latest, :best, :best-validation, :live or :epoch-N is possible"):
            locate_weights(name)


def test_a_run_without_snapshots_says_how_to_keep_some(jobs: Jobs, every_step: None, tiny: TrainConfig) -> None:
    for _ in jobs.train(TrainRequest(tiny, run="r")):
        pass
    with pytest.raises(RunError, match="start a run with --keep-every N"):
        locate_weights("r:epoch-1")


def test_they_belong_to_the_run(kept: TrainConfig) -> None:
    size = find_run("r").size()
    assert size > sum(path.stat().st_size for _, path in find_run("r").snapshots()) > 0
    renamed = rename_run(find_run("r"), "renamed")
    assert find_weights("renamed:epoch-1").run == "renamed"
    delete_run(renamed)
    assert not renamed.path.exists()


@pytest.mark.parametrize("when_full", ["stop", "go-on"])
def test_a_full_disk_is_handled_as_for_other_saves(
    when_full: str, jobs: Jobs, every_step: None, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: RunArtifacts, path: Path, epoch: int) -> None:
        raise StorageError("can't write the snapshot: No space left on device; free some space")

    monkeypatch.setattr(RunArtifacts, "save_snapshot", refuse)
    events = jobs.train(TrainRequest(replace(tiny, keep_every=1), run="r", when_full=when_full))  # type: ignore[arg-type]
    if when_full == "stop":
        with pytest.raises(StorageError, match="can't write the snapshot"):
            list(events)
        assert find_run("r").state() == "failed"
    else:
        assert [event.waiting for event in events if isinstance(event, CannotSave)] == [False, False]
        assert find_run("r").state() == "finished"
    assert find_run("r").snapshots() == []


def test_older_versions_read_runs_without_snapshots_and_theirs_are_read() -> None:
    values = to_dict(PRESETS["quick"])
    assert "keep_every" not in values
    assert from_dict(TrainConfig, values) == PRESETS["quick"]
    assert from_dict(TrainConfig, to_dict(replace(PRESETS["quick"], keep_every=5))).keep_every == 5


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True])
def test_the_interval_is_checked(value: object) -> None:
    with pytest.raises(SettingError, match="keep-every"):
        replace(PRESETS["quick"], keep_every=value)  # type: ignore[arg-type]
