"""A run's metrics as CSV and as TensorBoard's event files: each step once, its last line counting."""

from __future__ import annotations

import csv
import os
import signal
import sys
from pathlib import Path

import pytest

from engine.config.compute import ComputeInfo
from engine.config.training import TrainConfig
from engine.errors import OutputError, StorageError
from engine.protocol.recipe import Images
from engine.runs import export
from engine.runs.manage import create_run
from engine.runs.run import Run
from engine.runs.writer import open_writer
from engine.storage.images import save_strip


@pytest.fixture
def run(tiny: TrainConfig) -> Run:
    """Seven steps, of which four to six were done twice: killed after step 6, it went on from the save at step 3."""
    run = create_run("r", tiny, ComputeInfo("cpu", "fp32", "contiguous"))
    with open_writer(run) as writer:
        writer.event("started", 0)
        for step in range(1, 7):
            writer.log({"step": step, "loss": 10.0 + step, "lr": 0.5, "rate": 2.0, "time": float(step)})
            if step == 4:
                writer.log({"epoch": 1, "step": 4, "average": 99.0, "seconds": 1.0, "best": True})
        writer.event("started", 3)
        for step in range(4, 8):
            writer.log({"step": step, "loss": 20.0 + step, "lr": 0.25, "rate": 4.0, "time": 10.0 + step})
            if step == 4:
                writer.log({"epoch": 1, "step": 4, "average": 12.5, "seconds": 2.0, "best": True})
        writer.event("stopped", 7)
        save_strip(writer.sample_path(4), Images(bytes(range(256)) * 30 + bytes(7840 - 7680), 10))
    return run


def test_csv(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    assert export.to_csv(run, path) == 7
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == export.COLUMNS
    assert [float(row["loss"]) for row in rows] == [11, 12, 13, 24, 25, 26, 27]
    assert [int(row["step"]) for row in rows] == list(range(1, 8))
    assert [row["epoch"] for row in rows] == ["1"] * 4 + ["2"] * 3
    assert [row["epoch_average"] for row in rows] == ["", "", "", "12.5", "", "", ""]
    assert float(rows[3]["time"]) == 14


def test_tensorboard(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert export.to_tensorboard(run, tmp_path) == 7
    assert [path.name for path in tmp_path.iterdir() if path.is_dir() and path.name != "home"] == ["r"]
    read = EventAccumulator(str(tmp_path / "r")).Reload()
    assert [(e.step, e.value, e.wall_time) for e in read.Scalars("loss")][2:5] == [(3, 13, 3), (4, 24, 14), (5, 25, 15)]
    assert [(e.step, e.value) for e in read.Scalars("epoch_average")] == [(4, 12.5)]
    assert len(read.Scalars("lr")) == 7
    assert [(e.step, e.width, e.height) for e in read.Images("previews")] == [(4, 280, 28)]


def test_tensorboard_writes_over_nothing(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "r").mkdir()
    with pytest.raises(OutputError, match="another folder"):
        export.to_tensorboard(run, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't write"):
        export.to_tensorboard(run, tmp_path / "file")


def test_without_the_package(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(OutputError, match=r"digitty\[tensorboard\]"):
        export.to_tensorboard(run, tmp_path)


def test_metrics_that_can_not_be_read_are_no_empty_table(run: Run, tmp_path: Path) -> None:
    run.metrics_path.unlink()
    run.metrics_path.mkdir()
    with pytest.raises(StorageError, match="can't read"):
        export.to_csv(run, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("has_reader", [False, True])
def test_a_pipe_in_place_of_the_metrics_is_refused_and_not_waited_for(run: Run, tmp_path: Path, has_reader: bool) -> None:
    run.metrics_path.unlink()
    os.mkfifo(run.metrics_path)
    reader = os.open(run.metrics_path, os.O_RDONLY | os.O_NONBLOCK) if has_reader else None
    signal.alarm(30)
    try:
        with pytest.raises(StorageError, match="not a regular file"):
            export.to_csv(run, tmp_path / "m.csv")
    finally:
        signal.alarm(0)
        if reader is not None:
            os.close(reader)
    assert not (tmp_path / "m.csv").exists()
