"""The one writer of a run: its claim, its lines, its place on the disk. No torch."""

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
"""Training states kept (98 MB each for the seed's network)."""
UNWRITTEN = 100_000
"""Lines of metrics kept in memory while the disk refuses them."""
CHECK = 1.0
"""Seconds between looks whether the run is still this writer's, and where it was."""


class Writer:
    """The one writer of a run."""

    def __init__(self, run: Run, claim: Claim) -> None:
        self.run = run
        self._claim = claim
        self._lines: list[bytes] = []
        self._checked = time.monotonic()

    def log(self, record: Mapping[str, Any]) -> None:
        """Keeps a line for the next `flush`."""
        self._lines.append(metrics.encode(record))

    def event(self, event: str, step: int, **more: Any) -> None:
        """A line at once, that lasts. Raises StorageError, and the event is then not kept: who tries again says it again."""
        self.log({"event": event, "step": step, "time": round(time.time(), 3), **more})
        try:
            self.flush(lasting=True)
        except StorageError:
            self._lines.pop()
            raise

    def flush(self, lasting: bool = False) -> None:
        """Appends what was logged; with `lasting` it, and all before it, outlives a power cut.

        Raises StorageError; the file is then as it was, and the last UNWRITTEN lines are kept.
        """
        if not self._lines and not lasting:
            return
        self.check(at_once=False)
        try:
            with open_regular(self.run.metrics_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW) as file:
                _append(file, b"".join(self._lines), lasting)
            if lasting:
                sync_folder(self.run.path)
        except OSError as error:
            del self._lines[:-UNWRITTEN]
            self.check()
            raise StorageError(f"can't write {self.run.metrics_path}: {error.strerror}; free some room") from None
        self._lines.clear()

    def check(self, at_once: bool = True) -> None:
        """Raises MovedError where the run's folder is no longer where it was, RunError where another process writes it now.

        Without `at_once` it looks once in CHECK seconds, so that it costs nothing.
        """
        if at_once or time.monotonic() - self._checked >= CHECK:
            self._checked = time.monotonic()
            self._claim.check()

    def follow(self, place: Path) -> None:
        """Goes on writing where the run's folder was moved to."""
        self.run = Run(place)
        self._claim.folder = place

    def state_path(self, step: int) -> Path:
        return self.run.path / "checkpoints" / f"state-{step:07d}.pt"

    def sample_path(self, step: int) -> Path:
        return self.run.path / "samples" / f"step-{step:07d}.png"

    def prune(self) -> None:
        """Once the newest state is known to be whole: removes all but the last STATES_KEPT, and what is damaged of up to that step.

        A damaged state is kept for who wants to rescue it, until training has come as far again: then there is nothing in it to rescue.
        """
        states = self.run.states()
        newest = states[-1][0] if states else -1
        damaged = [path for step, path in self.run.damaged_states() if step <= newest]
        for path in [*(path for _, path in states[:-STATES_KEPT]), *damaged]:
            with suppress(OSError):
                path.unlink()


def write_config(run: Run, config: TrainConfig, engine: ComputeInfo) -> None:
    """Writes config.json: when the run is made, and when resuming changes how far it goes."""
    try:
        created, own = run.created(), run.id()
    except RunError:
        created, own = round(time.time(), 3), None
    whole = {"format": FORMAT, "version": VERSION, "id": own or os.urandom(8).hex(), "created": created}
    write_checksummed(run.path / "config.json", {**whole, "config": to_dict(config), "engine": asdict(engine)})


@contextmanager
def open_writer(run: Run) -> Iterator[Writer]:
    """The claim on the run, for as long as the block lasts; first mends what a killed writer left half done.

    Raises RunError where another process has it or may have it, StorageError where the folder can't be written.
    """
    claim = Claim(run.path, run.has_ended)
    try:
        _mend(run)
        claim.begin()
        yield Writer(run, claim)
    finally:
        claim.release()


def _mend(run: Run) -> None:
    """Removes what a killed writer left half done, and makes sure that all can be written that training writes. Raises StorageError."""
    try:
        metrics.cut_torn_tail(run.metrics_path)
    except OSError as error:
        raise StorageError(f"can't write {run.metrics_path}: {error.strerror or error}; remove what is in its place") from None
    for place, _, names in os.walk(run.path):  # which passes over folders that another process removes meanwhile
        for name in fnmatch.filter(names, ".*.part"):
            if not name.startswith(f".{run.control_path.name}."):  # a process that asks for something holds no lock
                with suppress(OSError):
                    os.unlink(os.path.join(place, name))
    for folder in (run.best_path.parent, run.path / "samples"):
        check_folder(paths.ensure_folder(folder))


def check_folder(folder: Path) -> None:
    """Raises StorageError where nothing can be made in it."""
    probe = folder / f".probe-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise StorageError(f"can't write to {folder}: {error.strerror}; free some room, or set DIGITTY_HOME to a folder you can write to") from None


def _append(file: BinaryIO, data: bytes, lasting: bool) -> None:
    """All of it or none: a disk that fills up in the middle of a line must not leave half of one."""
    before = file.seek(0, os.SEEK_END)
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) :]
        if lasting:
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            file.truncate(before)
        raise
