"""Training states: everything that a resumed run needs, in one file with a checksum that is loaded without running code."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from engine.checkpoints import torch_file
from engine.checkpoints.parameter_names import to_file_names
from engine.checkpoints.tensor_file import read_file
from engine.checkpoints.weights import ModelWeights, check_fit
from engine.config.serialize import from_dict, to_dict
from engine.config.training import TrainConfig
from engine.errors import CheckpointError, SettingError, StorageError
from engine.formatting import one_line
from engine.storage.atomic import HashingWriter, write_atomic

STATE_FORMAT = "digitty-state"
STATE_VERSION = 1
CHECKSUM_LINE = b"digitty sha256 "
"""The start of the last line of a training state; its SHA-256 in hex follows."""
FILE_NAMES = {"discriminator": "judge", "discriminator_optimizer": "judging"}
"""The fields of a TrainingState that have another name in the file."""


@dataclass(frozen=True)
class TrainingState:
    """Everything that a resumed run needs. Optimisers are state dicts of torch."""

    config: TrainConfig
    step: int
    """Optimiser steps done."""
    best: float
    """The lowest epoch average."""
    epoch_sum: float
    """The sum of the loss over the images of the epoch that has begun."""
    model: Mapping[str, Tensor]
    ema: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]
    muon: Mapping[int, Tensor] = field(default_factory=dict)
    """The momentum of each weight that Muon trains; older files have none."""
    discriminator: Mapping[str, Tensor] | None = None
    """Of a one-step student; None for all other runs."""
    discriminator_optimizer: Mapping[str, Any] | None = None
    best_validation: float = math.inf
    """The lowest loss on held-out images; infinite before the first, and in older files."""
    epoch_seconds: float = 0.0
    """The time that the epoch has taken so far."""
    run: str | None = None
    """The id of the run; older files have none."""

    def to_values(self) -> dict[str, Any]:
        """What the file holds: tensors and plain values."""
        values = {name: getattr(self, name) for name in _names() if getattr(self, name) is not None}
        return {FILE_NAMES.get(name, name): value for name, value in values.items()} | {"config": to_dict(self.config)}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> TrainingState:
        """The reverse of `to_values`. Raises KeyError, TypeError, ValueError or SettingError for anything else."""
        known = {name: values[FILE_NAMES.get(name, name)] for name in _names() if FILE_NAMES.get(name, name) in values}
        state = cls(**{**known, "config": from_dict(TrainConfig, values["config"])})
        if not isinstance(state.optimizer, dict) or type(state.step) is not int or not 0 <= state.step < 1 << 40:
            raise ValueError("its optimizer or step is malformed")
        for number in (state.best, state.best_validation, state.epoch_sum, state.epoch_seconds):
            float(number)
        for tensors in (state.model, state.ema):
            if not isinstance(tensors, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in tensors.items()):
                raise ValueError("its weights are malformed")
        return state


def save_state(path: Path, state: TrainingState) -> None:
    """Writes the state with a checksum at the end. Raises StorageError.

    Weights and average have the names of weights files; optimisers know the parameters by number, in the order of `UNet.parameters()`.
    """
    levels = len(state.config.model.channels)
    file_state = replace(state, model=to_file_names(state.model, levels), ema=to_file_names(state.ema, levels))
    _write(path, {"format": STATE_FORMAT, "version": STATE_VERSION, **file_state.to_values()})


def load_state(path: Path) -> TrainingState:
    """The state, on the CPU. Raises CheckpointError; runs no code from the file."""
    values = torch_file.read(path, _without_checksum(path, read_file(path)))
    if not isinstance(values, dict) or values.get("format") != STATE_FORMAT:
        raise CheckpointError(f"{path} is not a digitty training state")
    if values.get("version") != STATE_VERSION:
        raise CheckpointError(f"{path} has format version {values.get('version')!r}; this version of digitty reads {STATE_VERSION}")
    try:
        state = TrainingState.from_values(values)
        model, ema = (check_fit(dict(tensors), state.config.model, path) for tensors in (state.model, state.ema))
    except (KeyError, ValueError, TypeError, OverflowError, RuntimeError, SettingError) as error:
        raise CheckpointError(f"{path} is malformed ({one_line(error)})") from None
    return replace(state, model=model, ema=ema)


def average_weights(state: TrainingState, run: str) -> ModelWeights:
    """The average weights within a training state."""
    return ModelWeights(dict(state.ema), state.config.model, state.config.schedule, state.step, run, "average")


def _names() -> list[str]:
    return [field.name for field in fields(TrainingState)]


def _write(path: Path, values: Mapping[str, Any]) -> None:
    def write(file: BinaryIO) -> None:
        hashing = HashingWriter(file)
        _save(values, hashing.as_file())
        file.write(CHECKSUM_LINE + hashing.sha.hexdigest().encode())

    write_atomic(path, write, StorageError)


def _without_checksum(path: Path, raw: bytes) -> bytes:
    """The content before the checksum. Raises CheckpointError unless they match."""
    at = len(raw) - len(CHECKSUM_LINE) - 64
    if at < 0 or raw[at : at + len(CHECKSUM_LINE)] != CHECKSUM_LINE:
        raise CheckpointError(f"{path} is truncated, or is not a digitty training state")
    if hashlib.sha256(memoryview(raw)[:at]).hexdigest().encode() != raw[-64:]:
        raise CheckpointError(f"{path} is damaged: it does not match its checksum")
    return raw[:at]


def _save(values: object, file: BinaryIO) -> None:
    """torch.save, whose archive writer turns the OSError of a full disk into a RuntimeError; this raises the OSError."""
    try:
        torch.save(values, file)
    except RuntimeError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__context__
        raise cause or OSError(one_line(error)) from None
