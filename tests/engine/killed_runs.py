"""Trainings that are killed with SIGKILL at any moment, and what must hold after each death. For test_faults.py and benchmarks/sigkill.py.

A victim tells by a byte that it shares with its killer what it is doing, so that the killer can aim, and count what was hit.
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch
from fork_server import ForkServer

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.training_state import load_state
from engine.compute import autotune as precision
from engine.compute.precision import Numerics
from engine.config.model import ModelConfig
from engine.config.training import TrainConfig
from engine.data import mnist as data
from engine.jobs.jobs import Jobs
from engine.protocol.events import Event, TrainStarted
from engine.protocol.requests import TrainRequest
from engine.runs import metrics_log as metrics
from engine.runs import writer
from engine.runs.run import Run, all_runs, find_run, latest_state
from engine.runs.writer import STATES_KEPT, Writer
from engine.storage import paths
from engine.training import artifacts, restore
from engine.training import job as training
from engine.training import loop as session
from engine.training.cadence import Cadence
from engine.training.trainer import Trainer

PHASES = ("starting", "creating", "restoring", "stepping", "appending", "best", "saving", "pruning", "drawing", "preview", "between", "done")
AIMS = ("appending", "saving", "pruning", "best", "preview", "creating", "restoring")
EVERY = 3
"""Steps between saves; an epoch has four, so that most saves are amid one."""
LATE = ("PIL.PngImagePlugin", "torch._dynamo")
"""Modules that a training imports late, which would be most of a victim's life: the server imports them before."""
CONFIG = TrainConfig(
    model=ModelConfig(channels=(8, 8), time_dim=16, emb_dim=16, groups=4),
    limit=16,
    batch_size=4,
    epochs=6,
    warmup=2,
    preview_every=9,
    save_minutes=1000.0,
)


# --- inside a victim --------------------------------------------------------------------------------------------------

_shared: mmap.mmap | None = None
_steps = [0]
CADENCE = Cadence(read_every=0.0, save_share=-1.0, clock=lambda: _steps[0] * CONFIG.save_minutes * 60 / EVERY)
"""Every step is read, every third saved, by a clock that counts steps; none is saved for being an epoch's last."""


def train(home: str, name: str, phase: str) -> None:
    """Begins the run, or goes on with it; to its end, unless killed."""
    global _shared
    os.environ["DIGITTY_HOME"] = home
    with open(phase, "r+b") as file:
        _shared = mmap.mmap(file.fileno(), 1)
    _watch()
    request = TrainRequest(CONFIG, resume=name) if (paths.runs_dir() / name / "config.json").exists() else TrainRequest(CONFIG, run=name)
    for event in Jobs("cpu", "fp32", cadence=CADENCE).train(request):
        if isinstance(event, TrainStarted):
            _shared[0] = PHASES.index("between")
    _shared[0] = PHASES.index("done")
    os._exit(0)  # taking torch down takes as long as the rest


def _watch() -> None:
    """The digits are at hand, and who does what says so."""
    images, labels = torch.zeros(CONFIG.images, 28, 28, dtype=torch.uint8), torch.arange(CONFIG.images) % 10
    for i in range(CONFIG.images):
        images[i, i : i + 9, 3:20] = 255
    for owner, name, fake in (
        (data, "load", lambda *_: (images, labels)),
        (precision, "measure", lambda *_: iter([Numerics("fp32", channels_last=False)])),
        (writer, "_append", lambda file, lines, lasting, append=writer._append: append(cast(BinaryIO, Dribble(file)), lines, lasting)),
    ):
        setattr(owner, name, fake)
    for owner, name, phase in (
        (training, "create_run", "creating"),
        (writer, "_append", "appending"),
        (training, "write_config", "creating"),
        (restore, "restore", "restoring"),
        (Trainer, "train_step", "stepping"),
        (checkpoint, "save_weights", "best"),
        (artifacts, "save_state", "saving"),
        (Writer, "prune", "pruning"),
        (session, "save_strip", "preview"),
    ):
        setattr(owner, name, _told(getattr(owner, name), phase))
    step = Trainer.train_step

    def timed(self: Trainer) -> None:
        step(self)
        _steps[0] += 1

    setattr(Trainer, "train_step", timed)  # noqa: B010
    draw = artifacts.preview

    def drawn(*arguments: Any) -> Iterator[Event]:
        ticks = draw(*arguments)
        while True:
            try:
                tick = _told(next, "drawing")(ticks)
            except StopIteration as end:
                return end.value
            yield tick

    artifacts.preview = drawn  # type: ignore[assignment]


def _told(function: Callable[..., Any], phase: str) -> Callable[..., Any]:
    @wraps(function)
    def told(*arguments: Any, **named: Any) -> Any:
        assert _shared is not None
        before, _shared[0] = _shared[0], PHASES.index(phase)
        try:
            return function(*arguments, **named)
        finally:
            _shared[0] = before

    return told


class Dribble:
    """A file that takes a few bytes at a time, slowly, as a system may, so that death comes amid a line too."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.truncate, self.fileno, self._file = file.seek, file.truncate, file.fileno, file

    def write(self, given: memoryview) -> int:
        time.sleep(0.0002)
        return self._file.write(given[:8])


# --- outside ----------------------------------------------------------------------------------------------------------


class Killer:
    """Kills at moments drawn from `rng`: blindly, and every other time aimed at a phase."""

    def __init__(self, server: ForkServer, home: Path, rng: random.Random) -> None:
        self._server, self._home, self._rng = server, home, rng
        self._phase = home / "phase"
        home.mkdir(parents=True, exist_ok=True)
        self._phase.write_bytes(b"\0")
        self.shots = 0
        self.deaths: Counter[str] = Counter()
        """By phase; those that had come to their end are "done"."""

    def life(self, name: str, kill: bool = True) -> str:
        """A victim's life; returns the phase that it ended in."""
        with self._phase.open("r+b") as file, mmap.mmap(file.fileno(), 1) as shared:
            shared[0] = 0
            pid = self._server.fork("killed_runs:train", str(self._home), name, str(self._phase))
            if kill:
                self._wait(shared)
                os.kill(pid, signal.SIGKILL)
            code, _ = self._server.reap(pid)
            ended = PHASES[shared[0]]
        assert code == 0 if ended == "done" and not kill else code in (0, -signal.SIGKILL), f"a victim ended with {code}, {ended}"
        assert code or ended == "done", f"a victim left amid {ended}"
        if kill:
            self.deaths[ended] += 1
        return ended

    def _wait(self, shared: mmap.mmap) -> None:
        self.shots += 1
        time.sleep(self._rng.uniform(0, 0.3))
        if self.shots % 2:
            return
        aim, done, deadline = PHASES.index(AIMS[self.shots // 2 % len(AIMS)]), PHASES.index("done"), time.monotonic() + 1
        while shared[0] not in (aim, done) and time.monotonic() < deadline:
            time.sleep(0.00002)
        time.sleep(self._rng.choice((0, self._rng.uniform(0, 0.004))))


class Unbroken:
    """The run that nobody killed, to hold the others against."""

    def __init__(self, run: Run) -> None:
        lines = records(run)
        self.steps = {record["step"]: (record["loss"], record["lr"]) for record in lines if "loss" in record}
        self.epochs = {record["epoch"]: (record["step"], record["average"], record["best"]) for record in lines if "epoch" in record}
        self.state = state(latest_state(run))
        self.best = checkpoint.load_weights(run.best_path)
        self.samples = samples(run)
        assert list(self.steps) == list(range(1, CONFIG.total_steps + 1))


def records(run: Run) -> list[dict[str, Any]]:
    """Every metrics line; none may be damaged but a torn last one."""
    whole, _, torn = run.metrics_path.read_bytes().rpartition(b"\n") if run.metrics_path.exists() else (b"", b"", b"")
    lines = [metrics.decode(line) for line in whole.split(b"\n")] if whole else []
    assert None not in lines, f"{run.metrics_path} has a damaged line"
    assert b"\n" not in torn
    return [line for line in lines if line is not None]


def samples(run: Run) -> dict[int, bytes]:
    """The previews, by step."""
    return {step: path.read_bytes() for step, path in run.samples()}


def state(path: Path) -> dict[str, Any]:
    """What must be the same, however the run came there."""
    whole = load_state(path)
    assert whole.config == CONFIG
    return {name: value for name, value in whole.to_values().items() if name not in ("config", "epoch_seconds", "run")}


def check(run: Run, unbroken: Unbroken, reached: int) -> int:
    """What must hold after a death. `reached` is the step of the newest state before it; returns that of the newest now."""
    assert find_run(run.name) == run
    assert run in all_runs()
    assert run.config() == CONFIG
    assert run.engine().precision == "fp32"
    assert not run.running()
    lines, states = records(run), run.states()
    saved = states[-1][0] if states else 0
    ended = bool(lines) and lines[-1].get("event") == "finished"
    assert run.state() == ("finished" if ended else "interrupted")
    assert saved >= reached, "a state was lost"
    assert saved >= (run.step() - 1) // EVERY * EVERY, "more was lost than the steps since the last save"
    for step, path in states:
        assert state(path)["step"] == step
    for line in lines:
        if "loss" in line:
            assert (line["loss"], line["lr"]) == unbroken.steps[line["step"]], f"step {line['step']} is another"
        elif "epoch" in line:
            assert (line["step"], line["average"], line["best"]) == unbroken.epochs[line["epoch"]]
        elif line.get("event") == "started":
            assert line["step"] % EVERY == 0, "it went on from where nothing was saved"
    return saved


def check_finished(run: Run, unbroken: Unbroken) -> None:
    """The run is the unbroken one: what its last lines of each step say, weights, average, optimiser, the best weights and the previews."""
    last = {line["step"]: (line["loss"], line["lr"]) for line in records(run) if "loss" in line}
    assert dict(sorted(last.items())) == unbroken.steps
    assert same(state(latest_state(run)), unbroken.state)
    best = checkpoint.load_weights(run.best_path)
    assert best.step == unbroken.best.step
    assert same(best.tensors, unbroken.best.tensors)
    assert samples(run) == unbroken.samples
    assert not list(run.path.rglob("*.part"))
    assert len(run.states()) <= STATES_KEPT


def same(a: object, b: object) -> bool:
    """To the bit."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def kill_nine(server: ForkServer, home: Path, kills: int, seed: int) -> Iterator[Counter[str]]:
    """Kills so many times, over as many runs as that takes; checks after each, and each run to its end. Yields what was hit so far."""
    killer = Killer(server, home, random.Random(seed))
    with at_home(home):
        assert killer.life("unbroken", kill=False) == "done"
        unbroken = Unbroken(find_run("unbroken"))
        number, reached = 1, 0
        while True:
            run = Run(paths.runs_dir() / f"run-{number}")
            killed = sum(killer.deaths.values()) - killer.deaths["done"]
            ended = killer.life(run.name, kill=killed < kills)
            if not (run.path / "config.json").exists():
                assert ended in ("starting", "creating")
                assert not run.path.exists()
                continue
            reached = check(run, unbroken, reached)
            yield killer.deaths
            if run.state() == "finished":  # it may have been killed on its way out
                check_finished(run, unbroken)
                number, reached = number + 1, 0
                if killed >= kills:
                    return


@contextmanager
def at_home(home: Path) -> Iterator[None]:
    before = os.environ.get("DIGITTY_HOME")
    os.environ["DIGITTY_HOME"] = str(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ["DIGITTY_HOME"]
        else:
            os.environ["DIGITTY_HOME"] = before
