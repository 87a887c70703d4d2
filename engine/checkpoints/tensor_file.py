"""safetensors files with a format name, a version and a checksum in their metadata, since safetensors itself has none."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor

from engine.errors import CheckpointError, DigittyError, OutputError, UnreadableError
from engine.formatting import one_line
from engine.storage.atomic import read_small, write_atomic

VERSION = 1
LARGEST = 1 << 30
"""The most bytes of a file. A training state of the largest preset has a tenth of that."""
LARGEST_HEADER = 1 << 20
"""The most bytes of a safetensors header. Parsing makes objects of many times its size."""


def write_tensor_file(
    path: Path, form: str, tensors: Mapping[str, Tensor], facts: Mapping[str, str], error: type[DigittyError] = OutputError
) -> None:
    """Writes tensors, and facts as metadata, to a .safetensors file of the format `form`. Raises `error`."""
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {"format": form, "version": str(VERSION), **facts}
    metadata["sha256"] = _checksum(on_cpu, metadata)
    write_atomic(path, lambda file: file.write(tensor_bytes(on_cpu, metadata)), error)


def read_tensor_file(path: Path, form: str, remedy: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a file of the format `form`. Raises CheckpointError, ending with the `remedy`; runs no code from the file."""
    raw = read_file(path)
    if int.from_bytes(raw[:8], "little") > LARGEST_HEADER:
        raise CheckpointError(f"{path} is not a safetensors file, or it describes more tensors than any weights file holds; {remedy}")
    try:
        tensors, metadata = load_tensors(raw), _metadata(raw)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RuntimeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a safetensors file, or it is truncated ({one_line(error)}); {remedy}") from None
    if metadata.get("format") != form:
        raise CheckpointError(f"{path} holds no {form.replace('-', ' ')}; {remedy}")
    if metadata.get("version") != str(VERSION):
        raise CheckpointError(f"{path} has format version {metadata.get('version')!r}; this version of digitty reads {VERSION}")
    if metadata.pop("sha256", None) != _checksum(tensors, metadata):
        raise CheckpointError(f"{path} is damaged: it does not match its checksum; {remedy}")
    return tensors, metadata


def read_file(path: Path) -> bytes:
    """The whole file. Raises CheckpointError."""
    try:
        return read_small(path, LARGEST)
    except FileNotFoundError:
        raise CheckpointError(f"no file {path}") from None
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EFBIG, errno.ELOOP, errno.EISDIR):  # not a regular file of a sensible size
            raise CheckpointError(f"can't read {path}: {error.strerror}") from None
        raise UnreadableError(f"can't read {path}: {error.strerror}; make it readable, and try again") from None


def _metadata(raw: bytes) -> dict[str, str]:
    """The header's __metadata__. A safetensors file begins with 8 bytes of length and a header in JSON."""
    length = int.from_bytes(raw[:8], "little")
    metadata = json.loads(raw[8 : 8 + length]).get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("metadata is not a table of strings")
    return metadata


def _checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """The SHA-256 of all tensors and the metadata, in hex."""
    sha = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        sha.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        sha.update(tensor.flatten().view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return sha.hexdigest()
