"""The writers of a run's training images: read once, and kept in the run, so that resuming needs no other file."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from engine.checkpoints.tensor_file import read_tensor_file, write_tensor_file
from engine.config.data import MNIST
from engine.config.training import TrainConfig
from engine.datasets.writers import QMNIST, check_writers, full_source, has_qmnist, read_writers
from engine.errors import CheckpointError, SettingError, StorageError
from engine.formatting import printable
from engine.protocol.events import Event, Notice, Preparing
from engine.runs.run import Run
from engine.training.hand_references import check_hands

FORMAT = "digitty-writers"


def choose_writers(config: TrainConfig, asked: bool, data_root: str | None) -> Generator[Event, None, TrainConfig]:
    """Returns the configuration of a new run with where the writers of its images are found, if it has to know them; paths are made full.

    For a network that is told hands they are by default QMNIST's, if it trains on MNIST. But where nobody `asked` for hands (the first weights have
    them) and those labels are not here, each image is told its own hand. Raises SettingError for images that show no hands, and for
    writers of which a student has no use, since its teacher is told no hands.
    """
    source = config.writers
    if config.hands:
        check_hands(config.data)
        if source is None and config.data.digest == MNIST.digest:
            if asked or has_qmnist(data_root):
                source = QMNIST
            else:
                yield Notice(
                    "who wrote MNIST's digits is not known here, so the network is told each digit's own hand; --writers says how to know it"
                )
    elif source is not None and config.teacher:
        raise SettingError(f"{printable(config.teacher)} is told no hands, and so is its student; leave out --writers")
    return config if source is None else replace(config, writers=full_source(source))


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
