"""A run directory, which outlives every process: any number of readers, one writer. No torch.

runs/NAME/config.json                 what the run is
          metrics.jsonl               one line a step, an epoch, an event; append-only
          checkpoints/state-0000469.pt    training state; the highest number is the latest
          checkpoints/best.safetensors    the average weights after the best epoch
          samples/step-0000100.png    the ten digits from fixed noise, side by side
          lock, owner.json            who writes
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from engine import events, paths
from engine.config import TrainConfig, from_dict, to_dict
from engine.errors import CheckpointError, RunError, SettingError, StorageError
from engine.files import write_text

FORMAT = "digitty-run"
VERSION = 1
KEEP = 2
"""Training states kept (98 MB each for the seed's network)."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_STATE = re.compile(r"state-(\d{7,})\.pt")
_SAMPLE = re.compile(r"step-(\d{7,})\.png")


@dataclass(frozen=True)
class Run:
    """A run as a reader sees it; everything is read from its files."""

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

    def config(self) -> TrainConfig:
        """Raises RunError where config.json can't be read."""
        return self._config()[0]

    def engine(self) -> events.Engine:
        """The device, precision and layout it trains in."""
        return self._config()[1]

    def _config(self) -> tuple[TrainConfig, events.Engine]:
        path = self.path / "config.json"
        try:
            whole = json.loads(path.read_text())
            if whole.get("format") != FORMAT or whole.get("version") != VERSION:
                raise RunError(f"{path} has a format that this digitty does not read")
            return from_dict(TrainConfig, whole["config"]), events.Engine(**{k: str(v) for k, v in whole["engine"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SettingError) as error:
            raise RunError(f"run {self.name} has a config.json that can't be read ({error})") from None

    def states(self) -> list[tuple[int, Path]]:
        """(step, file) of every training state, the latest last."""
        return _numbered(self.path / "checkpoints", _STATE)

    def samples(self) -> list[tuple[int, Path]]:
        """(step, file) of every preview, the latest last."""
        return _numbered(self.path / "samples", _SAMPLE)

    def running(self) -> bool:
        """Whether a process on this machine writes it now."""
        lock = FileLock(self.path / "lock")
        try:
            with lock.acquire(timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            return False

    def owner(self) -> dict[str, Any]:
        """host, pid and start time of who writes or wrote it last."""
        try:
            owner = json.loads((self.path / "owner.json").read_text())
            return owner if isinstance(owner, dict) else {}
        except (OSError, ValueError):
            return {}

    def state(self) -> str:
        """running, finished, stopped, diverged or crashed."""
        if self.running():
            return "running"
        last = self.last(lambda record: "event" in record)
        return str(last["event"]) if last and last["event"] in ("finished", "stopped", "diverged") else "crashed"

    def last(self, wanted: Any) -> dict[str, Any] | None:
        """The last metrics record that `wanted` accepts, looked for from the end."""
        for line in _lines_backwards(self.metrics_path):
            record = parse(line)
            if record is not None and wanted(record):
                return record
        return None

    def step(self) -> int:
        """The last step that was logged."""
        last = self.last(lambda record: "loss" in record)
        return int(last["step"]) if last else 0


class Metrics:
    """Follows a metrics file: `new()` gives the whole lines written since the last call; a torn last line waits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def new(self) -> Iterator[dict[str, Any]]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    self._offset += len(line)
                    record = parse(line)
                    if record is not None:
                        yield record
        except OSError:
            return


class Writer:
    """The one writer of a run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._lines: list[str] = []

    def log(self, record: Mapping[str, Any]) -> None:
        """Keeps a line for the next `flush`."""
        self._lines.append(json.dumps(record, separators=(",", ":")) + "\n")

    def event(self, event: str, step: int, **more: Any) -> None:
        self.log({"event": event, "step": step, "time": round(time.time(), 3), **more})
        self.flush()

    def flush(self) -> None:
        """Appends what was logged. Raises StorageError; nothing kept is lost by it."""
        if not self._lines:
            return
        try:
            with self.run.metrics_path.open("a", encoding="utf-8") as file:
                file.write("".join(self._lines))
        except OSError as error:
            raise StorageError(f"can't write {self.run.metrics_path}: {error.strerror}; free some room") from None
        self._lines.clear()

    def state_path(self, step: int) -> Path:
        return self.run.path / "checkpoints" / f"state-{step:07d}.pt"

    def sample_path(self, step: int) -> Path:
        return self.run.path / "samples" / f"step-{step:07d}.png"

    def prune(self) -> None:
        """Removes all but the last KEEP training states, and what a killed writer left half done."""
        for _, path in self.run.states()[:-KEEP]:
            with suppress(OSError):
                path.unlink()
        for folder in ("checkpoints", "samples", "."):
            for part in (self.run.path / folder).glob(".*.part"):
                with suppress(OSError):
                    part.unlink()


def create(name: str | None, config: TrainConfig, engine: events.Engine) -> Run:
    """A new run directory; `name` None takes the next free one of its preset. Raises RunError where it exists."""
    root = paths.made(paths.runs_dir())
    names = [checked(name)] if name else (f"{config.preset}-{n}" for n in range(1, 1_000_000))
    for candidate in names:
        run = Run(root / candidate)
        try:
            run.path.mkdir()
        except FileExistsError:
            if name:
                raise RunError(f"run {name} exists; go on with --resume {name}, or choose another --run") from None
            continue
        except OSError as error:
            raise StorageError(f"can't make {run.path}: {error.strerror}; set DIGITTY_HOME to a folder you can write to") from None
        try:
            paths.made(run.path / "checkpoints")
            paths.made(run.path / "samples")
            describe(run, config, engine)
        except StorageError:
            shutil.rmtree(run.path, ignore_errors=True)  # half a run would take the name
            raise
        return run
    raise RunError(f"no free name for a run of {config.preset}; choose one with --run")


def describe(run: Run, config: TrainConfig, engine: events.Engine) -> None:
    """Writes config.json: when the run is made, and when resuming changes how far it goes."""
    told = {"device": engine.device, "precision": engine.precision, "layout": engine.layout}
    write_text(run.path / "config.json", json.dumps({"format": FORMAT, "version": VERSION, "config": to_dict(config), "engine": told}, indent=1))


@contextmanager
def writing(run: Run) -> Iterator[Writer]:
    """The lock, taken for as long as the block lasts; cuts a torn tail off the metrics first. Raises RunError where another has it."""
    lock = FileLock(run.path / "lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        owner = run.owner()
        raise RunError(f"run {run.name} is being trained by process {owner.get('pid')} on {owner.get('host')}; stop that one first") from None
    except OSError as error:
        raise StorageError(f"can't lock {run.path}: {error.strerror}") from None
    try:
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "started": round(time.time(), 3)}
        write_text(run.path / "owner.json", json.dumps(owner))
        _cut_torn_tail(run.metrics_path)
        yield Writer(run)
    finally:
        lock.release()


def find(name: str) -> Run:
    """An existing run. Raises RunError that names those there are."""
    run = Run(paths.runs_dir() / checked(name))
    if not (run.path / "config.json").is_file():
        known = ", ".join(r.name for r in all_runs()) or "none yet; digitty train makes one"
        raise RunError(f"no run {name}; there are: {known}")
    return run


def all_runs() -> list[Run]:
    """Every run, the one written last first."""
    try:
        found = [Run(p) for p in paths.runs_dir().iterdir() if (p / "config.json").is_file()]
    except OSError:
        return []
    return sorted(found, key=_last_written, reverse=True)


def checked(name: str) -> str:
    """A name that is safe as a folder's. Raises RunError."""
    if not _NAME.fullmatch(name) or name == "shipped" or name.endswith((".safetensors", ".pth")):  # those name other weights
        raise RunError(f"{name[:80]!r} is no name for a run; use letters, digits, '.', '_' and '-', at most 64, but not what names other weights")
    return name


def latest_state(run: Run) -> Path:
    """The newest training state. Raises CheckpointError where there is none yet."""
    states = run.states()
    if not states:
        raise CheckpointError(f"run {run.name} has no checkpoint yet")
    return states[-1][1]


def parse(line: bytes) -> dict[str, Any] | None:
    """A metrics record; None for a line that is none."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and isinstance(record.get("step"), int) else None


def _numbered(folder: Path, pattern: re.Pattern[str]) -> list[tuple[int, Path]]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted((int(m[1]), folder / m[0]) for name in names if (m := pattern.fullmatch(name)))


def _cut_torn_tail(path: Path) -> None:
    """A line that a killed writer left half done would spoil the next one."""
    with suppress(FileNotFoundError), path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                file.truncate(start + newline + 1)
                return
            end = start
        file.truncate(0)


def _lines_backwards(path: Path) -> Iterator[bytes]:
    """The whole lines of a file from the last to the first."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            rest, whole = b"", False
            while end > 0:
                start = max(0, end - 65536)
                file.seek(start)
                *lines, last = (file.read(end - start) + rest).split(b"\n")[::-1]
                rest, end = last, start
                yield from lines if whole else lines[1:]  # after the last newline there is nothing, or a torn line
                whole = whole or bool(lines)
            if whole:
                yield rest
    except OSError:
        return


def _last_written(run: Run) -> float:
    for path in (run.metrics_path, run.path / "config.json"):
        with suppress(OSError):
            return path.stat().st_mtime
    return 0.0
