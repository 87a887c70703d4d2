"""What the training loop is given: a trainer, what saves and draws its weights, what validates them. No torch, so that tests can give it others."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Protocol

from engine.config.compute import ComputeInfo
from engine.config.training import TrainConfig
from engine.process.distributed import ProcessGroup
from engine.protocol.events import Event
from engine.protocol.recipe import Images
from engine.protocol.validated import Validated


class TrainerProtocol(Protocol):
    """What the loop needs of a trainer; see `engine.training.trainer.Trainer`."""

    @property
    def config(self) -> TrainConfig: ...
    @property
    def group(self) -> ProcessGroup: ...
    @property
    def step(self) -> int: ...
    @property
    def best(self) -> float: ...
    @property
    def unread(self) -> int: ...
    @property
    def must_read(self) -> bool: ...
    @property
    def compute_info(self) -> ComputeInfo: ...
    @property
    def parameters(self) -> int: ...
    def train_step(self) -> None: ...
    def read_losses(self) -> list[float]: ...
    def end_epoch(self, epochs: int = 1) -> float: ...
    def lr_at(self, step: int) -> float: ...
    def memory_in_use(self) -> int: ...


class Artifacts(Protocol):
    """What is saved and drawn of the weights; see `engine.training.artifacts.RunArtifacts`."""

    def save_state(self, path: Path, epoch_seconds: float) -> None:
        """Raises StorageError."""

    def save_best(self, path: Path) -> None:
        """Raises StorageError."""

    def save_best_validation(self, path: Path) -> None:
        """Raises StorageError."""

    def save_snapshot(self, path: Path, epoch: int) -> None:
        """Raises StorageError."""

    def draw_preview(self) -> Generator[Event, None, tuple[Images, tuple[str, ...]]]:
        """Returns pictures, and a caption for each or none at all."""
        ...


class ValidationProtocol(Protocol):
    """What held-out images say of the weights; see `engine.training.validation.Validation`."""

    def due(self, step: int) -> bool: ...
    def measure(self) -> Generator[Event, None, Validated]: ...
