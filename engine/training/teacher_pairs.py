"""What a teacher makes of noise: pairs of noise and picture that a student learns from. Drawn once, and kept in the student's run."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engine.checkpoints.tensor_file import read_tensor_file, write_tensor_file
from engine.compute.seeds import derive_seed
from engine.config.data import DataSpec
from engine.config.sampling import SampleConfig
from engine.errors import CheckpointError, StorageError
from engine.protocol.events import Event, Notice, Preparing, Tick
from engine.sampling.batch import BATCH, sample_batch
from engine.sampling.pipeline import Pipeline
from engine.sampling.pixels import to_pixels

FORMAT = "digitty-pairs"
TEACHING = SampleConfig(steps=14, guidance=1.2)
"""How the teacher draws: without noise during sampling, so that the picture follows from the first noise, and with little guidance, for variety."""


@dataclass(frozen=True)
class TeacherPairs:
    """Noise (N, C, H, W), the labels (N,) and the teacher's pictures (N, H, W) or (N, H, W, 3) uint8, on the device."""

    noise: Tensor
    labels: Tensor
    pictures: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def noise_and_labels(data: DataSpec, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """A pure function of its arguments: (n, C, H, W) and (n,), each label as often; all 0 without classes."""
    noise = torch.randn((n, *data.shape), generator=torch.Generator().manual_seed(derive_seed(seed, 0, 6)))
    return noise, torch.arange(n) % max(1, data.classes)


def draw_pairs(teacher: Pipeline, n: int, seed: int, sample: SampleConfig = TEACHING) -> Generator[Event, None, Tensor]:
    """The teacher's pictures, n of them, uint8, on the CPU; yields its progress."""
    noise, labels = noise_and_labels(teacher.data, n, seed)
    size, pictures = BATCH[teacher.device.type], []
    for first in range(0, n, size):
        yield Preparing(f"{teacher.weights.name} draws {first:,} of {n:,} images to learn from")
        x = noise[first : first + size].to(teacher.device)
        for step in sample_batch(teacher, labels[first : first + size].tolist(), sample, x, _no_noise):
            x = step.x
            yield Tick()
        pictures.append(to_pixels(x))
    return torch.cat(pictures)


def load_or_draw(
    path: Path, teacher: Generator[Event, None, Pipeline], data: DataSpec, n: int, seed: int, device: torch.device
) -> Generator[Event, None, TeacherPairs]:
    """The pairs in the file; if it is missing or damaged, the teacher draws them and they are saved there. Raises StorageError."""
    try:
        pictures = _read(path, data, n, seed) if path.exists() else None
    except CheckpointError as error:
        yield Notice(f"{error}; they are drawn again")
        pictures = None
    if pictures is None:
        pictures = yield from draw_pairs((yield from teacher), n, seed)
        write_tensor_file(path, FORMAT, {"pictures": pictures}, {"seed": str(seed)}, StorageError)
    noise, labels = noise_and_labels(data, n, seed)
    return TeacherPairs(noise.to(device), labels.to(device), pictures.to(device))


def _read(path: Path, data: DataSpec, n: int, seed: int) -> Tensor:
    tensors, facts = read_tensor_file(path, FORMAT, "the teacher draws them")
    pictures = tensors.get("pictures", torch.empty(0))
    if pictures.shape != (n, *data.pixel_shape) or pictures.dtype != torch.uint8 or facts.get("seed") != str(seed):
        raise CheckpointError(f"{path} holds pairs for a different run")
    return pictures


def _no_noise() -> Tensor:
    raise AssertionError("the teacher draws without noise on the way")
