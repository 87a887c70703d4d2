"""A stretch of training, from start or resume to end or stop: steps, and what falls due between them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.training_state import save_state
from engine.checkpoints.weights import ModelWeights
from engine.compute.device import memory_in_use
from engine.errors import DivergedError, MovedError, RunError, StorageError
from engine.formatting import one_line
from engine.models.layers import count_parameters
from engine.protocol.events import (
    CannotSave,
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
from engine.sampling.batch import preview
from engine.sampling.runtime import Runtime
from engine.storage.images import save_strip
from engine.training.trainer import UNREAD, Trainer, lr_at

READ_EVERY = 0.1
"""Seconds between boundaries: the losses are read there, which waits for the device, and all agree on what is next."""
SAVE_SHARE = 0.01
"""How much of the time saves at the ends of short epochs may take."""
WAIT = 0.05
"""Seconds that a paused job sleeps at a time: drawings wait as long."""
PREVIEW_SEED = 0


class TrainingLoop:
    """Every yield finds run and trainer in a state that can be left; closing `events` saves.

    In a group every rank runs it, in step; only rank 0 has a writer.
    """

    def __init__(
        self, runtime: Runtime, trainer: Trainer, run: Run, writer: Writer | None, control: Control, when_full: WhenFull, epoch_seconds: float
    ) -> None:
        self.runtime, self.trainer, self.run, self.writer, self.control = runtime, trainer, run, writer, control
        self.config, self.group = trainer.config, trainer.group
        self.id = run.id()  # which ties its states to it
        self.when_full = when_full
        self.refused: set[str] = set()
        """What the disk took no more of, and training goes on without."""
        self.epoch_seconds = epoch_seconds
        self.seconds = 0.0
        self.saved_step, self.tried_at, self.save_seconds = trainer.step, time.monotonic(), 0.0
        self._recent: deque[tuple[int, float]] = deque([(trainer.step, 0.0)], maxlen=30)

    def events(self) -> Iterator[Event]:
        trainer, name, total = self.trainer, self.run.name, self.config.total_steps
        engine = trainer.how.describe(trainer.device)
        self._event("started", **asdict(engine))
        try:
            with self.group.explain_errors():
                yield TrainStarted(name, self.config, engine, trainer.step, count_parameters(trainer.model))
                if self.writer and self._preview_due() and not self.writer.sample_path(trainer.step).exists():
                    yield from self._preview()  # who was stopped or killed just before it was drawn
                command = Command.RUN
                while trainer.step < total and command is not Command.STOP:
                    command = yield from self._stretch()
                yield from self._kept("state", lambda: self._end("finished" if trainer.step >= total else "stopped"), last=True)
                yield TrainDone(name, trainer.step, self.seconds) if trainer.step >= total else TrainStopped(name, trainer.step)
        except GeneratorExit:  # closed from outside
            if self.writer and not self.run.has_ended():
                self._stop()
            raise
        except MovedError as error:
            self._end_at(error)
            raise MovedError(f"{error}, and all of its {trainer.step} steps are saved there", error.place) from None
        except Exception as error:
            ended = {"event": "diverged"} if isinstance(error, DivergedError) else {"event": "failed", "message": one_line(error, 1000)}
            with suppress(StorageError, RunError):  # a disk that is full as well must not hide it
                self._event(**ended)
            raise

    # --- steps --------------------------------------------------------------------------------------------------------

    def _stretch(self) -> Generator[Event, None, Command]:
        """Steps until the loss is read, and what falls due with it. Nothing is yielded before the books are right."""
        trainer, config = self.trainer, self.config
        first, start = trainer.step, time.perf_counter()
        while True:
            trainer.train_step()
            at_epoch_end = trainer.step % config.steps_per_epoch == 0
            at_preview, ended = self._preview_due(), trainer.step >= config.total_steps
            due = self.group.due(trainer.step - first, time.perf_counter() - start >= READ_EVERY)
            if due or at_epoch_end or at_preview or ended or trainer.unread >= UNREAD:
                break
        step = self._read(start)
        epoch = self._end_epoch() if at_epoch_end else None
        save = self._save_due(at_epoch_end)
        command = self._next_command(step.steps_per_s * READ_EVERY)
        yield from self._kept("lines", self._flush)
        if epoch and epoch.best:
            yield from self._kept("best", self._save_best)  # before anything is told: who stops then would lose it
        yield step
        if epoch:
            yield epoch
        if save and command not in (Command.PAUSE, Command.STOP):  # which save themselves
            yield from self._kept("state", self._save)
        if at_preview:
            yield from self._preview()
        return (yield from self._paused()) if command is Command.PAUSE and not ended else command

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
            self._log({"step": k + 1, "loss": loss, "lr": lr_at(config, k), "rate": round(rate, 4), "time": now})
        epoch = 1 + (trainer.step - 1) // config.steps_per_epoch
        lr = lr_at(config, trainer.step - 1)
        return TrainStep(trainer.step, epoch, losses[-1], lr, rate, rate * config.images / config.steps_per_epoch, memory_in_use(trainer.device))

    def _end_epoch(self) -> EpochDone:
        trainer = self.trainer
        before = trainer.best
        average = trainer.end_epoch()
        done = EpochDone(trainer.epoch, trainer.step, average, self.epoch_seconds, average < before)
        self._log({"epoch": done.epoch, "step": done.step, "average": average, "seconds": round(done.seconds, 3), "best": done.best})
        self.epoch_seconds = 0.0
        return done

    def _preview_due(self) -> bool:
        """Every so many steps, and at the run's end."""
        step, every = self.trainer.step, self.config.preview_every
        return step > 0 and ((every > 0 and step % every == 0) or step >= self.config.total_steps)

    def _preview(self) -> Iterator[Event]:
        writer, step = self.writer, self.trainer.step
        if writer is None:
            return
        pipeline = yield from self.runtime.pipeline(self.run.name)
        drawn = yield from preview(pipeline, PREVIEW_SEED)
        yield from self._kept("preview", lambda: save_strip(writer.sample_path(step), drawn))
        yield Preview(step, drawn)

    # --- commands -----------------------------------------------------------------------------------------------------

    def _next_command(self, stride: float | None = None) -> Command:
        """The most urgent command of any rank; after `stride` steps of rank 0 they look again."""
        return list(Command)[self.group.max_over_ranks(self.control.poll().urgency, stride)]

    def _paused(self) -> Generator[Event, None, Command]:
        """Saves first, since the machine may be switched off meanwhile, then waits to be resumed or stopped."""
        step = self.trainer.step
        if self.saved_step < step:
            yield from self._kept("state", self._save)
        yield from self._kept("lines", lambda: self._event("paused"))
        yield Paused(step)
        while (command := self._next_command()) is Command.PAUSE:
            time.sleep(WAIT)
            yield Tick()
        if command is not Command.STOP:
            yield from self._kept("lines", lambda: self._event("resumed"))
            yield Resumed(step)
        return command

    # --- the run's folder ---------------------------------------------------------------------------------------------

    def _kept(self, what: str, write: Callable[[], Event | None], last: bool = False) -> Iterator[Event]:
        """Writes to the run's folder. Where the disk refuses: stops, goes on unsaved, or waits to be told, as was chosen.

        With `last` there is no later time to try again, so going on unsaved is no way out, but for who is asked.
        """
        while self.writer:
            try:
                done = write()
            except StorageError as error:
                self.writer.check()  # whether it is only the disk
                if (yield from self._goes_on_without(what, error, last)):
                    return
            else:
                self.refused -= self.refused if what == "state" else {what}  # where a state has room, all has
                if done is not None:
                    yield done
                return

    def _goes_on_without(self, what: str, error: StorageError, last: bool) -> Generator[Event, None, bool]:
        """Returns False to try again; raises to stop. Who chose to go on is not told, or asked, again and again."""
        known = bool(self.refused)
        self.refused.add(what)
        ask = self.when_full == "ask" and (last or not known)
        if self.when_full == "stop" or (last and not ask):
            raise error
        if not known:
            self._log({"event": "unsaved", "step": self.trainer.step, "time": round(time.time(), 3), "message": str(error)})
        if ask:
            self.control.send(Command.PAUSE)  # before it is told, so that no answer comes too early
        if ask or not known:
            yield CannotSave(self.trainer.step, self.saved_step or None, str(error), waiting=ask)
        if not ask:
            return True
        while self.control.poll() is Command.PAUSE:
            time.sleep(WAIT)
            yield Tick()
        if self.control.poll() is Command.STOP:
            raise error
        if self.control.poll() is Command.UNSAVED:
            return True
        self.refused.clear()
        return False

    def _save_due(self, at_epoch_end: bool) -> bool:
        """Every so many minutes, and at an epoch's end unless epochs are so short that saving would take over 1% of the time."""
        passed = time.monotonic() - self.tried_at
        due = passed >= self.config.save_minutes * 60 or (at_epoch_end and passed * SAVE_SHARE >= self.save_seconds)
        return self.writer is not None and due

    def _save_best(self) -> None:
        trainer = self.trainer
        weights = ModelWeights(trainer.ema.model.state_dict(), self.config.model, self.config.schedule, trainer.step, self.run.name, "best")
        checkpoint.save_weights(self.run.best_path, weights, error=StorageError)

    def _save(self) -> Saved | None:
        trainer, writer = self.trainer, self.writer
        if writer is None:
            return None
        start, self.tried_at = time.perf_counter(), time.monotonic()
        path = writer.state_path(trainer.step)
        writer.flush(lasting=True)  # first: after a power cut, no state may be newer than its metrics
        state = {**trainer.state(), "epoch_seconds": self.epoch_seconds}
        save_state(path, self.config, state if self.id is None else {**state, "run": self.id})
        writer.prune()
        self.saved_step, self.tried_at, self.save_seconds = trainer.step, time.monotonic(), time.perf_counter() - start
        self._event("saved", seconds=round(self.save_seconds, 3))
        return Saved(trainer.step, str(path))

    def _end(self, event: str) -> Saved | None:
        """The newest state saved, and the last line written."""
        saved = self._save() if self.saved_step < self.trainer.step else None
        self._event(event)
        return saved

    def _stop(self) -> None:
        """The run ends here, wherever its folder was moved to."""
        try:
            self._end("stopped")
        except MovedError as moved:
            self._end_at(moved)

    def _end_at(self, moved: MovedError) -> None:
        """Ends the run where its folder was moved to. Raises it again where nobody knows that place."""
        if self.writer is None or moved.place is None:
            raise moved
        self.writer.follow(moved.place)
        self.run = self.writer.run
        self._end("stopped")

    def _log(self, record: dict[str, Any]) -> None:
        if self.writer:
            self.writer.log(record)

    def _event(self, event: str, **more: Any) -> None:
        if self.writer:
            self.writer.event(event, self.trainer.step, **more)

    def _flush(self) -> None:
        if self.writer:
            self.writer.flush()
