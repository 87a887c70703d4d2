"""Runs side by side: training time without pauses, losses over three axes, and only the settings that differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fake_training import ENGINE
from hypothesis import given
from hypothesis import strategies as st

from engine.config.serialize import with_changes
from engine.config.training import PRESETS, TrainConfig
from engine.runs.manage import create_run
from engine.runs.metrics_log import encode
from tui.runs.comparison import ALIGNMENTS, ComparedRun, differing, flat_settings, results_of
from tui.runs.step_clock import StepClock

# --- the clock --------------------------------------------------------------------------------------------------------


def test_pauses_and_the_time_between_processes_do_not_count() -> None:
    clock = StepClock()
    clock.begin(0, 100.0)
    clock.advance(10, 120.0)
    clock.hold(20, 140.0)  # paused for an hour
    clock.begin(20, 3740.0)
    clock.hold(30, 3760.0)  # stopped, and resumed on another day
    clock.begin(30, 100_000.0)
    clock.advance(40, 100_010.0)
    assert [clock.seconds_at(step) for step in (0, 5, 10, 20, 25, 30, 35, 40, 99)] == [0, 10, 20, 40, 50, 60, 65, 70, 70]


def test_steps_that_are_done_again_are_timed_again() -> None:
    clock = StepClock()
    clock.begin(0, 0.0)
    clock.advance(10, 10.0)
    clock.begin(4, 1000.0)  # resumed from a save, and faster now
    clock.advance(10, 1003.0)
    assert clock.seconds_at(4) == 4
    assert clock.seconds_at(10) == 7


def test_a_clock_that_is_set_back_stops_no_step() -> None:
    clock = StepClock()
    clock.begin(0, 100.0)
    clock.advance(10, 50.0)
    clock.advance(20, 60.0)
    assert [clock.seconds_at(step) for step in (10, 20)] == [0, 10]
    assert StepClock().seconds_at(5) == StepClock().step_at(5) == 0


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0.01, 100)), min_size=1, max_size=20))
def test_steps_and_seconds_are_each_others_reverse(pieces: list[tuple[int, float]]) -> None:
    clock, step, wall = StepClock(), 0, 0.0
    clock.begin(0, 0.0)
    for steps, seconds in pieces:
        step, wall = step + steps, wall + seconds
        clock.advance(step, wall)
    for place in range(0, step + 1, max(1, step // 17)):
        assert clock.step_at(clock.seconds_at(place)) == pytest.approx(place, abs=1e-6)
    assert clock.seconds_at(step) == pytest.approx(wall)


# --- runs -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def config() -> TrainConfig:
    """Ten steps an epoch."""
    return with_changes(PRESETS["seed"], limit=10 * PRESETS["seed"].batch_size)


def compared(name: str, config: TrainConfig, *records: dict[str, Any]) -> ComparedRun:
    run = create_run(name, config, ENGINE)
    run.metrics_path.write_bytes(b"".join(map(encode, records)))
    history = ComparedRun(run)
    history.update(None)
    return history


def event(name: str, step: int, time: float) -> dict[str, Any]:
    return {"event": name, "step": step, "time": time}


def steps(first: int, last: int, time: float) -> list[dict[str, Any]]:
    """Logged at once, as training does."""
    return [{"step": step, "loss": 1 / step, "lr": 1e-3, "rate": 2.0, "time": time} for step in range(first, last + 1)]


def test_losses_over_steps_time_and_epochs(config: TrainConfig) -> None:
    run = compared(
        "one",
        config,
        event("started", 0, 1000.0),
        *steps(1, 10, 1005.0),
        event("paused", 10, 1005.0),
        event("resumed", 10, 2000.0),
        *steps(11, 20, 2005.0),
        event("finished", 20, 2005.0),
    )
    ends = {alignment: run.curve(0, alignment).position(20) for alignment in ALIGNMENTS}
    assert ends == {"step": 20, "time": 10, "epoch": 2}
    for alignment in ALIGNMENTS:
        curve = run.curve(3, alignment)
        assert curve.number == 3
        assert curve.series is run.series
        assert curve.step_at(curve.position(15)) == pytest.approx(15)


def test_a_resumed_run_takes_its_time_from_where_it_resumed(config: TrainConfig) -> None:
    records = [event("started", 0, 0.0), *steps(1, 10, 10.0), event("saved", 10, 10.0), *steps(11, 18, 18.0)]
    run = compared("one", config, *records, event("started", 10, 500.0), *steps(11, 20, 505.0))
    assert run.curve(0, "time").position(20) == pytest.approx(15)
    assert run.curve(0, "time").position(10) == pytest.approx(10)


def test_only_settings_that_differ_are_listed(config: TrainConfig) -> None:
    other = replace(config, lr=2e-3, model=replace(config.model, attention=True), steps=7)
    rows = dict(differing([flat_settings(config), flat_settings(other)]))
    assert rows == {"lr": ("0.001", "0.002"), "model.attention": ("no", "yes"), "steps": ("-", "7")}
    assert differing([flat_settings(config)] * 3) == []
    assert differing([flat_settings(config)]) == []
    assert differing([]) == []


def test_every_setting_of_a_run_is_compared(config: TrainConfig) -> None:
    model = replace(config.model, channels=(64, 128), patch=1, augmented=True)  # files leave these and the next out where they are the defaults
    config = replace(config, model=model, keep_every=2, flip=True, balance=True, augment=0.1)
    told = replace(config, flip=False, attributes=True, hands=True, text=True, route="pooled")
    names = {**flat_settings(config), **flat_settings(told), **flat_settings(PRESETS["hand"]), **flat_settings(PRESETS["text"])}
    for part, prefix in ((config, ""), (config.model, "model."), (config.schedule, "schedule.")):
        own = {prefix + name for name in vars(part)} - {"model", "schedule", "model.data", "model.conditions", "model.text", "model.reader"}
        assert own <= set(names), own - set(names)


def test_results(config: TrainConfig) -> None:
    run = compared("one", config, event("started", 0, 0.0), *steps(1, 4, 2.0))
    assert results_of(run) == {"step": "4/100", "loss": "0.2500", "best epoch": "-", "steps/s": "2"}
    assert results_of(compared("none", config))["loss"] == "-"
