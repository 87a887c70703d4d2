"""The writers of a run's training images: read once, and kept in the run, so that resuming needs no other file."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import torch
from torch import Tensor

from engine.checkpoints.tensor_file import read_tensor_file, write_tensor_file
from engine.config.training import TrainConfig
from engine.datasets.writers import check_writers, read_writers
from engine.errors import CheckpointError, StorageError
from engine.protocol.events import Event, Notice, Preparing
from engine.runs.run import Run

FORMAT = "digitty-writers"


def find_writers(config: TrainConfig, labels: Tensor, data_root: str | None, run: Run | None = None) -> Generator[Event, None, Tensor]:
    """Returns the writer of each training image, (N,) int64 on the CPU: from the run if it has them, else from `config.writers`.

    Raises SettingError or StorageError.
    """
    assert config.writers is not None
    if run is not None and (kept := _path(run)).exists():
        try:
            return _read(kept, config.images)
        except CheckpointError as error:
            yield Notice(f"{error}; they are read again")
    yield Preparing("reading who wrote the digits")
    root = None if data_root is None else Path(data_root).expanduser()
    return torch.from_numpy(read_writers(config.writers, labels.cpu().numpy(), root))


def keep_writers(run: Run, writers: Tensor) -> None:
    """Writes them into the run, unless they are there. Raises StorageError."""
    if not _path(run).exists():
        write_tensor_file(_path(run), FORMAT, {"writers": writers}, {}, StorageError)


def _path(run: Run) -> Path:
    return run.path / "writer-numbers.safetensors"


def _read(path: Path, images: int) -> Tensor:
    tensors, _ = read_tensor_file(path, FORMAT, "delete it")
    writers = tensors.get("writers", torch.empty(0))
    if writers.shape != (images,) or writers.dtype != torch.int64:
        raise CheckpointError(f"{path} holds the writers of another run")
    return torch.from_numpy(check_writers(writers.numpy(), str(path)))
