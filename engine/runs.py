"""A run directory, which outlives every process: any number of readers, one writer. No torch.

runs/NAME/config.json                 what the run is, sealed with its SHA-256
          metrics.jsonl               one line a step, an epoch, an event; append-only, a CRC a line
          checkpoints/state-0000469.pt    training state; the highest number is the latest; one that is damaged ends in .pt.damaged
          checkpoints/best.safetensors    the average weights after the best epoch
          samples/step-0000100.png    the ten digits from fixed noise, side by side
          lock, owner.json            who writes; the owner's file is touched while it lives
          control.json                what another process wishes of the writer: pause, run, stop
          train.log                   what a detached trainer says
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from engine import events, metrics, paths
from engine.config import TrainConfig, from_dict, to_dict
from engine.errors import CheckpointError, DigittyError, RunError, SettingError, StorageError
from engine.files import read_sealed, sync_folder, write_sealed

FORMAT = "digitty-run"
VERSION = 2
KEEP = 2
"""Training states kept (98 MB each for the seed's network)."""
BEAT = 15.0
"""Seconds between signs of life of a writer."""
SILENT = 120.0
"""Seconds without a sign of life after which a writer on another machine counts as gone, where locks don't reach across machines."""
UNWRITTEN = 100_000
"""Lines of metrics kept in memory while the disk refuses them."""
ENDS = ("finished", "stopped", "diverged", "failed")
"""Events that a writer ends with."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_STATE = re.compile(r"state-(\d{7,})\.pt")
_DAMAGED = re.compile(_STATE.pattern + r"\.damaged")
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

    @property
    def control_path(self) -> Path:
        return self.path / "control.json"

    @property
    def log_path(self) -> Path:
        return self.path / "train.log"

    def config(self) -> TrainConfig:
        """Raises RunError where config.json can't be read."""
        return self._config()[0]

    def engine(self) -> events.Engine:
        """The device, precision, layout and threads it trains with."""
        return self._config()[1]

    def created(self) -> float:
        """Seconds since 1970."""
        return self._config()[2]

    def _config(self) -> tuple[TrainConfig, events.Engine, float]:
        path = self.path / "config.json"
        try:
            whole = read_sealed(path)
            if whole.get("format") != FORMAT or whole.get("version") != VERSION:
                raise RunError(f"{path} has a format that this digitty does not read")
            engine = events.Engine(**whole["engine"])
            return from_dict(TrainConfig, whole["config"]), engine, float(whole["created"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SettingError) as error:
            raise RunError(f"run {self.name} has a config.json that can't be read ({error})") from None

    def states(self) -> list[tuple[int, Path]]:
        """(step, file) of every training state, the latest last."""
        return _numbered(self.path / "checkpoints", _STATE)

    def samples(self) -> list[tuple[int, Path]]:
        """(step, file) of every preview, the latest last."""
        return _numbered(self.path / "samples", _SAMPLE)

    def running(self) -> bool:
        """Whether a process writes it now, on this machine or on another. Asking disturbs nobody, and makes nothing."""
        try:
            handle = os.open(self.path / "lock", os.O_RDONLY)
        except OSError:
            return False  # nobody ever wrote it
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # who writes holds it alone; any number may ask
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(handle)
        return self._alive_elsewhere()

    def _alive_elsewhere(self) -> bool:
        """Whether another machine's writer, whose lock may not be seen from here, gave a sign of life lately."""
        if self.owner().get("host", socket.gethostname()) == socket.gethostname():
            return False
        try:
            silent = time.time() - (self.path / "owner.json").stat().st_mtime
        except OSError:
            return False
        return silent < SILENT and not self.ended()

    def owner(self) -> dict[str, Any]:
        """host, pid and start time of who writes or wrote it last; empty where that can't be read."""
        try:
            return read_sealed(self.path / "owner.json")
        except (OSError, ValueError):
            return {}

    def state(self) -> str:
        """running, paused (either with "on HOST" where it is another), finished, stopped, diverged, failed or crashed."""
        running, event = self.running(), self._last_event()  # in this order: a writer's last line is there before its lock is gone
        if running:
            host = self.owner().get("host", socket.gethostname())
            return ("paused" if event == "paused" else "running") + ("" if host == socket.gethostname() else f" on {host}")
        return event if event in ENDS else "crashed"

    def ended(self) -> bool:
        """Whether the last line tells an end: its writer may not be gone yet, but has no more to save."""
        return self._last_event() in ENDS

    def _last_event(self) -> str:
        """The event that the last line tells: a writer that leaves in order says so last of all."""
        last = self.last(lambda record: True)
        return str(last.get("event", "")) if last else ""

    def last(self, wanted: Any, holding: bytes = b"") -> dict[str, Any] | None:
        """The last metrics record that `wanted` accepts, looked for from the end among lines that hold these bytes."""
        return metrics.last(self.metrics_path, wanted, holding)

    def step(self) -> int:
        """The last step that was logged."""
        last = self.last(lambda record: "loss" in record, b'"loss"')
        return int(last["step"]) if last else 0

    def written(self) -> float:
        """When something was last written, in seconds since 1970."""
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


class Writer:
    """The one writer of a run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._lines: list[bytes] = []
        self._beaten = time.monotonic()

    def log(self, record: Mapping[str, Any]) -> None:
        """Keeps a line for the next `flush`."""
        self._lines.append(metrics.line(record))

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
        try:
            with self.run.metrics_path.open("ab", buffering=0) as file:
                _append(file, b"".join(self._lines), lasting)
            if lasting:
                sync_folder(self.run.path)
        except OSError as error:
            del self._lines[:-UNWRITTEN]
            raise StorageError(f"can't write {self.run.metrics_path}: {error.strerror}; free some room") from None
        self._lines.clear()

    def beat(self) -> None:
        """A sign of life for other machines, now and then."""
        if time.monotonic() - self._beaten >= BEAT:
            self._beaten = time.monotonic()
            with suppress(OSError):
                os.utime(self.run.path / "owner.json")

    def state_path(self, step: int) -> Path:
        return self.run.path / "checkpoints" / f"state-{step:07d}.pt"

    def sample_path(self, step: int) -> Path:
        return self.run.path / "samples" / f"step-{step:07d}.png"

    def prune(self) -> None:
        """Once the newest state is known to be whole: removes all but the last KEEP, and what is damaged of up to that step.

        A damaged state is kept for who wants to rescue it, until training has come as far again: then there is nothing in it to rescue.
        """
        states = self.run.states()
        newest = states[-1][0] if states else -1
        damaged = [path for step, path in _numbered(self.run.path / "checkpoints", _DAMAGED) if step <= newest]
        for path in [*(path for _, path in states[:-KEEP]), *damaged]:
            with suppress(OSError):
                path.unlink()


def create(name: str | None, config: TrainConfig, engine: events.Engine) -> Run:
    """A new run directory; `name` None takes the next free one of its preset. Raises RunError where it exists."""
    root = paths.made(paths.runs_dir())
    _sweep(root)
    names = [checked(name)] if name else (f"{config.preset}-{n}" for n in range(1, 1_000_000))
    for candidate in names:
        run = Run(root / candidate)
        try:
            run.path.mkdir()
        except FileExistsError:
            if name and not _abandoned(run):
                raise RunError(f"run {name} exists; go on with --resume {name}, or choose another --run") from None
            if not name:
                continue
        except OSError as error:
            raise StorageError(f"can't make {run.path}: {error.strerror}; set DIGITTY_HOME to a folder you can write to") from None
        try:
            paths.made(run.path / "checkpoints")
            paths.made(run.path / "samples")
            describe(run, config, engine)
            sync_folder(root)
        except StorageError:
            shutil.rmtree(run.path, ignore_errors=True)  # half a run would take the name
            raise
        return run
    raise RunError(f"no free name for a run of {config.preset}; choose one with --run")


def check_writable(run: Run | None = None) -> None:
    """Raises StorageError where no run can be made, or this one not be written: for who would else notice minutes later."""
    folder = run.path if run else paths.made(paths.runs_dir())
    probe = folder / f".probe-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise StorageError(f"can't write to {folder}: {error.strerror}; free some room, or set DIGITTY_HOME to a folder you can write to") from None


def taken(name: str) -> bool:
    """Whether a new run can't have this name. Raises RunError for what is no name."""
    run = Run(paths.runs_dir() / checked(name))
    return run.path.exists() and not _abandoned(run)


def _abandoned(run: Run) -> bool:
    """Whether a process died while it made this folder, so that the name is free."""
    with suppress(OSError):
        return not (run.path / "config.json").exists() and time.time() - run.path.stat().st_mtime > 10
    return False


def describe(run: Run, config: TrainConfig, engine: events.Engine) -> None:
    """Writes config.json: when the run is made, and when resuming changes how far it goes."""
    try:
        created = run.created()
    except RunError:
        created = round(time.time(), 3)
    whole = {"format": FORMAT, "version": VERSION, "created": created, "config": to_dict(config), "engine": asdict(engine)}
    write_sealed(run.path / "config.json", whole)


@contextmanager
def writing(run: Run) -> Iterator[Writer]:
    """The lock, taken for as long as the block lasts; first mends what a killed writer left half done.

    Raises RunError where another has it, StorageError where the folder can't be written.
    """
    with _locked(run):
        write_sealed(run.path / "owner.json", {"host": socket.gethostname(), "pid": os.getpid(), "started": round(time.time(), 3)})
        try:
            metrics.cut_torn_tail(run.metrics_path)
        except OSError as error:
            raise StorageError(f"can't write {run.metrics_path}: {error.strerror}") from None
        for part in run.path.rglob(".*.part"):
            if not part.name.startswith(f".{run.control_path.name}."):  # who wishes holds no lock
                with suppress(OSError):
                    part.unlink()
        yield Writer(run)


@contextmanager
def _locked(run: Run) -> Iterator[None]:
    lock = FileLock(run.path / "lock")
    owner = run.owner()
    taken = RunError(f"run {run.name} is being trained by process {owner.get('pid')} on {owner.get('host')}; digitty stop {run.name} stops it")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        raise taken from None
    except OSError as error:
        raise StorageError(f"can't lock {run.path}: {error.strerror}") from None
    try:
        if run._alive_elsewhere():
            raise taken
        yield
    finally:
        lock.release()


def delete(run: Run) -> None:
    """Removes a run and all it holds. Raises RunError where it is being trained, StorageError where it can't go."""
    hidden = run.path.with_name(f".{run.name}.deleted-{os.getpid()}-{time.time_ns()}")
    with _locked(run):
        _moved(run, hidden)  # first out of sight, so that half a run is never found
    _sweep(hidden.parent)


def _sweep(root: Path) -> None:
    """Removes deleted runs: this one, and what a `delete` that was killed left of others."""
    for folder in root.glob(".*.deleted-*"):
        shutil.rmtree(folder, ignore_errors=True)


def rename(run: Run, name: str) -> Run:
    """Gives a run another name. Raises RunError where that is taken or no name, or the run is being trained."""
    renamed = Run(paths.runs_dir() / checked(name))
    if renamed.path.exists():
        raise RunError(f"run {name} exists; choose another name")
    with _locked(run):
        _moved(run, renamed.path)
    return renamed


def _moved(run: Run, path: Path) -> None:
    try:
        run.path.rename(path)
    except OSError as error:
        raise StorageError(f"can't move {run.path}: {error.strerror}") from None


def find(name: str) -> Run:
    """An existing run. Raises RunError that names those there are."""
    run = Run(paths.runs_dir() / checked(name))
    if not (run.path / "config.json").is_file():
        known = ", ".join(r.name for r in all_runs()) or "none yet; digitty train makes one"
        raise RunError(f"no run {name}; there are: {known}")
    return run


def is_student(weights: str) -> bool:
    """Whether weights, by the name that drawing takes, draw in one step, as far as their run's config tells; of a file it says no."""
    name, _, kind = weights.partition(":")
    if name == "shipped":
        return kind == "one-step"
    try:
        return find(name).config().model.one_step
    except DigittyError:
        return False


def all_runs() -> list[Run]:
    """Every run, the one written last first."""
    try:
        found = [Run(p) for p in paths.runs_dir().iterdir() if _NAME.fullmatch(p.name) and (p / "config.json").is_file()]
    except OSError:
        return []
    return sorted(found, key=Run.written, reverse=True)


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


def _numbered(folder: Path, pattern: re.Pattern[str]) -> list[tuple[int, Path]]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted((int(m[1]), folder / m[0]) for name in names if (m := pattern.fullmatch(name)))


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
