"""The commands with something slow in them that says when it has begun: for processes that the server forks."""

from __future__ import annotations

import io
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch

from engine.checkpoints import training_state
from engine.checkpoints.training_state import TrainingState
from engine.cli import train as engine_train
from engine.compute import autotune as precision
from engine.compute.precision import Numerics
from engine.config import training as c
from engine.config.model import ModelConfig
from engine.data import mnist as data
from engine.jobs.jobs import Jobs
from engine.process import signals as leaving
from engine.sampling import batch, draw
from engine.training import artifacts
from engine.training.cadence import Cadence
from engine.training.trainer import Trainer
from tui.cli import main as cli

LATE = ("PIL.PngImagePlugin", "torch._dynamo", "engine.models.classifier")
"""Modules that commands import late, which would be most of a process's life: the server imports them before."""
TINY = c.TrainConfig(
    preset="quick",
    model=ModelConfig(channels=(8, 8), time_dim=16, emb_dim=16, groups=4),
    limit=16,
    batch_size=4,
    epochs=3,
    lr_schedule="constant",
    preview_every=6,
    save_minutes=1000.0,
)
"""Twelve steps, four an epoch."""
CADENCE = Cadence(read_every=0.0, save_share=math.inf, wait=0.01)
"""Every step is read, every epoch saved."""
HELD = 5
"""Steps done when the sixth is slow."""

Here = Callable[[], None]


def command(arguments: list[str], slow: str = "", marker: str = "", seconds: float = 0.0) -> None:
    """`digitty ARGUMENTS` with the tiny network for every preset; `slow` waits once so long, and touches the marker as it begins."""
    quick()

    def here() -> None:
        if not Path(marker).exists():
            Path(marker).touch()
            time.sleep(seconds)

    if slow:
        SLOW[slow](here)
    sys.argv = ["digitty", *arguments]
    cli.main()


def quick() -> None:
    """Digits at hand, nothing to measure, every step read, every epoch saved by `train`."""
    images, labels = torch.zeros(16, 28, 28, dtype=torch.uint8), torch.arange(16) % 10
    for i in range(16):
        images[i, i : i + 8, i // 2 : i // 2 + 12] = 255
    for owner, name, fake in (
        (data, "load", lambda *_: (images, labels)),
        (precision, "measure", lambda *_: iter([Numerics("fp32", channels_last=False)])),
        (engine_train, "Jobs", partial(Jobs, cadence=CADENCE)),
    ):
        assert hasattr(owner, name), f"{owner.__name__} has no {name} to replace"
        setattr(owner, name, fake)
    cast(dict[str, c.TrainConfig], c.PRESETS).update(quick=TINY, seed=TINY)


# --- what may be slow -------------------------------------------------------------------------------------------------


def _start(here: Here) -> None:
    def measured(*_: object) -> Iterator[Numerics]:
        here()
        yield Numerics("fp32", channels_last=False)

    precision.measure = measured


def _step(here: Here) -> None:
    step = Trainer.train_step

    def slow(self: Trainer) -> None:
        if self.step == HELD:
            here()
        step(self)

    setattr(Trainer, "train_step", slow)  # noqa: B010


def _save(here: Here) -> None:
    """The first save, when half of it is written."""
    save = training_state._save

    def slow(whole: object, file: BinaryIO) -> None:
        buffer = io.BytesIO()
        save(whole, buffer)
        raw = buffer.getvalue()
        file.write(raw[: len(raw) // 2])
        file.flush()
        here()
        file.write(raw[len(raw) // 2 :])

    training_state._save = slow


def _hanging_save(here: Here) -> None:
    """The second save waits for a disk that never answers."""
    save = artifacts.save_state

    def hung(path: Path, state: TrainingState) -> None:
        if state.step > 4:
            here()
            while True:
                time.sleep(3600)
        save(path, state)

    artifacts.save_state = hung
    leaving.DEADLINE = 0.5


def _hanging_save_after_a_step(here: Here) -> None:
    _hanging_save(lambda: None)
    _step(here)


def _drawing(here: Here) -> None:
    """Whatever draws: a preview, `generate`, `evaluate`."""
    sample_batch = batch.sample_batch

    def slow(*arguments: Any) -> Iterator[Any]:
        for step in sample_batch(*arguments):
            yield step
            here()

    batch.sample_batch = draw.sample_batch = slow  # type: ignore[assignment, attr-defined]


def _writing(here: Here) -> None:
    """A file that was asked for, when all of it is written and none of it is in its place."""
    sync = os.fsync

    def slow(handle: int) -> None:
        here()
        sync(handle)

    os.fsync = slow


SLOW: dict[str, Callable[[Here], None]] = {
    "starting": _start,
    "step": _step,
    "save": _save,
    "drawing": _drawing,
    "writing": _writing,
    "hanging save": _hanging_save,
    "hanging last save": _hanging_save_after_a_step,
}
