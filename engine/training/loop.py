"""The training loop, from start or resume to end or stop: steps, and what is due between them.

No torch here: the trainer and what draws and saves its weights are handed in, so that tests can hand in others.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from engine.errors import DivergedError, MovedError, RunError, StorageError
from engine.formatting import one_line
from engine.protocol.events import (
    EpochDone,
    Event,
    Paused,
    Preview,
    Resumed,
    Saved,
    Tick,
    TrainDone,
    TrainStarted,
    TrainStep,
    TrainStopped,
)
from engine.protocol.requests import WhenFull
from engine.runs.control import Command, Control
from engine.runs.run import Run
from engine.runs.writer import Writer
from engine.storage.images import save_strip
from engine.training.cadence import Cadence, ended_epochs, is_preview_due
from engine.training.full_disk import FullDiskPolicy
from engine.training.parts import Artifacts, TrainerProtocol, ValidationProtocol
from engine.training.save_policy import SavePolicy


class TrainingLoop:
    """Whenever it yields, run and trainer are in a state that can be left: closing `events` saves.

    In a group every rank runs it, in step; only rank 0 has a writer.
    """

    def __init__(
        self,
        trainer: TrainerProtocol,
        artifacts: Artifacts,
        run: Run,
        writer: Writer | None,
        control: Control,
        when_full: WhenFull = "stop",
        cadence: Cadence | None = None,
        epoch_seconds: float = 0.0,
        validation: ValidationProtocol | None = None,
    ) -> None:
        """`epoch_seconds` is the time that the epoch has taken before this process resumed it. Without `validation`, no images are held out."""
        self.trainer, self.artifacts, self.run, self.writer, self.control = trainer, artifacts, run, writer, control
        self.config, self.group = trainer.config, trainer.group
        self.cadence = cadence or Cadence()
        self.validation = validation
        self.saves = SavePolicy(self.config.save_minutes, self.cadence, trainer.step)
        self.disk = FullDiskPolicy(when_full, writer, control, trainer, self.saves, self.cadence.wait)
        self.epoch_seconds = epoch_seconds
        self.seconds = 0.0
        """The time that steps have taken in this process."""
        self._recent: deque[tuple[int, float]] = deque([(trainer.step, 0.0)], maxlen=30)

    def events(self) -> Iterator[Event]:
        """The whole training. Writes into the run how it ended, whatever ends it."""
        self._log_event("started", **asdict(self.trainer.compute_info))
        try:
            with self.group.explain_errors():
                yield from self._train()
        except GeneratorExit:  # closed from outside
            if self.writer and not self.run.has_ended():
                self._stop()
            raise
        except MovedError as error:
            self._end_where_moved(error)
            raise MovedError(f"{error}, and all of its {self.trainer.step} steps are saved there", error.place) from None
        except Exception as error:
            ended = {"event": "diverged"} if isinstance(error, DivergedError) else {"event": "failed", "message": one_line(error, 1000)}
            with suppress(StorageError, RunError):  # a disk that is full as well must not hide it
                self._log_event(**ended)
            raise

    def _train(self) -> Iterator[Event]:
        trainer, config, name, total = self.trainer, self.config, self.run.name, self.config.total_steps
        yield TrainStarted(name, config, trainer.compute_info, trainer.step, trainer.parameters)
        if self.writer and self._preview_due() and not self.writer.sample_path(trainer.step).exists():
            yield from self._preview()  # the run was stopped or killed just before it was drawn
        if self._validation_due() and not self._is_validated():
            yield from self._validate()
        command = Command.RUN
        while trainer.step < total and command is not Command.STOP:
            first, start = trainer.step, self.cadence.clock()
            while True:
                trainer.train_step()
                at_epoch_end, at_preview, at_end = ended_epochs(trainer.step, config) > 0, self._preview_due(), trainer.step >= total
                at_validation = self._validation_due()
                due = self.group.due(trainer.step - first, late=self.cadence.clock() - start >= self.cadence.read_every)
                if due or at_epoch_end or at_preview or at_validation or at_end or trainer.must_read:
                    break
            step = self._read_losses(start)
            epoch = self._end_epoch() if at_epoch_end else None
            save = self.saves.due(at_epoch_end)
            command = self._next_command(step.steps_per_s * self.cadence.read_every)
            yield from self.disk.write("lines", self._flush)
            if epoch and epoch.best:
                yield from self.disk.write("best", self._save_best)  # before any event: closing the loop there would lose it
            if epoch and config.keep_every and epoch.epoch % config.keep_every == 0:
                yield from self.disk.write("snapshot", partial(self._save_snapshot, epoch.epoch))
            yield step
            if epoch:
                yield epoch
            if at_validation and (at_end or command is not Command.STOP):  # a run that stops validates when it resumes
                yield from self._validate()
            if save and command not in (Command.PAUSE, Command.STOP):  # which save themselves
                yield from self.disk.write("state", self._save)
            if at_preview:
                yield from self._preview()
            if command is Command.PAUSE and not at_end:
                command = yield from self._pause()
        finished = trainer.step >= total
        yield from self.disk.write("state", lambda: self._end("finished" if finished else "stopped"), last=True)
        yield TrainDone(name, trainer.step, self.seconds) if finished else TrainStopped(name, trainer.step)

    # --- between steps ------------------------------------------------------------------------------------------------

    def _read_losses(self, start: float) -> TrainStep:
        """The losses since the last boundary, from the device into the metrics. `start` is when the first of their steps began."""
        trainer, config = self.trainer, self.config
        first = trainer.step - trainer.unread
        losses = trainer.read_losses()
        seconds = self.cadence.clock() - start
        self.seconds += seconds
        self.epoch_seconds += seconds
        self._recent.append((trainer.step, self.seconds))
        (step0, seconds0), (step1, seconds1) = self._recent[0], self._recent[-1]
        rate = (step1 - step0) / max(1e-9, seconds1 - seconds0)
        now = round(time.time(), 3)
        for k, loss in enumerate(losses, first):
            self._log({"step": k + 1, "loss": loss, "lr": trainer.lr_at(k), "rate": round(rate, 4), "time": now})
        epoch, lr = 1 + (trainer.step - 1) // config.steps_per_epoch, trainer.lr_at(trainer.step - 1)
        return TrainStep(trainer.step, epoch, losses[-1], lr, rate, rate * config.images / config.steps_per_epoch, trainer.memory_in_use())

    def _end_epoch(self) -> EpochDone:
        trainer = self.trainer
        best_before = trainer.best
        epochs = ended_epochs(trainer.step, self.config)
        average = trainer.end_epoch(epochs)
        epoch, seconds = trainer.step // self.config.steps_per_epoch, self.epoch_seconds / epochs
        done = EpochDone(epoch, trainer.step, average, seconds, average < best_before)
        self._log({"epoch": done.epoch, "step": done.step, "average": average, "seconds": round(done.seconds, 3), "best": done.best})
        self.epoch_seconds = 0.0
        return done

    def _preview_due(self) -> bool:
        return is_preview_due(self.trainer.step, self.config.preview_every, self.config.total_steps)

    def _preview(self) -> Iterator[Event]:
        """Rank 0 draws and saves it."""
        if (writer := self.writer) is None:
            return
        step = self.trainer.step
        images, captions = yield from self.artifacts.draw_preview()
        yield from self.disk.write("preview", lambda: save_strip(writer.sample_path(step), images, captions))
        yield Preview(step, images, captions)

    def _validation_due(self) -> bool:
        return self.validation is not None and self.validation.due(self.trainer.step)

    def _is_validated(self) -> bool:
        """Whether a process has validated the weights after this step, before it ended."""
        last = self.run.last(lambda record: "validation" in record, b'"validation"')
        return last is not None and last["step"] >= self.trainer.step

    def _validate(self) -> Iterator[Event]:
        """Rank 0 measures and saves."""
        if self.validation is None or self.writer is None:
            return
        found = yield from self.validation.measure()
        if found.best:
            yield from self.disk.write("best validation", self._save_best_validation)
        more = {} if found.distance_ratio is None else {"distance_ratio": found.distance_ratio, "copying": found.copying}
        self._log({"step": found.step, "validation": found.loss, "best": found.best, "seconds": round(found.seconds, 3), **more})
        yield from self.disk.write("lines", self._flush)
        yield found

    # --- commands -----------------------------------------------------------------------------------------------------

    def _next_command(self, stride: float | None = None) -> Command:
        """The most urgent command of any rank; the ranks of a group agree on it again after `stride` steps."""
        return list(Command)[self.group.max_over_ranks(self.control.poll().urgency, stride)]

    def _pause(self) -> Generator[Event, None, Command]:
        """Saves first, since the machine may be switched off meanwhile, then waits for another command."""
        step = self.trainer.step
        if self.saves.saved_step < step:
            yield from self.disk.write("state", self._save)
        yield from self.disk.write("lines", lambda: self._log_event("paused"))
        yield Paused(step)
        while (command := self._next_command()) is Command.PAUSE:
            time.sleep(self.cadence.wait)
            yield Tick()
        if command is not Command.STOP:
            yield from self.disk.write("lines", lambda: self._log_event("resumed"))
            yield Resumed(step)
        return command

    # --- the run's folder ---------------------------------------------------------------------------------------------

    def _save_best(self) -> None:
        self.artifacts.save_best(self.run.best_path)

    def _save_best_validation(self) -> None:
        self.artifacts.save_best_validation(self.run.best_validation_path)

    def _save_snapshot(self, epoch: int) -> None:
        self.artifacts.save_snapshot(self.run.snapshot_path(epoch), epoch)

    def _save(self) -> Saved | None:
        """Saves a training state."""
        trainer, writer = self.trainer, self.writer
        if writer is None:
            return None
        path = writer.state_path(trainer.step)
        with self.saves.saving(trainer.step):
            writer.flush(durable=True)  # first: after a power cut, no state may be newer than its metrics
            self.artifacts.save_state(path, self.epoch_seconds)
            writer.prune()
        self._log_event("saved", seconds=round(self.saves.seconds, 3))
        return Saved(trainer.step, str(path))

    def _end(self, event: str) -> Saved | None:
        """Saves unless the newest step is saved, and writes the last line."""
        saved = self._save() if self.saves.saved_step < self.trainer.step else None
        self._log_event(event)
        return saved

    def _stop(self) -> None:
        """Ends the run here, wherever its folder was moved to."""
        try:
            self._end("stopped")
        except MovedError as moved:
            self._end_where_moved(moved)

    def _end_where_moved(self, moved: MovedError) -> None:
        """Ends the run in the place where its folder is now. Raises the error again where that is unknown."""
        if self.writer is None or moved.place is None:
            raise moved
        self.writer.follow(moved.place)
        self.run = self.writer.run
        self._end("stopped")

    def _log(self, record: dict[str, Any]) -> None:
        if self.writer:
            self.writer.log(record)

    def _log_event(self, event: str, **more: Any) -> None:
        if self.writer:
            self.writer.event(event, self.trainer.step, **more)

    def _flush(self) -> None:
        if self.writer:
            self.writer.flush()
