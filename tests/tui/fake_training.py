"""The real TrainingLoop without torch: a trainer of made-up losses, and training states that only have a name, in real run directories."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from pathlib import Path
from threading import Event as Flag

from fake_pictures import blend

from engine.config.compute import ComputeInfo
from engine.config.serialize import with_changes
from engine.config.training import PRESETS, TrainConfig
from engine.errors import StorageError
from engine.process.distributed import ProcessGroup
from engine.protocol.events import Event, Preparing
from engine.protocol.recipe import Images
from engine.protocol.requests import TrainRequest
from engine.runs.control import Control
from engine.runs.manage import create_run
from engine.runs.run import Run
from engine.runs.writer import Writer, open_writer
from engine.storage.images import save_strip
from engine.training.cadence import Cadence
from engine.training.loop import TrainingLoop

ENGINE = ComputeInfo("cpu", "fp32", "contiguous")
STEPS_PER_S = 8.0


class FakeTrainer:
    """`engine.training.trainer.Trainer` to the loop. A step takes `pace` seconds; the loop's clock says an eighth of a second."""

    def __init__(self, config: TrainConfig, step: int, pace: float) -> None:
        self.config, self.step, self.pace = config, step, pace
        self.group, self.compute_info, self.parameters = ProcessGroup(), ENGINE, 6_141_313
        self.best, self.unread, self.must_read = math.inf, 0, False
        self.cadence = Cadence(read_every=0.0, save_share=math.inf, wait=0.002, clock=lambda: self.step / STEPS_PER_S)
        """Every step is read and every epoch saved."""

    def train_step(self) -> None:
        time.sleep(self.pace)
        self.step += 1
        self.unread += 1

    def read_losses(self) -> list[float]:
        losses = [loss_at(self.step - k) for k in reversed(range(self.unread))]
        self.unread = 0
        return losses

    def end_epoch(self, epochs: int = 1) -> float:
        average = loss_at(self.step)
        self.best = min(self.best, average)
        return average

    def lr_at(self, step: int) -> float:
        return 1e-3

    def memory_in_use(self) -> int:
        return 300 << 20


class FakeArtifacts:
    """`engine.training.artifacts.RunArtifacts` to the loop. While `full` is set, no state can be saved."""

    def __init__(self, trainer: FakeTrainer, full: Flag) -> None:
        self.trainer, self.full = trainer, full

    def save_state(self, path: Path, epoch_seconds: float) -> None:
        if self.full.is_set():
            raise StorageError("can't write state.pt: No space left on device; free some space")
        write_state(path)

    def save_best(self, path: Path) -> None:
        path.write_bytes(b"weights")

    def save_snapshot(self, path: Path, epoch: int) -> None:
        if self.full.is_set():
            raise StorageError("can't write the snapshot: No space left on device; free some space")
        path.write_bytes(b"weights")

    def draw_preview(self) -> Generator[Event, None, tuple[Images, tuple[str, ...]]]:
        yield Preparing("measuring fp32")
        return preview_at(self.trainer.step), ()


def training_loop(run: Run, config: TrainConfig, writer: Writer, request: TrainRequest, control: Control, full: Flag, pace: float) -> TrainingLoop:
    """The loop of a run that starts, or continues from its newest state."""
    states = run.states()
    trainer = FakeTrainer(config, states[-1][0] if states else 0, pace)
    return TrainingLoop(trainer, FakeArtifacts(trainer, full), run, writer, control, request.when_full, trainer.cadence)


def with_epochs_of(config: TrainConfig, steps: int) -> TrainConfig:
    """The configuration with so many steps an epoch, and a preview after each."""
    return with_changes(config, limit=steps * config.batch_size, preview_every=steps)


def loss_at(step: int) -> float:
    return 1 / (1 + step)


def preview_at(step: int) -> Images:
    """The ten digits, clearer with each step."""
    return Images(b"".join(blend(label, 0, label, step / (step + 2)) for label in range(10)), 10)


def write_state(path: Path) -> None:
    path.write_bytes(b"state")


# --- runs of other processes, line by line ----------------------------------------------------------------------------


def log_step(writer: Writer, step: int) -> None:
    """What a trainer writes of a step."""
    writer.log({"step": step, "loss": loss_at(step), "lr": 1e-3, "rate": STEPS_PER_S, "time": 0.0})


def save(writer: Writer, step: int) -> None:
    write_state(writer.state_path(step))
    writer.event("saved", step)


def preview(writer: Writer, step: int) -> Images:
    images = preview_at(step)
    save_strip(writer.sample_path(step), images)
    return images


def cut_off(name: str, saved: int = 4, logged: int = 6) -> Run:
    """A run whose trainer was killed."""
    run = create_run(name, with_epochs_of(PRESETS["quick"], 4), ENGINE)
    with open_writer(run) as writer:
        writer.event("started", 0)
        for step in range(1, logged + 1):
            log_step(writer, step)
            if step == saved:
                save(writer, step)
        writer.flush()
    return run
