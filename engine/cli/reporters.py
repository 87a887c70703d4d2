"""What `digitty train` prints while it works: lines for people, or JSON. A failure to print never stops the training."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict

import click

from engine.cli.output import print_status
from engine.cli.progress import BETWEEN, ProgressLine
from engine.config.serialize import to_dict
from engine.config.training import TrainConfig
from engine.errors import StorageError
from engine.formatting import format_duration
from engine.process import streams
from engine.process.signals import Stopped
from engine.protocol import events as e
from engine.protocol.validated import COPYING, Validated
from engine.runs.run import find_run
from engine.storage import log

PATIENCE = 2.0
"""Training steps that stopping may take."""
BETWEEN_EPOCHS = 10.0
"""Seconds between two lines for epochs, but for the first and the last."""


class TrainReporter:
    """Prints a progress line, and a line for each epoch."""

    def __init__(self) -> None:
        self.run: str | None = None
        """The run, once its training has started."""
        self.ended = False
        """Whether the job has said how the training ended."""
        self._bar = ProgressLine()
        self._config = TrainConfig()
        self._rate = 0.0
        self._validated: Validated | None = None
        self._best_validation: Validated | None = None
        self._epoch_line_at = -BETWEEN_EPOCHS

    def patience(self) -> float:
        """Seconds that the current step may still take."""
        return PATIENCE / self._rate if self._rate else 60.0

    def report(self, event: e.Event) -> None:
        """Print the event, if it is worth a line."""
        self._print(event)
        match event:
            case e.TrainStarted():
                self.run, self._config = event.run, event.config
            case e.TrainStep():
                self._rate = event.steps_per_s
            case Validated():
                self._validated = event
                self._best_validation = event if event.best else self._best_validation
            case e.TrainDone() | e.TrainStopped():
                self.ended = True

    def close(self) -> None:
        """Remove the progress line."""
        self._bar.clear()

    def _print(self, event: e.Event) -> None:
        match event:
            case e.Preparing(what, fraction):
                self._bar.show(what, fraction)
            case e.TrainStep():
                self._show_step(event)
            case e.EpochDone(epoch) if epoch < self._config.epochs and time.monotonic() - self._epoch_line_at < BETWEEN_EPOCHS:
                pass  # epochs of a moment would fill the terminal
            case _:
                if isinstance(event, e.EpochDone):
                    self._epoch_line_at = time.monotonic()
                if line := self._line(event):
                    self._bar.clear()
                    print_status(line)
                if isinstance(event, e.TrainDone | e.TrainStopped):
                    for line in self._last_lines():
                        print_status(line)

    def _last_lines(self) -> Iterator[str]:
        """What the held-out images said in this process."""
        last, best = self._validated, self._best_validation
        if last and best and best is not last:
            yield f"held out {last.loss:.4f}; the lowest was {best.loss:.4f} at step {best.step}, kept as {self.run}:best-validation"
        if last and last.copying:
            yield COPYING

    def _show_step(self, event: e.TrainStep) -> None:
        epochs, total = self._config.epochs, self._config.total_steps
        left = (total - event.step) / max(1e-9, event.steps_per_s)
        facts = (
            f"epoch {event.epoch}/{epochs}",
            f"step {event.step}/{total}",
            f"loss {event.loss:.4f}",
            *([f"held out {self._validated.loss:.4f}"] if self._validated else []),
            f"{event.steps_per_s:.2f} steps/s",
            f"{event.images_per_s:.0f} img/s",
            f"left {format_duration(left)}",
        )
        self._bar.show(BETWEEN.join(facts), event.step / total)

    def _line(self, event: e.Event) -> str | None:
        """The line that stays; None for events without one."""
        match event:
            case e.TrainStarted(run, config, engine, step, parameters):
                computes_on = f"{engine.device} {engine.precision} {engine.layout}"
                return f"run {run} · {parameters:,} parameters · {computes_on} · {config.total_steps - step:,} steps left"
            case e.EpochDone(epoch, step, average, seconds, best):
                return f"epoch {epoch}  step {step}  average {average:.4f}{' (best)' if best else ''}  {format_duration(seconds)}"
            case Validated(step, copying=True) if not (self._validated and self._validated.copying):
                return f"step {step}: {COPYING}"
            case e.TrainDone(run, step, seconds):
                return f"run {run} finished at step {step} in {format_duration(seconds)}"
            case e.TrainStopped(run, step):
                return f"run {run} stopped at step {step} and is saved; resume it with: digitty train --resume {run}"
            case e.Paused(step):
                return f"paused at step {step}; resume with: digitty resume {self.run}"
            case e.Resumed(step):
                return f"resumed at step {step}"
            case e.Notice(message):
                return message
            case e.CannotSave(step, saved_step, message):
                last_save = f"The last save is from step {saved_step}." if saved_step else "Nothing is saved yet."
                return f"can't save at step {step}: {message}. {last_save} Training continues."
        return None


class JsonReporter(TrainReporter):
    """Prints every event except previews as a JSON object on standard output.

    Training continues when standard output can't be written; `close` then raises the StorageError.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lost: StorageError | None = None

    def _print(self, event: e.Event) -> None:
        if isinstance(event, e.Tick | e.Preview):
            return
        try:
            _print_json(event)
        except StorageError as error:  # Stopped, which says that the reader has closed the pipe, does end the training
            self._lost = error
            print_status(f"{error}; training continues")

    def close(self) -> None:
        super().close()
        if self._lost:
            raise self._lost


class SilentReporter(TrainReporter):
    """Prints nothing: for all ranks of a group except rank 0."""

    def _print(self, event: e.Event) -> None:
        pass


class HandoverReporter(TrainReporter):
    """For a detached process: prints JSON for the process that started it until the training has started, then lines into the run's log."""

    def _print(self, event: e.Event) -> None:
        if self.run is not None:
            super()._print(event)
            return
        with suppress(Stopped, StorageError):  # the process that started this one may be gone already
            _print_json(event)
        if isinstance(event, e.TrainStarted):
            self._redirect_to_log(event.run)
            super()._print(event)

    @staticmethod
    def _redirect_to_log(run: str) -> None:
        try:
            handle = log.open_to_append(find_run(run).log_path)
        except StorageError:
            handle = os.open(os.devnull, os.O_WRONLY)
        streams.redirect(handle)
        os.close(handle)


def _print_json(event: e.Event) -> None:
    values = asdict(event)  # type: ignore[call-overload]
    if isinstance(event, e.TrainStarted):
        values["config"] = to_dict(event.config)  # as the run's config.json has it
    click.echo(json.dumps({"event": type(event).__name__, **values}))
    sys.stdout.flush()
