"""The one writer of a run: it holds the claim, appends to the metrics, and removes old files. No torch."""

from __future__ import annotations

import fnmatch
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from engine.config.compute import ComputeInfo
from engine.config.serialize import to_dict
from engine.config.training import TrainConfig
from engine.errors import RunError, StorageError
from engine.runs import metrics_log as metrics
from engine.runs.claim import Claim
from engine.runs.run import FORMAT, VERSION, Run
from engine.storage import paths
from engine.storage.atomic import open_regular, sync_folder, write_checksummed

STATES_KEPT = 2
"""Training states kept (98 MB each for the guide's network)."""
UNWRITTEN = 100_000
"""Lines of metrics kept in memory while they can't be written."""
CHECK = 1.0
"""Seconds between checks that the run still belongs to this writer and has not moved."""


class Writer:
    """The one writer of a run."""

    def __init__(self, run: Run, claim: Claim) -> None:
        self.run = run
        self._claim = claim
        self._lines: list[bytes] = []
        self._checked = time.monotonic()

    def log(self, record: Mapping[str, Any]) -> None:
        """Keep a line for the next `flush`."""
        self._lines.append(metrics.encode(record))

    def event(self, event: str, step: int, **fields: Any) -> None:
        """Write a line at once, and make it durable. If that raises StorageError the event is dropped, and the caller may try again."""
        self.log({"event": event, "step": step, "time": round(time.time(), 3), **fields})
        try:
            self.flush(durable=True)
        except StorageError:
            self._lines.pop()
            raise

    def flush(self, durable: bool = False) -> None:
        """Append the lines that were logged. With `durable`, they and all lines before them survive a power cut.

        If it raises StorageError, the file is unchanged, and the last UNWRITTEN lines are kept for the next time.
        """
        if not self._lines and not durable:
            return
        self.check(at_once=False)
        try:
            with open_regular(self.run.metrics_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW) as file:
                _append(file, b"".join(self._lines), durable)
            if durable:
                sync_folder(self.run.path)
        except OSError as error:
            del self._lines[:-UNWRITTEN]
            self.check()
            raise StorageError(f"can't write {self.run.metrics_path}: {error.strerror}; free some space") from None
        self._lines.clear()

    def check(self, at_once: bool = True) -> None:
        """Raises MovedError if the run's folder is no longer where it was, RunError if another process took the run over.

        Without `at_once` it checks only every CHECK seconds, and costs nothing otherwise.
        """
        if at_once or time.monotonic() - self._checked >= CHECK:
            self._checked = time.monotonic()
            self._claim.check()

    def follow(self, place: Path) -> None:
        """Continue to write in `place`, the folder to which the run was moved."""
        self.run = Run(place)
        self._claim.folder = place

    def state_path(self, step: int) -> Path:
        return self.run.path / "checkpoints" / f"state-{step:07d}.pt"

    def sample_path(self, step: int) -> Path:
        return self.run.path / "samples" / f"step-{step:07d}.png"

    def prune(self) -> None:
        """Remove all training states but the last STATES_KEPT, and damaged states up to the newest. Call it when the newest is known to be good.

        A damaged state is kept in case someone wants to rescue it, until training has reached its step again.
        """
        states = self.run.states()
        newest = states[-1][0] if states else -1
        damaged = [path for step, path in self.run.damaged_states() if step <= newest]
        for path in [*(path for _, path in states[:-STATES_KEPT]), *damaged]:
            with suppress(OSError):
                path.unlink()


def write_config(run: Run, config: TrainConfig, engine: ComputeInfo) -> None:
    """Write config.json: when the run is created, and when resuming changes its length."""
    try:
        created, own = run.created(), run.id()
    except RunError:
        created, own = round(time.time(), 3), None
    whole = {"format": FORMAT, "version": VERSION, "id": own or os.urandom(8).hex(), "created": created}
    write_checksummed(run.path / "config.json", {**whole, "config": to_dict(config), "engine": asdict(engine)})


@contextmanager
def open_writer(run: Run) -> Iterator[Writer]:
    """Hold the claim on the run for the block. First repairs what a killed writer left unfinished.

    Raises RunError if another process has the claim or may have it, StorageError if the folder can't be written.
    """
    claim = Claim(run.path, run.has_ended)
    try:
        _repair(run)
        claim.start_heartbeat()
        yield Writer(run, claim)
    finally:
        claim.release()


def _repair(run: Run) -> None:
    """Remove what a killed writer left unfinished, and check that training can write its files. Raises StorageError."""
    try:
        metrics.cut_torn_tail(run.metrics_path)
    except OSError as error:
        raise StorageError(f"can't write {run.metrics_path}: {error.strerror or error}; remove whatever is in its place") from None
    for place, _, names in os.walk(run.path):  # skips folders that another process removes meanwhile
        for name in fnmatch.filter(names, ".*.part"):
            if not name.startswith(f".{run.control_path.name}."):  # processes that send commands write this without the lock
                with suppress(OSError):
                    os.unlink(os.path.join(place, name))
    for folder in (run.best_path.parent, run.path / "samples"):
        check_folder(paths.ensure_folder(folder))


def check_folder(folder: Path) -> None:
    """Raises StorageError if nothing can be created in the folder."""
    probe = folder / f".probe-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise StorageError(f"can't write to {folder}: {error.strerror}; free some space, or set DIGITTY_HOME to a folder you can write to") from None


def _append(file: BinaryIO, data: bytes, durable: bool) -> None:
    """Append all of the data or none: a disk that fills up in the middle of a line must not leave half of it."""
    before = file.seek(0, os.SEEK_END)
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) :]
        if durable:
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            file.truncate(before)
        raise
