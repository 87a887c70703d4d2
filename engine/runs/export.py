"""A run's metrics for other programs: a CSV file, or TensorBoard's event files, where people compare runs."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import OutputError
from engine.runs.metrics_log import Follower, check_readable
from engine.runs.run import Run
from engine.storage.atomic import cannot_write, write_text
from engine.storage.images import load_strip

COLUMNS = ("step", "epoch", "loss", "lr", "steps_per_s", "time", "epoch_average", "epoch_seconds")


def rows(run: Run) -> Iterator[dict[str, Any]]:
    """One table row a logged step, in order; where a run went back to a save, its last line of a step counts."""
    check_readable(run.metrics_path)
    steps: dict[int, dict[str, Any]] = {}
    epochs: dict[int, dict[str, Any]] = {}
    for record in Follower(run.metrics_path).records():
        step = record["step"]
        if record.get("event") == "started":
            _cut(steps, step)
            _cut(epochs, step)
        elif "loss" in record:
            steps[step] = record
        elif "average" in record:
            epochs[step] = record
    per_epoch = run.config().steps_per_epoch
    for step, record in steps.items():
        ended = epochs.get(step, {})
        yield {
            "step": step,
            "epoch": 1 + (step - 1) // per_epoch,
            "loss": record["loss"],
            "lr": record.get("lr"),
            "steps_per_s": record.get("rate"),
            "time": record.get("time"),
            "epoch_average": ended.get("average"),
            "epoch_seconds": ended.get("seconds"),
        }


def to_csv(run: Run, path: Path) -> int:
    """Writes the rows with a header; returns how many. Raises OutputError."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    table = list(rows(run))
    writer.writerows(table)
    write_text(path, text.getvalue(), OutputError)
    return len(table)


def to_tensorboard(run: Run, folder: Path) -> int:
    """Writes FOLDER/RUN/events…: loss, lr and speed by step, the epochs' averages, the previews. Returns the steps. Raises OutputError."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise OutputError("TensorBoard's files need the package tensorboard: pip install 'digitty[tensorboard]'") from None
    target, part = folder / run.name, folder / f".{run.name}.part"
    if target.exists():
        raise OutputError(f"{target} exists; choose another folder, or delete it first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with SummaryWriter(str(part)) as writer:
            count = _tell(run, writer)
        part.rename(target)
        return count
    except OSError as error:
        raise cannot_write(target, error, OutputError) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _tell(run: Run, writer: Any) -> int:
    """Everything to TensorBoard's `writer`, at the times when it happened."""
    import numpy as np  # here, so that commands that only read runs stay light

    table, data = list(rows(run)), run.config().data
    for row in table:
        for name in ("loss", "lr", "steps_per_s", "epoch_average"):
            if row[name] is not None:
                writer.add_scalar(name, row[name], row["step"], walltime=row["time"])
    for step, path in run.samples():
        images = load_strip(path, data)
        if images is not None:
            strip = np.frombuffer(images.data, np.uint8).reshape(len(images), images.height, images.width, images.channels)
            writer.add_image("previews", np.hstack(list(strip)), step, walltime=path.stat().st_mtime, dataformats="HWC")
    return len(table)


def _cut(records: dict[int, dict[str, Any]], step: int) -> None:
    """Forget what came after a step: dicts keep their order, so it is at the end."""
    while records and (last := next(reversed(records))) > step:
        del records[last]
