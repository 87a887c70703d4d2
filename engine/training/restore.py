"""Resuming: checks what may be resumed, and restores the newest undamaged training state."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from engine.checkpoints.training_state import TrainingState, load_state
from engine.config.data import DataSpec
from engine.config.training import TrainConfig
from engine.errors import CheckpointError, RunError, UnreadableError
from engine.formatting import printable
from engine.protocol.events import Event, Notice
from engine.runs.run import Run, state_step
from engine.training.trainer import Trainer


def check_resumable(run: Run, config: TrainConfig) -> None:
    """Resuming may change how far a run goes and where its images lie, and nothing else. Raises RunError that names what differs."""
    recorded = run.config()
    check_same_data(run.name, recorded.data, config.data)
    recorded = _moved_like(recorded, config)
    for name in recorded.__dataclass_fields__:
        if name not in ("epochs", "steps") and getattr(recorded, name) != getattr(config, name):
            was, now = printable(getattr(recorded, name)), printable(getattr(config, name))
            raise RunError(f"run {run.name} has {name} {was}, which resuming can't change; start a new run for {now}")


def check_same_data(run: str, recorded: DataSpec, found: DataSpec) -> None:
    """Raises RunError with both digests where these are not the images that the run was trained on."""
    if recorded.digest != found.digest:
        raise RunError(
            f"run {run} was trained on {recorded.name} with the digest {printable(recorded.digest)}; {found.name} has {printable(found.digest)}. "
            f"Resuming can't change the images; for a new run on them from its weights: --start-from {run} --data {printable(found.source)}"
        )


def _moved_like(recorded: TrainConfig, config: TrainConfig) -> TrainConfig:
    """The recorded configuration with its images where the other finds the same ones."""
    if recorded.data.digest != config.data.digest:
        return recorded
    return recorded.with_data(replace(recorded.data, source=config.data.source))


def check_unfinished(run: Run, trainer: Trainer) -> None:
    """Raises RunError where there is nothing left to train. A run that died after its last save only lacks the line that says it ended."""
    total = trainer.config.total_steps
    if trainer.step > total:
        raise RunError(f"run {run.name} has done {trainer.step} steps, more than the {total} requested; increase --epochs or --steps")
    last = run.last(lambda record: True) or {}
    if trainer.step == total and last.get("event") == "finished":
        raise RunError(f"run {run.name} has done all its {total} steps; to train further, increase --epochs or --steps")


def restore_newest(run: Run, trainer: Trainer) -> Generator[Event, None, tuple[str | None, float]]:
    """Restores the newest whole training state. Returns its path, and the seconds already spent on its epoch.

    The path is None where the run never saved: it then starts again, exactly. A state that is damaged or belongs to another run is set aside, with
    a notice, and the one before it taken. Raises CheckpointError where none is left, UnreadableError where one can't be read now.
    """
    damaged: list[tuple[Path, CheckpointError]] = []
    for _, path in reversed(run.states()):
        try:
            seconds = restore(path, trainer)
        except UnreadableError:
            raise  # an older state would throw away work that is there
        except CheckpointError as error:
            damaged.append((path, error))
            continue
        for bad, why in damaged:
            bad.replace(bad.with_name(bad.name + ".damaged"))
            yield Notice(f"{why}; resuming from {path.name}")
        return str(path), seconds
    if damaged:
        raise damaged[0][1]
    return None, 0.0


def restore(path: Path, trainer: Trainer) -> float:
    """Restores a training state. Returns the seconds already spent on its epoch. Raises CheckpointError."""
    state = load_state(path)
    _check_belongs(path, state, trainer.config)
    try:
        trainer.restore(state)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not match its run: {error}") from None
    return float(state.epoch_seconds)


def _check_belongs(path: Path, state: TrainingState, config: TrainConfig) -> None:
    """Raises CheckpointError for the state of another run or of another step than its name says. States of older versions name no run."""
    if replace(_moved_like(state.config, config), epochs=config.epochs, steps=config.steps) != config:
        raise CheckpointError(f"{path} belongs to another run: its settings differ from those in config.json")
    run = Run(path.parent.parent)
    if state.run is not None and state.run != run.id():
        raise CheckpointError(f"{path} belongs to a different run from the one whose folder it is in")
    if state_step(path) != state.step:
        raise CheckpointError(f"{path} holds step {state.step}, not the step in its name")
