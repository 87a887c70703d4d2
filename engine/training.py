"""The training job: a run directory and a Trainer -> events. Every yield finds run and trainer in a state that can be left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator

from engine import checkpoint, data, runs
from engine.checkpoint import Loaded
from engine.config import TrainConfig
from engine.device import Numerics, clear_errors, memory_in_use, offered
from engine.drawing import preview
from engine.errors import CheckpointError, DivergedError, RunError, StorageError
from engine.events import EpochDone, Event, Preparing, Preview, Saved, TrainDone, TrainStarted, TrainStep
from engine.images import save_strip
from engine.jobs import TrainRequest
from engine.runs import Run, Writer
from engine.shelf import Shelf
from engine.trainer import UNREAD, Trainer, lr_at
from engine.unet import parameters

READ_EVERY = 0.1
"""Seconds between reads of the loss: reading waits for the device."""
PREVIEW_SEED = 0


def train(shelf: Shelf, request: TrainRequest) -> Iterator[Event]:
    """See `Jobs.train`."""
    config = request.config
    run = runs.find(request.resume) if request.resume else None
    if run:
        check_resumable(run, config)
        how = yield from recorded_numerics(run, shelf)
    else:
        yield from shelf.numerics(config.model, training=True)
        how = shelf.how(config.model, training=True)
    yield Preparing("reading MNIST")
    images, labels = data.load(True, shelf.device, config.limit)
    run = run or runs.create(request.run, config, how.told(shelf.device))
    with runs.writing(run) as writer, clear_errors(str(shelf.device)):
        trainer = Trainer(config, images, labels, how, shelf.device)
        seconds = _restore(run, trainer) if run.states() else 0.0  # a run that never saved begins again, exactly
        if request.resume and trainer.step >= config.total_steps:
            raise RunError(f"run {run.name} has done all its {config.total_steps} steps; give more --epochs to go on")
        if request.resume:
            runs.describe(run, config, how.told(shelf.device))
        shelf.training[run.name] = trainer
        try:
            yield from _Session(shelf, trainer, writer, seconds).events()
        finally:
            del shelf.training[run.name]


def check_resumable(run: Run, asked: TrainConfig) -> None:
    """Resuming may change how far a run goes, and nothing else. Raises RunError that names what differs."""
    recorded = run.config()
    for name in recorded.__dataclass_fields__:
        if name not in ("epochs", "steps") and getattr(recorded, name) != getattr(asked, name):
            raise RunError(
                f"run {run.name} has {name} {getattr(recorded, name)}, which resuming can't change; start a new run for {getattr(asked, name)}"
            )


def recorded_numerics(run: Run, shelf: Shelf) -> Generator[Event, None, Numerics]:
    """Returns the precision and layout that the run began in, where this device has them; else those measured anew."""
    told, config = run.engine(), run.config()
    how = Numerics(told.precision, told.layout == "channels_last")
    if not offered(shelf.device, how):
        yield from shelf.numerics(config.model, training=True)
        how = shelf.how(config.model, training=True)
    return how


class _Session:
    """One stretch of training, from start or resume to end or stop."""

    def __init__(self, shelf: Shelf, trainer: Trainer, writer: Writer, epoch_seconds: float) -> None:
        self.shelf, self.trainer, self.writer = shelf, trainer, writer
        self.run, self.config = writer.run, trainer.config
        self.epoch_seconds = epoch_seconds
        self.seconds = 0.0
        self.saved_step, self.saved_at = trainer.step, time.monotonic()
        self._recent: deque[tuple[int, float]] = deque([(trainer.step, 0.0)], maxlen=30)

    def events(self) -> Iterator[Event]:
        trainer = self.trainer
        self.writer.event("started", trainer.step)
        try:
            yield TrainStarted(self.run.name, self.config, trainer.how.told(trainer.device), trainer.step, parameters(trainer.model))
            while trainer.step < self.config.total_steps:
                yield from self._stretch()
            if self.saved_step < trainer.step:
                yield self._save()
            self.writer.event("finished", trainer.step)
            yield TrainDone(self.run.name, trainer.step, self.seconds)
        except GeneratorExit:
            self._leave()
            raise
        except DivergedError as error:
            self.writer.event("diverged", error.step)
            raise

    def _stretch(self) -> Iterator[Event]:
        """Steps until the loss is read, and what falls due with it. Nothing is yielded before the books are right."""
        trainer, config = self.trainer, self.config
        start = time.perf_counter()
        while True:
            trainer.train_step()
            at_epoch_end = trainer.step % config.steps_per_epoch == 0
            at_preview = config.preview_every > 0 and trainer.step % config.preview_every == 0
            ended = trainer.step >= config.total_steps
            if at_epoch_end or at_preview or ended or trainer.unread >= UNREAD or time.perf_counter() - start >= READ_EVERY:
                break
        told: list[Event] = [self._read(start)]
        if at_epoch_end:
            told.append(self._end_epoch())
        self.writer.flush()
        if at_epoch_end or time.monotonic() - self.saved_at >= config.save_minutes * 60:
            told.append(self._save())
        yield from told
        if at_preview or ended:
            yield from self._preview()

    def _read(self, start: float) -> TrainStep:
        """The losses off the device and into the metrics."""
        trainer, config = self.trainer, self.config
        first = trainer.step - trainer.unread
        losses = trainer.read()
        spent = time.perf_counter() - start
        self.seconds += spent
        self.epoch_seconds += spent
        self._recent.append((trainer.step, self.seconds))
        (step0, seconds0), (step1, seconds1) = self._recent[0], self._recent[-1]
        rate = (step1 - step0) / max(1e-9, seconds1 - seconds0)
        now = round(time.time(), 3)
        for k, loss in enumerate(losses, first):
            self.writer.log({"step": k + 1, "loss": loss, "lr": lr_at(config, k), "rate": round(rate, 4), "time": now})
        epoch = 1 + (trainer.step - 1) // config.steps_per_epoch
        lr = lr_at(config, trainer.step - 1)
        return TrainStep(trainer.step, epoch, losses[-1], lr, rate, rate * config.images / config.steps_per_epoch, memory_in_use(trainer.device))

    def _end_epoch(self) -> EpochDone:
        trainer = self.trainer
        before = trainer.best
        average = trainer.end_epoch()
        done = EpochDone(trainer.epoch, trainer.step, average, self.epoch_seconds, average < before)
        self.writer.log({"epoch": done.epoch, "step": done.step, "average": average, "seconds": round(done.seconds, 3), "best": done.best})
        self.epoch_seconds = 0.0
        if done.best:
            weights = Loaded(trainer.ema.model.state_dict(), self.config.model, self.config.schedule, trainer.step, self.run.name, "best")
            checkpoint.save_weights(self.run.best_path, weights, error=StorageError)
        return done

    def _save(self) -> Saved:
        trainer = self.trainer
        path = self.writer.state_path(trainer.step)
        checkpoint.save_state(path, self.config, {**trainer.state(), "epoch_seconds": self.epoch_seconds})
        self.saved_step, self.saved_at = trainer.step, time.monotonic()
        self.writer.prune()
        self.writer.event("saved", trainer.step)
        return Saved(trainer.step, str(path))

    def _preview(self) -> Iterator[Event]:
        step = self.trainer.step
        artist = yield from self.shelf.artist(self.run.name)
        drawn = yield from preview(artist, PREVIEW_SEED)
        save_strip(self.writer.sample_path(step), drawn)
        yield Preview(step, drawn)

    def _leave(self) -> None:
        """Closed from outside: the newest state is saved."""
        if self.saved_step < self.trainer.step:
            self._save()
        self.writer.event("stopped", self.trainer.step)


def _restore(run: Run, trainer: Trainer) -> float:
    """The latest training state into the trainer; returns the seconds already spent on its epoch."""
    path = runs.latest_state(run)
    config, state = checkpoint.load_state(path)
    if (config.model, config.schedule, config.batch_size, config.limit) != (
        trainer.config.model,
        trainer.config.schedule,
        trainer.config.batch_size,
        trainer.config.limit,
    ):
        raise CheckpointError(f"{path} belongs to another network or batch size than its run's config.json")
    try:
        trainer.restore(state)
        return float(state.get("epoch_seconds", 0.0))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not fit its run: {error}") from None
