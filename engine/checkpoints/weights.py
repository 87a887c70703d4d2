"""Weights files: .safetensors with everything known about them, and the guide's .pth. Written whole or not at all, read without running code."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engine.checkpoints import torch_file
from engine.checkpoints.parameter_names import to_file_names, to_module_names
from engine.checkpoints.tensor_file import read_file, read_tensor_file, write_tensor_file
from engine.config.data import MNIST
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.serialize import from_dict, to_dict
from engine.errors import CheckpointError, DigittyError, OutputError, SettingError
from engine.formatting import one_line, printable
from engine.models.build import build_network
from engine.protocol.recipe_values import check_kind
from engine.storage.atomic import write_atomic

WEIGHTS_FORMAT = "digitty-weights"
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WRAPPERS = ("module.", "_orig_mod.")
LARGEST_WEIGHT = 1e6
"""No weight of a trained network is as large. Sums of much larger numbers overflow, and the images come out black."""
DIGEST_LENGTH = 16
"""Hex digits of a digest of weights: 64 bits, enough to tell any two networks of a user apart."""


@dataclass(frozen=True)
class ModelWeights:
    """A network's weights in float32, by the names of `UNet`'s parameters, and where they come from."""

    tensors: dict[str, Tensor]
    model: ModelConfig
    schedule: ScheduleConfig
    step: int | None
    run: str
    kind: str

    @property
    def digest(self) -> str:
        """`digest_of` all tensors. It does not depend on the kind of file."""
        return digest_of(self.tensors)


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """sha256: and the first DIGEST_LENGTH hex digits of the SHA-256 of the tensors, by their names."""
    sha = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().to("cpu", torch.float32).contiguous()
        sha.update(f"{name} {tuple(tensor.shape)} ".encode())
        sha.update(tensor.flatten().view(torch.uint8).numpy().data)
    return f"sha256:{sha.hexdigest()[:DIGEST_LENGTH]}"


def save_weights(path: Path, weights: ModelWeights, dtype: torch.dtype = torch.float16, error: type[DigittyError] = OutputError) -> None:
    """Writes a .safetensors file whose metadata holds the configuration and a checksum; parameters have the guide's names. Raises `error`."""
    tensors = {name: tensor.detach().to("cpu", dtype) for name, tensor in _named_for_file(weights).items()}
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise error(
                f"can't write {path}: {name} has values that {str(dtype).removeprefix('torch.')} can't hold; export a .pth, which keeps float32"
            )
    facts = {
        "model": json.dumps(to_dict(weights.model)),
        "schedule": json.dumps(to_dict(weights.schedule)),
        "run": printable(weights.run),
        "kind": weights.kind,
        "step": "" if weights.step is None else str(weights.step),
    }
    write_tensor_file(path, WEIGHTS_FORMAT, tensors, facts, error)


def load_weights(path: Path) -> ModelWeights:
    """Loads a .safetensors or a .pth file. Raises CheckpointError; runs no code from the file."""
    return _load_pth(path) if path.suffix.lower() == ".pth" else _load_safetensors(path)


def _load_safetensors(path: Path) -> ModelWeights:
    tensors, metadata = read_tensor_file(path, WEIGHTS_FORMAT, "write such a file with: digitty export")
    try:
        model = from_dict(ModelConfig, json.loads(metadata["model"]))
        schedule = from_dict(ScheduleConfig, json.loads(metadata["schedule"]))
        step = int(metadata["step"]) if metadata.get("step") else None
        kind = metadata.get("kind", "average")
        check_kind(kind)
    except (KeyError, ValueError, RecursionError, SettingError) as error:
        raise CheckpointError(f"{path} has unreadable metadata ({one_line(error)})") from None
    return ModelWeights(check_fit(tensors, model, path), model, schedule, step, metadata.get("run", path.stem), kind)


def save_pth(path: Path, weights: ModelWeights) -> None:
    """The guide's format and names: a bare state dict in float32, as `simple_diffusion_mnist.pth`.

    Raises OutputError for other images than MNIST's, and for networks that draw nothing.
    """
    if not weights.model.draws:
        raise OutputError(f"a .pth file holds networks that draw; write {path.stem}.safetensors instead")
    if weights.model.data != MNIST:
        raise OutputError(f"a .pth file does not record its data set, so it can only hold weights for MNIST; write {path.stem}.safetensors instead")
    buffer = io.BytesIO()
    torch.save({name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in _named_for_file(weights).items()}, buffer)
    write_atomic(path, lambda file: file.write(buffer.getbuffer()), OutputError)


def _load_pth(path: Path) -> ModelWeights:
    """A bare state dict of the guide's network, or of a wider or narrower one: its size follows from the shapes. The schedule is the guide's."""
    tensors = torch_file.read(path, read_file(path))
    if not isinstance(tensors, dict) or not tensors or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in tensors.items()):
        raise CheckpointError(f"{path} holds no state dict; write one with: digitty export RUN {path.name}")
    levels = ("enc28", "enc14", "enc7")
    tensors = to_file_names(_unwrap(tensors), len(levels))
    try:
        channels = tuple(int(tensors[f"{name}.conv2.weight"].shape[0]) for name in levels)
        emb_dim, time_dim = (int(n) for n in tensors["time.0.weight"].shape)
        model = ModelConfig(channels=channels, emb_dim=emb_dim, time_dim=time_dim)
    except (KeyError, ValueError, IndexError, SettingError) as error:
        raise CheckpointError(f"{path} holds the weights of another network ({one_line(error)}); digitty only draws with its own U-Net") from None
    return ModelWeights(check_fit(tensors, model, path), model, ScheduleConfig(), None, path.stem, "imported")


def _named_for_file(weights: ModelWeights) -> dict[str, Tensor]:
    return to_file_names(weights.tensors, len(weights.model.channels))


def _unwrap(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Removes from the names what DataParallel, DistributedDataParallel and torch.compile put before all of them."""
    while prefix := next((prefix for prefix in WRAPPERS if all(name.startswith(prefix) for name in tensors)), None):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def check_fit(tensors: dict[str, Tensor], model: ModelConfig, path: Path) -> dict[str, Tensor]:
    """The tensors of a file in float32, by the names of `UNet`'s parameters.

    Raises CheckpointError unless they are exactly this network's and their values ones that training can give; the message uses the file's names.
    """
    levels = len(model.channels)
    with torch.device("meta"):
        expected = {name: tensor.shape for name, tensor in to_file_names(build_network(model).state_dict(), levels).items()}
    tensors = to_file_names(tensors, levels)
    for name in sorted(set(expected) ^ set(tensors)):
        raise CheckpointError(f"{path} holds the weights of another network: {name[:80]!r} is {'missing' if name in expected else 'unknown'}")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name]:
            raise CheckpointError(f"{path} holds the weights of another network: {name} is {tuple(tensor.shape)}, not {tuple(expected[name])}")
        if tensor.dtype not in FLOATS:
            raise CheckpointError(f"{path} has {str(tensor.dtype).removeprefix('torch.')} in {name}; weights must be floats of 16, 32 or 64 bits")
        if not float(tensor.abs().max()) <= LARGEST_WEIGHT:  # also true of NaN
            raise CheckpointError(f"{path} has values in {name} that are not finite, or that are larger than in any trained network")
    return to_module_names({name: tensor.float() for name, tensor in tensors.items()}, levels)
