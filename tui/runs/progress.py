"""How far the runs that are being trained are, whichever process trains them: for the header and the title. No screen."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from engine.config.training import TrainConfig
from engine.errors import DigittyError
from engine.formatting import printable
from engine.runs.metrics_log import is_step
from engine.runs.run import Run, all_runs


@dataclass(frozen=True, slots=True)
class RunProgress:
    """Where a run is that a process trains now."""

    run: str
    paused: bool
    step: int
    total_steps: int
    rate: float = 0.0
    """Steps a second; 0 where it is not known yet."""
    host: str = ""
    """The other machine that trains it; empty for this one."""
    others: int = 0
    """How many other runs are being trained at the same time."""

    @property
    def state(self) -> str:
        return "paused" if self.paused else "training"

    @property
    def fraction(self) -> float:
        return min(1.0, self.step / self.total_steps)

    @property
    def seconds_left(self) -> float | None:
        """None while the run is paused, and where the speed is not known."""
        return None if self.paused or self.rate <= 0 else max(0, self.total_steps - self.step) / self.rate


class ProgressReader:
    """Reads the progress of the run that trains now. May be used on a background thread, but by one thread at a time."""

    def __init__(self) -> None:
        self._configs: dict[Path, tuple[int, TrainConfig]] = {}
        """The configurations of runs that trained, with the time of their files."""

    def read(self, preferred: str | None = None) -> RunProgress | None:
        """The progress of the run named `preferred` if it trains, else of the one that was written last; None where no run trains.

        `preferred` is for the run that this process trains.
        """
        training = [run for run in all_runs() if run.running()]
        training.sort(key=lambda run: run.name != preferred)
        for run in training:
            try:
                return self._progress(run, len(training) - 1)
            except (DigittyError, OSError):
                continue  # it has just been deleted, or can't be read
        return None

    def _progress(self, run: Run, others: int) -> RunProgress:
        """Raises RunError, StorageError or OSError if the run's files can't be read."""
        config = self._config(run)
        last = run.last(lambda record: is_step(record) or record.get("event") == "started")
        host = str(run.owner().get("host") or "")
        return RunProgress(
            run.name,
            paused=run.state().startswith("paused"),
            step=int(last["step"]) if last else 0,
            total_steps=config.total_steps,
            rate=float(last.get("rate", 0.0)) if last else 0.0,
            host="" if host == socket.gethostname() else printable(host, 64),
            others=others,
        )

    def _config(self, run: Run) -> TrainConfig:
        """The run's configuration, read again only after its file has changed: resuming can make a run longer."""
        modified = (run.path / "config.json").stat().st_mtime_ns
        known = self._configs.get(run.path)
        if known is None or known[0] != modified:
            known = self._configs[run.path] = modified, run.config()
        return known[1]
