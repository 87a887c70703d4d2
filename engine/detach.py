"""Handing a training to a process of its own session, which survives the terminal and whoever started it. No torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields

from engine.config import PRESETS, Device, Precision, TrainConfig
from engine.errors import DeviceError, DigittyError, InputError, StorageError
from engine.events import Event, Preparing
from engine.jobs import TrainRequest

_ERRORS = {error.exit_code: error for error in (InputError, StorageError, DeviceError)}


def detached(request: TrainRequest, device: Device = "auto", precision: Precision = "auto") -> Iterator[Event | str]:
    """Starts the run in a process of its own; Preparing… as that says so, and in the end the run's name.

    Closing this early leaves the process to itself. Raises the DigittyError that kept it from starting.
    """
    command = [sys.executable, "-P", "-m", "engine.cli", "train", *arguments(request), "--device", device, "--into-log"]
    if not request.resume:
        command += ["--precision", precision]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
    )
    assert process.stdout is not None
    words = ""
    with closing(process.stdout) as lines:
        yield Preparing("starting a process")  # from here on it lives, whatever becomes of this one
        for line in lines:
            said = _parsed(line)
            if said is None:
                words = line.strip() or words
            elif said.get("event") == "TrainStarted":
                process.returncode = 0  # nobody waits for it any more; that it still runs is no leak
                yield str(said["run"])
                return
            elif said.get("event") == "Preparing":
                yield Preparing(str(said.get("what")))
    code = process.wait()
    raise _ERRORS.get(code, DigittyError)(words.removeprefix("digitty: ") or f"the training process ended with code {code} before it began")


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
