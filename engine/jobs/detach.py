"""Training in a detached process, which survives the terminal and the process that started it. No torch."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from engine.config.compute import Device, Precision
from engine.errors import DeviceError, DigittyError, InputError, StorageError
from engine.jobs.handover import Handover
from engine.protocol.events import Detached, Event, Preparing
from engine.protocol.requests import TrainRequest
from engine.runs.run import all_runs

COMMAND = "train-detached"
"""The hidden command of `engine.cli` that reads a Handover."""
_ERRORS = {error.exit_code: error for error in (InputError, StorageError, DeviceError)}


def start_detached_process(
    request: TrainRequest, device: Device = "auto", precision: Precision = "auto", threads: int | None = None
) -> Iterator[Event]:
    """Starts the run in a detached process. Yields Preparing… as the process reports it, and finally Detached.

    Closing this early does not stop the process. Raises the DigittyError that kept the run from starting.
    """
    yield from DetachedProcess(request, device, precision, threads)


class DetachedProcess:
    """A detached training process. Iterate over it until training starts."""

    def __init__(self, request: TrainRequest, device: Device = "auto", precision: Precision = "auto", threads: int | None = None) -> None:
        """Nobody is there to be asked about a full disk: `request.when_full` ask becomes stop."""
        if request.when_full == "ask":
            request = replace(request, when_full="stop")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.cli", COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        # this process may live on when the other ends, and must not keep a zombie
        threading.Thread(target=self._process.wait, name="reaper", daemon=True).start()
        assert self._process.stdin is not None
        with suppress(OSError), self._process.stdin as stdin:  # a process that died says why, or its exit code does
            stdin.write(Handover(request, device, precision, threads).to_json())

    def __iter__(self) -> Iterator[Event]:
        """Preparing…, and Detached once the run trains. Raises the DigittyError that kept it from starting."""
        assert self._process.stdout is not None
        last_line = ""
        with self._process.stdout as lines:
            yield Preparing("starting a process")  # from here on it lives, whatever becomes of this one
            for line in lines:
                event = _parse_event(line)
                if event is None:
                    last_line = line.strip() or last_line
                elif event.get("event") == "TrainStarted":
                    yield Detached(str(event["run"]))
                    return
                elif event.get("event") == "Preparing":
                    yield Preparing(str(event.get("what")))
        code = self._process.wait()
        message = last_line.removeprefix("digitty: ") or f"the training process exited with code {code} before training started"
        raise _ERRORS.get(code, DigittyError)(message)

    def cancel(self) -> str | None:
        """Terminates the process and waits until it has ended. Returns the run's name if it had begun to train: it is then saved."""
        self._process.terminate()
        if self._process.wait() < 0:  # killed by the signal, before there was anything to save
            return None
        return next((run.name for run in all_runs() if run.owner().get("pid") == self._process.pid), None)


def _parse_event(line: str) -> dict[str, object] | None:
    """The event in a line of the process; None for any other line."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
