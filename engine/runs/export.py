"""Export a run's metrics for other programs: as a CSV file, or as event files of TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import OutputError
from engine.runs.metrics_log import Follower, check_readable
from engine.runs.run import Run
from engine.storage.atomic import cannot_write, remove_tree, write_text
from engine.storage.images import load_strip

COLUMNS = ("step", "epoch", "loss", "lr", "steps_per_s", "time", "epoch_average", "epoch_seconds", "validation", "distance_ratio")


def rows(run: Run) -> Iterator[dict[str, Any]]:
    """One table row for each logged step, in order. If a run went back to a save, the last line of a step counts.

    Raises StorageError if the metrics can't be read.
    """
    check_readable(run.metrics_path)
    steps: dict[int, dict[str, Any]] = {}
    epochs: dict[int, dict[str, Any]] = {}
    validations: dict[int, dict[str, Any]] = {}
    for record in Follower(run.metrics_path).records():
        step = record["step"]
        if record.get("event") == "started":
            for table in (steps, epochs, validations):
                _remove_after(table, step)
        elif "loss" in record:
            steps[step] = record
        elif "average" in record:
            epochs[step] = record
        elif "validation" in record:
            validations[step] = record
    per_epoch = run.config().steps_per_epoch
    for step, record in steps.items():
        epoch, validation = epochs.get(step, {}), validations.get(step, {})
        yield {
            "step": step,
            "epoch": 1 + (step - 1) // per_epoch,
            "loss": record["loss"],
            "lr": record.get("lr"),
            "steps_per_s": record.get("rate"),
            "time": record.get("time"),
            "epoch_average": epoch.get("average"),
            "epoch_seconds": epoch.get("seconds"),
            "validation": validation.get("validation"),
            "distance_ratio": validation.get("distance_ratio"),
        }


def to_csv(run: Run, path: Path) -> int:
    """Write the rows below a header. Returns their number. Raises OutputError and StorageError."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    table = list(rows(run))
    writer.writerows(table)
    write_text(path, text.getvalue(), OutputError)
    return len(table)


def to_tensorboard(run: Run, folder: Path) -> int:
    """Write FOLDER/RUN/events…: loss, learning rate and speed of each step, averages of the epochs, validations, previews.

    Returns the number of steps. Raises OutputError and StorageError.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise OutputError("the package tensorboard is not installed; install it with: pip install 'digitty[tensorboard]'") from None
    target, part = folder / run.name, folder / f".{run.name}.part"
    if target.exists():
        raise OutputError(f"{target} exists; choose another folder, or delete it first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_tree(part)  # from an export that was killed
        with SummaryWriter(str(part)) as writer:
            count = _write_events(run, writer)
        part.rename(target)
        return count
    except OSError as error:
        raise cannot_write(target, error, OutputError) from None
    finally:
        remove_tree(part)


def _write_events(run: Run, writer: Any) -> int:
    """Write everything to TensorBoard's `writer`, with the times at which it happened. Returns the number of steps."""
    import numpy as np  # not at module level, so that commands that only read runs stay light

    table, data = list(rows(run)), run.config().data
    for row in table:
        for name in ("loss", "lr", "steps_per_s", "epoch_average", "validation", "distance_ratio"):
            if row[name] is not None:
                writer.add_scalar(name, row[name], row["step"], walltime=row["time"])
    for step, path in run.samples():
        images = load_strip(path, data)
        if images is not None:
            strip = np.frombuffer(images.data, np.uint8).reshape(len(images), images.height, images.width, images.channels)
            writer.add_image("previews", np.hstack(list(strip)), step, walltime=path.stat().st_mtime, dataformats="HWC")
    return len(table)


def _remove_after(records: dict[int, dict[str, Any]], step: int) -> None:
    """Remove the records of later steps, which are at the end: dicts keep their order."""
    while records and (last := next(reversed(records))) > step:
        del records[last]
