"""Handing a training to a process of its own session, which survives the terminal and whoever started it. No torch."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields

from engine.config.compute import Device, Precision
from engine.config.training import PRESETS, TrainConfig
from engine.errors import DeviceError, DigittyError, InputError, StorageError
from engine.protocol.events import Detached, Event, Preparing
from engine.protocol.requests import TrainRequest
from engine.runs.run import all_runs

_ERRORS = {error.exit_code: error for error in (InputError, StorageError, DeviceError)}


def start_detached_process(
    request: TrainRequest, device: Device = "auto", precision: Precision = "auto", threads: int | None = None
) -> Iterator[Event]:
    """Starts the run in a process of its own; Preparing… as that says so, and in the end Detached.

    Closing this early leaves the process to itself. Raises the DigittyError that kept it from starting.
    """
    yield from DetachedProcess(request, device, precision, threads)


class DetachedProcess:
    """A process that is to train: pulled for what it says until it does."""

    def __init__(self, request: TrainRequest, device: Device = "auto", precision: Precision = "auto", threads: int | None = None) -> None:
        command = [sys.executable, "-P", "-m", "engine.cli", "train", *arguments(request), "--device", device, "--into-log"]
        if not request.resume:
            command += ["--precision", precision]
        if threads is not None:
            command += ["--threads", str(threads)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
        )
        # whoever starts it may outlive it, and must not keep its remains
        threading.Thread(target=self._process.wait, name="burying", daemon=True).start()

    def __iter__(self) -> Iterator[Event]:
        """Preparing…, and Detached once it trains. Raises the DigittyError that kept it from that."""
        assert self._process.stdout is not None
        words = ""
        with self._process.stdout as lines:
            yield Preparing("starting a process")  # from here on it lives, whatever becomes of this one
            for line in lines:
                said = _parsed(line)
                if said is None:
                    words = line.strip() or words
                elif said.get("event") == "TrainStarted":
                    yield Detached(str(said["run"]))
                    return
                elif said.get("event") == "Preparing":
                    yield Preparing(str(said.get("what")))
        code = self._process.wait()
        raise _ERRORS.get(code, DigittyError)(words.removeprefix("digitty: ") or f"the training process ended with code {code} before it began")

    def cancel(self) -> str | None:
        """Asks it to leave, and waits until it has. Returns the run's name where it had begun to train: that is saved."""
        self._process.terminate()
        if self._process.wait() < 0:  # it had nothing to leave in order
            return None
        return next((run.name for run in all_runs() if run.owner().get("pid") == self._process.pid), None)


def arguments(request: TrainRequest) -> list[str]:
    """`request` as options of `digitty train`."""
    config = request.config
    options: dict[str, object] = {"when-full": request.when_full if request.when_full != "ask" else "stop"}
    if request.resume:
        options |= {"resume": request.resume, "epochs": config.epochs, "steps": config.steps}
    else:
        preset = PRESETS[config.preset]
        options |= {"preset": config.preset, "run": request.run}
        for field in fields(TrainConfig):
            value = getattr(config, field.name)
            if value == getattr(preset, field.name):
                continue
            if field.name == "schedule":
                value = config.schedule.kind
            options[field.name.replace("_", "-")] = value
    words: list[str] = []
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None:
            words += [f"--{name}", str(value)]
    return words


def _parsed(line: str) -> dict[str, object] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
