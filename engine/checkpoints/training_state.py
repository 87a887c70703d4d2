"""Training states: all that a resumed run needs, in one checksummed file that is loaded without running code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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
"""What the last line of a training state begins with; its SHA-256 in hex follows."""


def save_state(path: Path, config: TrainConfig, state: Mapping[str, Any]) -> None:
    """All that a resumed run needs: weights, average, optimiser, step, and the configuration it belongs to, with a checksum at the end.

    Weights and average have the names of weights files; optimisers know the parameters by number, in the order of `UNet.parameters()`.
    Raises StorageError.
    """
    levels = len(config.model.channels)
    tensors = {name: to_file_names(state[name], levels) for name in ("model", "ema")}
    whole = {"format": STATE_FORMAT, "version": STATE_VERSION, "config": to_dict(config), **state, **tensors}

    def write(file: BinaryIO) -> None:
        hashing = HashingWriter(file)
        _save(whole, hashing.as_file())
        file.write(CHECKSUM_LINE + hashing.sha.hexdigest().encode())

    write_atomic(path, write, StorageError)


def load_state(path: Path) -> tuple[TrainConfig, dict[str, Any]]:
    """The configuration and the state, on the CPU. Raises CheckpointError; runs nothing that the file holds."""
    state = torch_file.read(path, _without_checksum(path, read_file(path)))
    if not isinstance(state, dict) or state.get("format") != STATE_FORMAT:
        raise CheckpointError(f"{path} holds no training state of digitty")
    if state.get("version") != STATE_VERSION:
        raise CheckpointError(f"{path} has format version {state.get('version')!r}; this digitty reads {STATE_VERSION}")
    try:
        config = from_dict(TrainConfig, state["config"])
        model, ema, optimizer = state["model"], state["ema"], state["optimizer"]
        if not isinstance(optimizer, dict) or type(state["step"]) is not int or not 0 <= state["step"] < 1 << 40:
            raise ValueError("its optimizer or step is malformed")
        float(state["best"]), float(state["epoch_sum"])
        for name, tensors in (("model", model), ("ema", ema)):
            if not isinstance(tensors, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in tensors.items()):
                raise ValueError("its weights are malformed")
            state[name] = check_fit(tensors, config.model, path)
    except (KeyError, ValueError, TypeError, OverflowError, RuntimeError, SettingError) as error:
        raise CheckpointError(f"{path} is malformed ({one_line(error)})") from None
    return config, state


def _without_checksum(path: Path, raw: bytes) -> bytes:
    """What stands before the digest, if it matches."""
    at = len(raw) - len(CHECKSUM_LINE) - 64
    if at < 0 or raw[at : at + len(CHECKSUM_LINE)] != CHECKSUM_LINE:
        raise CheckpointError(f"{path} is truncated, or no training state of digitty")
    if hashlib.sha256(memoryview(raw)[:at]).hexdigest().encode() != raw[-64:]:
        raise CheckpointError(f"{path} is damaged: it does not match its digest")
    return raw[:at]


def average_weights(config: TrainConfig, state: Mapping[str, Any], run: str) -> ModelWeights:
    """The average weights within a training state."""
    return ModelWeights(state["ema"], config.model, config.schedule, int(state["step"]), run, "average")


def _save(whole: object, file: BinaryIO) -> None:
    """torch.save; its archive writer makes a RuntimeError of a full disk's OSError."""
    try:
        torch.save(whole, file)
    except RuntimeError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__context__
        raise cause or OSError(one_line(error)) from None
