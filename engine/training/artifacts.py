"""What training saves of a run's weights, and draws with them: training states, the best weights, previews."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.training_state import save_state
from engine.checkpoints.weights import ModelWeights
from engine.errors import StorageError
from engine.protocol.events import Event
from engine.protocol.recipe import Images
from engine.runs.run import Run
from engine.runs.weights_names import BEST_VALIDATION, snapshot_kind
from engine.sampling.batch import preview
from engine.sampling.runtime import Runtime
from engine.training.caption_readings import caption_readings
from engine.training.hand_pairs import hand_pairs
from engine.training.ranked_images import ranked_images
from engine.training.trainer import Trainer

PREVIEW_SEED = 0


class RunArtifacts:
    """The saves and previews of one run, for its TrainingLoop."""

    def __init__(self, trainer: Trainer, run: Run, runtime: Runtime) -> None:
        self.trainer, self.name, self.runtime = trainer, run.name, runtime
        self.id = run.id()
        """Ties training states to the run."""

    def save_state(self, path: Path, epoch_seconds: float) -> None:
        """Everything that a resumed run needs. Raises StorageError, and DivergedError rather than save weights that are not finite."""
        save_state(path, replace(self.trainer.state(), epoch_seconds=epoch_seconds, run=self.id))

    def save_best(self, path: Path) -> None:
        """The average weights. Raises StorageError."""
        self._save_average(path, "best")

    def save_best_validation(self, path: Path) -> None:
        """The same, as the weights with the lowest loss on held-out images. Raises StorageError."""
        self._save_average(path, BEST_VALIDATION)

    def save_snapshot(self, path: Path, epoch: int) -> None:
        """The average weights after an epoch. Raises StorageError."""
        self._save_average(path, snapshot_kind(epoch))

    def _save_average(self, path: Path, kind: str) -> None:
        trainer, config = self.trainer, self.trainer.config
        weights = ModelWeights(dict(trainer.weights("average")), config.model, config.schedule, trainer.step, self.name, kind)
        checkpoint.save_weights(path, weights, error=StorageError)

    def draw_preview(self) -> Generator[Event, None, tuple[Images, tuple[str, ...]]]:
        """An image of each class from fixed noise, by the average weights, without captions; of encoders what their own previews show."""
        network = self.trainer.config.model.network
        if network == "writer":
            return (yield from hand_pairs(self.trainer))
        if network == "text":
            return caption_readings(self.trainer)
        if network == "tower":
            return (yield from ranked_images(self.trainer))
        pipeline = yield from self.runtime.pipeline(self.name)
        return (yield from preview(pipeline, PREVIEW_SEED)), ()
