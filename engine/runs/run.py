"""A run as readers see it: everything is read from the files in its folder. No torch."""

from __future__ import annotations

import math
import os
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config.compute import ComputeInfo
from engine.config.serialize import from_dict
from engine.config.training import TrainConfig
from engine.errors import CheckpointError, RunError, SettingError
from engine.formatting import printable
from engine.runs import liveness
from engine.runs import metrics_log as metrics
from engine.runs.liveness import Life, Sight
from engine.storage import paths
from engine.storage.atomic import read_checksummed

FORMAT = "digitty-run"
VERSION = 2
ENDS = ("finished", "stopped", "diverged", "failed")
"""Events with which a writer ends."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_STATE = re.compile(r"state-(\d{7,})\.pt")
_DAMAGED = re.compile(_STATE.pattern + r"\.damaged")
_SNAPSHOT = re.compile(r"epoch-(\d{7,})\.safetensors")
_SAMPLE = re.compile(r"step-(\d{7,})\.png")


@dataclass(frozen=True)
class Run:
    """A run as readers see it. Nothing is cached: each method reads the files again."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def best_path(self) -> Path:
        return self.path / "checkpoints" / "best.safetensors"

    @property
    def best_validation_path(self) -> Path:
        """The average weights with the lowest loss on held-out images."""
        return self.path / "checkpoints" / "best-validation.safetensors"

    def snapshot_path(self, epoch: int) -> Path:
        """The average weights after an epoch, if `keep_every` kept them."""
        return self.path / "checkpoints" / f"epoch-{epoch:07d}.safetensors"

    @property
    def control_path(self) -> Path:
        return self.path / "control.json"

    @property
    def log_path(self) -> Path:
        return self.path / "train.log"

    def config(self) -> TrainConfig:
        """Raises RunError if config.json can't be read."""
        return self._config()[0]

    def engine(self) -> ComputeInfo:
        """The device, precision, layout and threads it trains with."""
        return self._config()[1]

    def created(self) -> float:
        """Seconds since 1970."""
        return self._config()[2]

    def id(self) -> str | None:
        """The identity that its training states carry too; None for a run that an older digitty created."""
        return self._config()[3]

    def _config(self) -> tuple[TrainConfig, ComputeInfo, float, str | None]:
        path = self.path / "config.json"
        try:
            whole = read_checksummed(path)
            if whole.get("format") != FORMAT or whole.get("version") != VERSION:
                raise RunError(f"{printable(path)} has a format that this version of digitty does not read")
            created, own = whole["created"], whole.get("id")
            if type(created) not in (int, float) or not math.isfinite(created):
                raise ValueError("created is not a time")
            if own is not None and not isinstance(own, str):
                raise ValueError("id is not text")
            return from_dict(TrainConfig, whole["config"]), _engine(whole["engine"]), float(created), own
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, SettingError) as error:
            raise RunError(f"run {printable(self.name)} has a config.json that can't be read ({printable(error)})") from None

    def states(self) -> list[tuple[int, Path]]:
        """(step, file) of every training state, the latest last."""
        return _numbered(self.path / "checkpoints", _STATE)

    def damaged_states(self) -> list[tuple[int, Path]]:
        """The same for the damaged ones that were set aside."""
        return _numbered(self.path / "checkpoints", _DAMAGED)

    def snapshots(self) -> list[tuple[int, Path]]:
        """(epoch, file) of every snapshot, the latest last."""
        return _numbered(self.path / "checkpoints", _SNAPSHOT)

    def samples(self) -> list[tuple[int, Path]]:
        """(step, file) of every preview, the latest last."""
        return _numbered(self.path / "samples", _SAMPLE)

    def sight(self) -> Sight:
        """What is known about its writer, on this machine or another. Changes nothing."""
        return liveness.look(self.path, self.has_ended)

    def running(self) -> bool:
        """Whether a process certainly writes it now."""
        return self.sight().life is Life.ALIVE

    def owner(self) -> dict[str, Any]:
        """Host, pid and start time of the process that writes it or wrote it last; empty if that can't be read."""
        owner = liveness.newest_owner(self.path)
        return dict(owner.facts) if owner else {}

    def writer(self) -> str:
        """process 4711 on gpubox: the process that writes it or wrote it last."""
        owner = liveness.newest_owner(self.path)
        return owner.who if owner else "another process"

    def state(self) -> str:
        """running, paused (either with "on HOST" if that is not this machine), one of ENDS, or interrupted.

        "unknown, last heartbeat 3 minutes ago" if only time can tell, and "unreadable, Permission denied" if its metrics can't be read.
        """
        sight, event, unreadable = self.sight(), "", ""  # first, since a writer's last line is written before its lock is free
        try:
            event = self._last_event()
        except OSError as error:
            unreadable = f"unreadable, {error.strerror or error}"
        if sight.life is Life.UNKNOWN:
            return f"unknown, {sight.heard}"
        if sight.life is Life.ALIVE:
            host = self.owner().get("host", socket.gethostname())
            return ("paused" if event == "paused" else "running") + ("" if host == socket.gethostname() else f" on {printable(host, 64)}")
        return unreadable or (event if event in ENDS else "interrupted")

    def has_ended(self) -> bool:
        """Whether the last line is an end: the writer may still be there, but has nothing more to save. False if the metrics can't be read."""
        try:
            return self._last_event() in ENDS
        except OSError:
            return False

    def _last_event(self) -> str:
        """The event of the last line, "" for none: a writer that ends cleanly writes its end last. Raises OSError."""
        last = metrics.find_last(self.metrics_path, lambda record: True)
        return str(last.get("event", "")) if last else ""

    def last(self, matches: Callable[[dict[str, Any]], bool], holding: bytes = b"") -> dict[str, Any] | None:
        """The last metrics record that `matches` accepts, searched from the end among lines that hold these bytes. Raises StorageError."""
        try:
            return metrics.find_last(self.metrics_path, matches, holding)
        except OSError as error:
            raise metrics.unreadable_error(self.metrics_path, error) from None

    def step(self) -> int:
        """The last step that was logged; 0 for none. Raises StorageError."""
        last = self.last(metrics.is_step, b'"loss"')
        return int(last["step"]) if last else 0

    def modified(self) -> float:
        """When the run was last written to, in seconds since 1970."""
        for path in (self.metrics_path, self.path / "config.json"):
            with suppress(OSError):
                return path.stat().st_mtime
        return 0.0

    def size(self) -> int:
        """Bytes on disk."""
        total = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                with suppress(OSError):
                    total += os.lstat(os.path.join(folder, name)).st_size
        return total


def _engine(table: object) -> ComputeInfo:
    """The engine table of config.json. Raises ValueError and TypeError."""
    if not isinstance(table, dict):
        raise ValueError("engine is not a table")
    engine = ComputeInfo(**table)
    for name in ("device", "precision", "layout"):
        if not isinstance(getattr(engine, name), str):
            raise ValueError(f"engine.{name} is not text")
    if type(engine.threads) is not int or not 0 <= engine.threads < 1 << 16:
        raise ValueError("engine.threads is not a number of threads")
    return engine


def find_run(name: str) -> Run:
    """The run of this name. Raises RunError, which lists the existing runs."""
    run = Run(paths.runs_dir() / check_name(name))
    if not (run.path / "config.json").is_file():
        known = ", ".join(r.name for r in all_runs())
        raise RunError(f"no run named {name}; " + (f"existing runs: {known}" if known else "there are no runs yet; start one with: digitty train"))
    return run


def all_runs() -> list[Run]:
    """Every run, the last modified first."""
    try:
        found = [Run(p) for p in paths.runs_dir().iterdir() if _NAME.fullmatch(p.name) and (p / "config.json").is_file()]
    except OSError:
        return []
    return sorted(found, key=Run.modified, reverse=True)


def check_name(name: str) -> str:
    """The name, if a run can have it. Raises RunError."""
    quoted = repr(printable(name[:80]))
    if not _NAME.fullmatch(name):
        raise RunError(f"a run can't be named {quoted}; use 1 to 64 letters, digits, '.', '_' and '-', and start with a letter or digit")
    if name == "shipped" or name.endswith((".safetensors", ".pth")):
        raise RunError(f"a run can't be named {quoted}, since that is the name of other weights; choose another name")
    return name


def latest_state(run: Run) -> Path:
    """The newest training state. Raises CheckpointError if there is none."""
    states = run.states()
    if not states:
        raise CheckpointError(f"run {run.name} has no checkpoint yet")
    return states[-1][1]


def state_step(path: Path) -> int | None:
    """The step in the name of a training state; None for another name."""
    match = _STATE.fullmatch(path.name)
    return int(match[1]) if match else None


def _numbered(folder: Path, pattern: re.Pattern[str]) -> list[tuple[int, Path]]:
    """(number, file) of the files whose names match, in order; empty if the folder can't be read."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted((int(m[1]), folder / m[0]) for name in names if (m := pattern.fullmatch(name)))
