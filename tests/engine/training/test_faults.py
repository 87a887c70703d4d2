"""Exit at any moment and damage to any file of a run: nothing good is lost, nothing wrong is taken for right."""

from __future__ import annotations

import math
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import killed_runs
import pytest
from fork_server import ForkServer
from torch import Tensor

from engine.checkpoints.lookup import find_weights
from engine.checkpoints.training_state import TrainingState, load_state
from engine.checkpoints.weights import load_weights
from engine.cli import runs as cli_runs
from engine.cli.watch import RunLine
from engine.compute.precision import Numerics
from engine.config.data import MNIST
from engine.config.training import TrainConfig
from engine.errors import CheckpointError, DigittyError, RunError
from engine.jobs.jobs import Jobs
from engine.protocol.recipe import Images
from engine.protocol.requests import TrainRequest
from engine.runs import metrics_log as metrics
from engine.runs.control import Command, Control, send_command
from engine.runs.metrics_log import Follower, Steps
from engine.runs.run import Run, all_runs, find_run, latest_state
from engine.runs.summary import run_facts
from engine.runs.writer import open_writer
from engine.storage.images import load_strip
from engine.training import restore
from engine.training.cadence import Cadence
from engine.training.trainer import Trainer

pytestmark = pytest.mark.slow

# --- kill -9 ----------------------------------------------------------------------------------------------------------


DEATHS = 25
"""benchmarks/sigkill.py kills a thousand times."""


def test_deaths_at_any_moment_change_nothing(tmp_path: Path, one_thread: None) -> None:
    """Each time the run opens, its lines parse, its states load, and what it goes on with is the unbroken run, to the bit."""
    with ForkServer(Path(__file__).parents[1], *killed_runs.LATE, "killed_runs") as server:
        *_, deaths = killed_runs.kill_nine(server, tmp_path / "home", kills=DEATHS, seed=0)
    hit = {phase: count for phase, count in deaths.items() if phase != "done" and count}
    assert sum(hit.values()) >= DEATHS
    assert len(hit) >= 4, f"they all died alike: {hit}"


def test_a_victim_that_hangs_is_told_and_killed(tmp_path: Path) -> None:
    with ForkServer(tmp_path) as server:
        pid = server.fork("time:sleep", 3600)
        with pytest.raises(AssertionError, match=f"process {pid} hung"):
            server.reap(pid, seconds=0.2)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert server.reap(server.fork("os:_exit", 3)).code == 3


# --- a power cut ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [0.0, 1000.0], ids=["each step", "each epoch"])
def test_no_state_is_newer_than_the_metrics_on_disk(
    jobs: Jobs, every_step: None, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch, every: float
) -> None:
    """What was not synced when the power goes is lost: by then every step of a state has its line."""
    lasting: dict[int, int] = {}
    named: list[int] = []
    sync, rename = os.fsync, Path.replace

    def synced(handle: int) -> None:
        sync(handle)
        lasting[os.fstat(handle).st_ino] = os.fstat(handle).st_size

    def renamed(path: Path, target: Path) -> Path:
        if target.name.startswith("state-"):
            metrics_path = target.parents[1] / "metrics.jsonl"
            lines = metrics_path.read_bytes()[: lasting.get(metrics_path.stat().st_ino, 0)].splitlines()
            steps = [record["step"] for record in map(metrics.decode, lines) if record and "loss" in record]
            named.append(int(target.stem.removeprefix("state-")))
            assert steps == list(range(1, named[-1] + 1))
            assert path.stat().st_ino in lasting
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    list(jobs.train(TrainRequest(replace(tiny, save_minutes=every), run="r")))
    assert named == (list(range(1, 9)) if every == 0 else [4, 8])
    run = find_run("r")
    assert lasting[run.metrics_path.stat().st_ino] == run.metrics_path.stat().st_size, "its end is lasting too"


# --- damage -----------------------------------------------------------------------------------------------------------

TRUNCATIONS, FLIPS = 20, 100
WHAT = {
    "config": "config.json",
    "metrics": "metrics.jsonl",
    "newest state": "checkpoints/state-0000008.pt",
    "older state": "checkpoints/state-0000004.pt",
    "best": "checkpoints/best.safetensors",
    "sample": "samples/step-0000008.png",
    "owner": "writers/0000001/released.json",
    "control": "control.json",
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, first_sixty: tuple[Tensor, Tensor], one_thread: None) -> Path:
    """A finished run of two epochs, with all the files that a run may have."""
    from engine.config.model import ModelConfig

    model = ModelConfig(channels=(8, 8), time_dim=16, emb_dim=16, groups=4)
    config = TrainConfig(model=model, limit=60, batch_size=16, epochs=2, lr_schedule="constant", preview_every=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITTY_HOME", str(tmp_path_factory.mktemp("original")))
        patch.setattr("engine.data.mnist.load", lambda *_: first_sixty)
        patch.setattr("engine.compute.autotune.measure", lambda *_: iter([Numerics("fp32", channels_last=False)]))
        for _ in Jobs("cpu", "fp32", cadence=Cadence(read_every=0.0, save_share=math.inf)).train(TrainRequest(config, run="r")):
            pass
        run = find_run("r")
        send_command(run.control_path, Command.PAUSE)
        return run.path


@pytest.fixture
def run(home: Path, original: Path) -> Run:
    """A copy of it, to be damaged."""
    path = home / "data" / "runs" / "r"
    shutil.copytree(original, path)
    return Run(path)


def damages(whole: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """The file cut at 20 places, and with each of 100 single bytes changed."""
    rng = random.Random(seed)
    places = [0, 1, len(whole) - 1, *(len(whole) * k // (TRUNCATIONS - 4) for k in range(1, TRUNCATIONS - 4)), rng.randrange(len(whole))]
    for at in places:
        yield f"cut at {at}", whole[:at]
    for _ in range(FLIPS):
        at = rng.randrange(len(whole))
        flipped = bytearray(whole)
        flipped[at] ^= rng.randrange(1, 256)
        yield f"byte {at} is {flipped[at]:#x}", bytes(flipped)


def read(reading: Callable[[], object]) -> object:
    """What it gives, or the kind of error that a person is told; any other exception is a fault."""
    try:
        return reading()
    except DigittyError as error:
        told = error
    assert len(str(told)) < 1000
    assert str(told).isprintable(), "a file's own words may hold escape sequences"
    return type(told)


def same(a: object, b: object) -> bool:
    if isinstance(a, TrainingState) and isinstance(b, TrainingState):
        return killed_runs.same(a.to_values(), b.to_values())
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return killed_runs.same(a, b)


def command_in_file(run: Run) -> Command:
    """What a trainer makes of the control file as it is."""
    control = Control()
    control.follow(run.path / "nothing")
    control._path = run.control_path
    return control.poll()


def batched(run: Run) -> list[object]:
    told: list[object] = []
    for batch in Follower(run.metrics_path).batches():
        told += list(zip(batch.steps, batch.losses, strict=True)) if isinstance(batch, Steps) else [batch]
    return told


def weights_of(run: Run, name: str) -> tuple[object, ...]:
    loaded = find_weights(name)
    return loaded.step, loaded.kind, loaded.tensors


READINGS: Mapping[str, tuple[Callable[[Run], object], ...]] = {
    "config": (
        lambda run: find_run("r"),
        lambda run: all_runs(),
        lambda run: run.config(),
        lambda run: run.engine(),
        lambda run: run.created(),
        lambda run: RunLine(run).line(),
        lambda run: restore.check_resumable(run, replace(run.config(), epochs=3)),
    ),
    "newest state": (
        lambda run: load_state(run.path / WHAT["newest state"]),
        lambda run: weights_of(run, "r"),
    ),
    "older state": (
        lambda run: load_state(run.path / WHAT["older state"]),
        lambda run: latest_state(run),
    ),
    "best": (
        lambda run: load_weights(run.best_path).tensors,
        lambda run: weights_of(run, "r:best"),
    ),
}


@pytest.mark.parametrize("what", READINGS)
def test_damage_is_an_error_or_makes_no_difference(run: Run, what: str) -> None:
    path = run.path / WHAT[what]
    whole, expected = path.read_bytes(), [read(lambda reading=reading: reading(run)) for reading in READINGS[what]]
    assert not any(isinstance(value, type) for value in expected)
    refused = 0
    for how, damaged in damages(whole, seed=1):
        path.write_bytes(damaged)
        for reading, right in zip(READINGS[what], expected, strict=True):
            got = read(lambda reading=reading: reading(run))
            assert got in (RunError, CheckpointError) if isinstance(got, type) else same(got, right), f"{how}: {got}"
            refused += isinstance(got, type)
    assert refused > TRUNCATIONS + FLIPS / 2, "the damage was not even noticed"


def test_a_damaged_config_is_told_in_the_listing(run: Run) -> None:
    path = run.path / WHAT["config"]
    whole, right = path.read_bytes(), run_facts(run)
    for how, damaged in damages(whole, seed=2):
        path.write_bytes(damaged)
        facts = run_facts(run)
        assert facts == {**right, "bytes": facts.get("bytes"), "written": facts.get("written")} or "config.json" in facts["error"], how
        assert "\n" not in cli_runs.run_line(facts)


def test_damaged_metrics_lose_the_damaged_lines_alone(run: Run) -> None:
    path = run.metrics_path
    whole, right, quick, line = path.read_bytes(), list(Follower(path).records()), batched(run), RunLine(run).line()
    assert (run.state(), run.step()) == ("finished", 8)
    for how, damaged in damages(whole, seed=3):
        path.write_bytes(damaged)
        kept = list(Follower(path).records())
        expected = right[: len(kept)] if how.startswith("cut") else right
        assert [record for record in expected if record in kept] == kept, how
        assert len(kept) == damaged.count(b"\n") if how.startswith("cut") else len(kept) >= len(right) - 2
        assert [told for told in quick if told in batched(run)] == batched(run)
        assert list(metrics.read_backwards(path)) == kept[::-1]
        assert run.step() == max((record["step"] for record in kept if "loss" in record), default=0)
        finished = bool(kept) and kept[-1] == right[-1]
        assert run.state() == ("finished" if finished else "interrupted"), how
        assert RunLine(run).line() == line or len(kept) < len(right)
        assert run_facts(run)["step"] == run.step()


def test_damaged_metrics_are_mended_by_the_next_writer(run: Run) -> None:
    path, last = run.metrics_path, {"step": 9, "loss": 0.5}
    for how, damaged in damages(path.read_bytes(), seed=4):
        path.write_bytes(damaged)
        kept = list(Follower(path).records())
        with open_writer(run) as writer:
            writer.log(last)
            writer.flush()
        assert list(Follower(path).records()) == [*kept, last], how


def test_a_damaged_sample_is_no_picture(run: Run) -> None:
    path = run.path / WHAT["sample"]
    right = load_strip(path, MNIST)
    assert isinstance(right, Images)
    shown = 0
    for how, damaged in damages(path.read_bytes(), seed=5):
        path.write_bytes(damaged)
        got = load_strip(path, MNIST)
        assert got in (None, right), how
        shown += got is not None
    assert shown < FLIPS / 10


def test_a_damaged_owner_is_nobody(run: Run) -> None:
    """Above all not somebody on another machine, who would have to be waited for."""
    with open_writer(run) as writer:
        writer.event("started", 8)
    path, right = run.path / "writers" / "0000002" / "owner.json", run.owner()
    path.with_name("released.json").rename(path)  # as if it had died
    assert right["pid"] == os.getpid()
    for how, damaged in damages(path.read_bytes(), seed=6):
        path.write_bytes(damaged)
        assert run.owner() in ({}, right), how
        assert run.state() == "interrupted", how
    with open_writer(run):
        assert run.owner()["pid"] == os.getpid()


def test_a_damaged_command_is_no_command(run: Run) -> None:
    path = run.path / WHAT["control"]
    assert command_in_file(run) is Command.PAUSE
    for how, damaged in damages(path.read_bytes(), seed=7):
        path.write_bytes(damaged)
        assert command_in_file(run) in (Command.PAUSE, Command.RUN), how


@pytest.mark.parametrize("content", [b"", b"\0" * 64, random.Random(8).randbytes(4096)], ids=["empty", "zeros", "rubbish"])
def test_what_the_lock_holds_makes_no_difference(run: Run, content: bytes) -> None:
    (run.path / "lock").write_bytes(content)
    assert not run.running()
    with open_writer(run):
        assert run.running()
        with pytest.raises(RunError), open_writer(run):
            pass


@pytest.mark.parametrize("name", [*WHAT.values(), "lock"])
def test_a_folder_where_a_file_should_be(run: Run, name: str) -> None:
    path = run.path / name
    path.unlink(missing_ok=True)
    path.mkdir()
    for readings in READINGS.values():
        for reading in readings:
            read(lambda reading=reading: reading(run))
    read(lambda: (run.state(), run.step(), run.owner(), command_in_file(run), run_facts(run), batched(run)))
    assert load_strip(run.path / WHAT["sample"], MNIST) is None or name != WHAT["sample"]


def test_a_damaged_newest_state_gives_way_to_the_one_before_it(run: Run, first_sixty: tuple[Tensor, Tensor]) -> None:
    import torch

    newest, older = run.path / WHAT["newest state"], run.path / WHAT["older state"]
    trainer = Trainer(run.config(), *first_sixty, Numerics("fp32", channels_last=False), torch.device("cpu"))
    right = load_state(older).to_values()
    for how, damaged in list(damages(newest.read_bytes(), seed=9))[::8]:
        newest.write_bytes(damaged)
        told = list(restore.restore_newest(run, trainer))
        assert len(told) == 1, how
        state = trainer.state().to_values()
        assert all(killed_runs.same(state[name], right[name]) for name in ("step", "best", "epoch_sum", "model", "ema"))
        assert not newest.exists()
        newest.with_name(newest.name + ".damaged").rename(newest)


@pytest.mark.parametrize("how", ["cut", "flipped"])
@pytest.mark.parametrize("what", WHAT)
def test_a_damaged_run_goes_on_exactly_or_says_why_not(run: Run, jobs: Jobs, every_step: None, what: str, how: str) -> None:
    longer = replace(run.config(), epochs=3)
    shutil.copytree(run.path, run.path.with_name("whole"))
    list(jobs.train(TrainRequest(longer, resume="whole")))
    path = run.path / WHAT[what]
    kinds = [damaged for kind, damaged in damages(path.read_bytes(), seed=10) if kind.startswith("cut") == (how == "cut")]
    path.write_bytes(kinds[len(kinds) // 2])
    got = read(lambda: list(jobs.train(TrainRequest(longer, resume="r"))))
    if what == "config":
        assert got is RunError
        return
    assert not isinstance(got, type)
    losses, expected = (dict(logged(Run(run.path.with_name(name)))) for name in ("r", "whole"))
    assert {step: losses[step] for step in range(9, 13)} == {step: expected[step] for step in range(9, 13)}
    states = [load_state(latest_state(Run(run.path.with_name(name)))).to_values() for name in ("r", "whole")]
    assert killed_runs.same(*({k: v for k, v in state.items() if k != "epoch_seconds"} for state in states))


def logged(run: Run) -> list[tuple[int, float]]:
    return [(record["step"], record["loss"]) for record in Follower(run.metrics_path).records() if "loss" in record]
