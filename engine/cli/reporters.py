"""What the commands say while they work: a progress line, lines that stay, JSON; never in the way of the work itself."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict

import click

from engine.cli.output import print_status
from engine.cli.progress import ProgressLine
from engine.config import training as c
from engine.errors import StorageError
from engine.formatting import format_duration
from engine.process import streams
from engine.process.signals import Stopped
from engine.protocol import events as e
from engine.runs.run import find_run
from engine.storage import log

PATIENCE = 2.0
"""Steps that leaving in order may take."""


class TrainReporter:
    """Training in words: a progress line, and a line an epoch that stays."""

    def __init__(self) -> None:
        self.run: str | None = None
        self._bar = ProgressLine()
        self._config = c.TrainConfig()
        self._rate = 0.0

    def patience(self) -> float:
        """Seconds that the step under way may still take."""
        return PATIENCE / self._rate if self._rate else 60.0

    def report(self, event: e.Event) -> None:
        match event:
            case e.Preparing(what):
                self._bar.show(what)
            case e.TrainStarted(run, config, engine, step, parameters):
                self.run, self._config = run, config
                where = f"{engine.device} {engine.precision} {engine.layout}"
                self._say(f"run {run} · {parameters:,} parameters · {where} · {config.total_steps - step:,} steps to go")
            case e.TrainStep():
                self._rate = event.steps_per_s
                left = (self._config.total_steps - event.step) / max(1e-9, event.steps_per_s)
                text = (
                    f"epoch {event.epoch}/{self._config.epochs}  step {event.step}/{self._config.total_steps}  loss {event.loss:.4f}"
                    f"  {event.steps_per_s:.2f} steps/s  {event.images_per_s:.0f} img/s  left {format_duration(left)}"
                )
                self._bar.show(text, event.step / self._config.total_steps)
            case e.EpochDone(epoch, step, average, seconds, best):
                self._say(f"epoch {epoch}  step {step}  average {average:.4f}{' (best)' if best else ''}  {format_duration(seconds)}")
            case e.TrainDone(run, step, seconds):
                self._say(f"run {run} finished at step {step} in {format_duration(seconds)}")
            case e.TrainStopped(run, step):
                self._say(f"run {run} stopped at step {step}, saved; go on with: digitty train --resume {run}")
            case e.Paused(step):
                self._say(f"paused at step {step}; go on with: digitty resume {self.run}")
            case e.Resumed(step):
                self._say(f"goes on at step {step}")
            case e.Notice(message):
                self._say(message)
            case e.CannotSave(step, saved_step, message):
                kept = f"the last save is of step {saved_step}" if saved_step else "nothing is saved yet"
                self._say(f"not saved at step {step}: {message}; {kept}, training goes on")

    def close(self) -> None:
        self._bar.clear()

    def _say(self, text: str) -> None:
        self._bar.clear()
        print_status(text)


class JsonReporter(TrainReporter):
    """Every event but pictures as a JSON object on standard output. Where that can't be written, training goes on, and `close` raises why."""

    def __init__(self) -> None:
        super().__init__()
        self._lost: StorageError | None = None

    def report(self, event: e.Event) -> None:
        if isinstance(event, e.TrainStarted):
            self.run = event.run
        if isinstance(event, e.TrainStep):
            self._rate = event.steps_per_s
        if isinstance(event, e.Tick | e.Preview):
            return
        try:
            click.echo(json.dumps({"event": type(event).__name__, **asdict(event)}))  # type: ignore[call-overload]
            sys.stdout.flush()
        except StorageError as error:  # but Stopped, where the reader has closed the pipe, ends the training
            self._lost = error
            print_status(f"{error}; training goes on")

    def close(self) -> None:
        super().close()
        if self._lost:
            raise self._lost


class SilentReporter(TrainReporter):
    """What all but rank 0 of a group say."""

    def report(self, event: e.Event) -> None:
        if isinstance(event, e.TrainStep):
            self._rate = event.steps_per_s


class HandoverReporter(TrainReporter):
    """What a detached process says: JSON to who started it until training begins, then words into the run's log."""

    def report(self, event: e.Event) -> None:
        if self.run is None:
            with suppress(Stopped, StorageError):  # the process that started it may be gone already
                click.echo(json.dumps({"event": type(event).__name__, **asdict(event)}))  # type: ignore[call-overload]
                sys.stdout.flush()
        if isinstance(event, e.TrainStarted):
            try:
                handle = log.open_to_append(find_run(event.run).log_path)
            except StorageError:
                handle = os.open(os.devnull, os.O_WRONLY)
            streams.redirect(handle)
            os.close(handle)
        if self.run is not None or isinstance(event, e.TrainStarted):
            super().report(event)
