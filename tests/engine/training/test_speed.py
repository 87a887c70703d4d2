"""The speed of this machine: planned minutes become steps, and the presets are tried only where nothing else trains."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest
import torch

from engine.config.compute import ComputeInfo
from engine.config.training import PRESETS, TrainConfig
from engine.errors import SettingError
from engine.jobs.jobs import Jobs
from engine.protocol.events import SpeedMeasured, TrainStep
from engine.protocol.requests import TrainRequest
from engine.runs.manage import create_run
from engine.runs.metrics_log import Follower
from engine.runs.run import find_run
from engine.runs.writer import open_writer
from engine.storage import paths
from engine.training import speed
from engine.training.lr_schedule import lr_at

Invoke = Callable[..., tuple[int, str, str]]


def losses(name: str) -> dict[int, tuple[float, float]]:
    return {r["step"]: (r["loss"], r["lr"]) for r in Follower(find_run(name).metrics_path).records() if "loss" in r}


@pytest.fixture
def ten_seconds_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the trial's clock, whose steps are real."""
    measure = speed._time_step
    monkeypatch.setattr(speed, "_time_step", lambda trainer: measure(trainer) * 0 + 10.0)
    monkeypatch.setattr(speed, "PLAN_SECONDS", (0.0, 0.0))


@pytest.mark.slow
def test_minutes_become_steps_before_the_run_exists(jobs: Jobs, every_step: None, tiny: TrainConfig, ten_seconds_a_step: None) -> None:
    """A minute of ten seconds a step is six steps, one more than an epoch; the run is from then on like any run of six steps."""
    for name, request in (("planned", TrainRequest(tiny, minutes=1.0)), ("given", TrainRequest(replace(tiny, steps=6, epochs=2)))):
        for _ in jobs.train(replace(request, run=name)):
            pass
    config = find_run("planned").config()
    assert (config.steps, config.epochs, config.total_steps) == (6, 2, 6)
    assert config == find_run("given").config()
    assert losses("planned") == losses("given")
    assert losses("planned")[6][1] == lr_at(config, 5) < 0.2 * tiny.lr, "the cosine ends where the run does"


@pytest.mark.slow
def test_a_planned_run_resumes_exactly(jobs: Jobs, every_step: None, tiny: TrainConfig, ten_seconds_a_step: None) -> None:
    for _ in jobs.train(TrainRequest(tiny, run="whole", minutes=1.0)):
        pass
    with closing(jobs.train(TrainRequest(tiny, run="broken", minutes=1.0))) as events:
        next(event for event in events if isinstance(event, TrainStep) and event.step == 3)
    for _ in jobs.train(TrainRequest(find_run("broken").config(), resume="broken")):
        pass
    assert losses("broken") == losses("whole")
    a, b = (torch.load(find_run(name).states()[-1][1], weights_only=False)["ema"] for name in ("whole", "broken"))
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--minutes", "5", "--epochs", "2"), "can't be used with --epochs"),
        (("--minutes", "5", "--steps", "2"), "can't be used with --steps"),
        (("--minutes", "5", "--resume", "mine"), "can't be used with --resume; to train a run for longer, use --epochs or --steps"),
        (("--minutes", "0"), "0.05"),
        (("--minutes", "nan"), "nan"),
        (("--minutes", "5", "--preset", "one-step"), "minutes can't be planned for a student"),
    ],
)
def test_what_contradicts_minutes_is_refused(arguments: tuple[str, ...], told: str, command: Invoke) -> None:
    create_run("mine", PRESETS["quick"], ComputeInfo("cpu", "fp32", "contiguous"))
    code, out, err = command("train", *arguments)
    assert (code, out) == (2, "")
    assert told in err


def test_a_request_that_is_handed_over_is_checked_too() -> None:
    with pytest.raises(SettingError, match="not a finite number"):
        TrainRequest(minutes=True)


def test_the_time_of_a_large_batch_follows_from_smaller_ones() -> None:
    fixed, each = 0.05, 0.01
    best = {size: fixed + each * size for size in (8, 32)}
    assert speed._extrapolate(best, 128) == pytest.approx(fixed + each * 128)
    assert speed._extrapolate({8: 0.5, 32: 0.4}, 128) == pytest.approx(1.6), "disturbed: never less than in proportion"
    assert speed._extrapolate({128: 0.3}, 128) == 0.3


@pytest.fixture
def small_presets(monkeypatch: pytest.MonkeyPatch, tiny: TrainConfig) -> None:
    monkeypatch.setattr(speed, "PRESETS", {"quick": replace(tiny, batch_size=40), "best": replace(tiny, batch_size=50)})
    monkeypatch.setattr(speed, "TRIED", ("quick", "best"))


def test_the_presets_are_tried_once_and_leave_no_trace(jobs: Jobs, small_presets: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_rng_state()
    first = list(jobs.measure_speed())
    measured = [event for event in first if isinstance(event, SpeedMeasured)]
    assert [event.preset for event in measured] == ["quick", "best"]
    assert all(0 < event.seconds_per_step < 5 for event in measured)
    assert torch.equal(torch.get_rng_state(), before)
    assert not paths.runs_dir().exists() or not list(paths.runs_dir().iterdir())
    monkeypatch.setattr(speed, "_try", lambda *_: pytest.fail("it is cached"))
    assert [event for event in jobs.measure_speed() if isinstance(event, SpeedMeasured)] == measured
    assert all("threads" in key and "torch" in key for key in json.loads((paths.cache_dir() / "speed.json").read_text()))


@pytest.mark.parametrize("value", ["x", -1.0, 0, True, float("inf"), [1.0]])
def test_a_damaged_cache_is_measured_again(value: object, jobs: Jobs, small_presets: None) -> None:
    list(jobs.measure_speed())
    path = paths.cache_dir() / "speed.json"
    path.write_text(json.dumps(dict.fromkeys(json.loads(path.read_text()), value)))
    assert all(type(event.seconds_per_step) is float for event in jobs.measure_speed() if isinstance(event, SpeedMeasured))
    assert all(type(value) is float for value in json.loads(path.read_text()).values())


def test_nothing_is_tried_beside_a_run(jobs: Jobs, small_presets: None) -> None:
    run = create_run("theirs", PRESETS["quick"], ComputeInfo("cpu", "fp32", "contiguous"))
    with open_writer(run):
        assert list(jobs.measure_speed()) == []
    events = jobs.measure_speed()
    next(events)
    with open_writer(run):  # it begins while the trial is under way, which then measures something else
        assert not [event for event in events if isinstance(event, SpeedMeasured)]
    assert not (paths.cache_dir() / "speed.json").exists()


def test_without_time_nothing_is_said(jobs: Jobs, small_presets: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "TRIAL_SECONDS", 0.0)
    assert list(jobs.measure_speed()) == []
