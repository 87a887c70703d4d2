"""The history of a run: the newest numbers at once, and all of it exactly, however often the run was rewound."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from fake_training import ENGINE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config.serialize import with_changes
from engine.config.training import PRESETS, TrainConfig
from engine.runs.manage import create_run
from engine.runs.metrics_log import encode
from engine.runs.run import Run
from engine.runs.writer import write_config
from tui.runs.history import EpochRow, Latest, RunHistory

PER_EPOCH = 10
LONG = 3000
"""Steps whose metrics take more than one slice to read."""


@pytest.fixture
def config() -> TrainConfig:
    return with_changes(PRESETS["seed"], limit=PER_EPOCH * PRESETS["seed"].batch_size)


@pytest.fixture
def run(config: TrainConfig) -> Run:
    return create_run("one", config, ENGINE)


def step(number: int, loss: float | None = None, rate: float = 8.0) -> dict[str, Any]:
    return {"step": number, "loss": 1 / (1 + number) if loss is None else loss, "lr": 1e-3, "rate": rate, "time": 0.0}


def steps(first: int, last: int, loss: float | None = None) -> list[dict[str, Any]]:
    return [step(number, loss) for number in range(first, last + 1)]


def epoch(number: int, average: float) -> dict[str, Any]:
    return {"epoch": number, "step": number * PER_EPOCH, "average": average, "seconds": 2.0, "best": True}


def event(name: str, step: int, **more: Any) -> dict[str, Any]:
    return {"event": name, "step": step, "time": 0.0, **more}


def write(path: Path, records: Iterable[dict[str, Any]]) -> None:
    with path.open("ab") as file:
        file.write(b"".join(map(encode, records)))


def losses(history: RunHistory) -> dict[int, float]:
    span = history.series.span()
    if span is None:
        return {}
    found = history.series.columns(span[1] - span[0] + 1, *span)
    assert all(bucket.count == 1 for _, bucket in found)
    return {span[0] + column: bucket.total for column, bucket in found}


def test_before_anything_is_written(run: Run, config: TrainConfig) -> None:
    history = RunHistory(run)
    assert not history.update()
    assert history.now == Latest(step=0, loss=None, lr=0.0, rate=0.0, event="", paused=False, saved_step=None, unsaved="")
    assert (history.epoch, history.epoch_average, history.best, history.fraction, history.seconds_left) == (1, None, None, 0.0, None)
    assert (history.config, history.engine, history.epochs) == (config, ENGINE, [])


def test_numbers_follow_what_is_written(run: Run) -> None:
    history = RunHistory(run)
    write(run.metrics_path, [event("started", 0), *steps(1, 10, 0.5), epoch(1, 0.5), *steps(11, 13, 0.25), step(14, 0.75, 4.0)])
    assert history.update()
    assert (history.now.step, history.now.loss, history.now.lr, history.now.rate, history.now.event) == (14, 0.75, 1e-3, 4.0, "started")
    assert (history.epoch, history.epoch_fraction, history.epoch_average) == (2, 0.4, 0.375)
    assert (history.fraction, history.seconds_left) == (0.14, 21.5)
    assert (history.epochs, history.best) == ([EpochRow(1, 10, 0.5, 2.0, True)], 0.5)
    assert not history.update()
    write(run.metrics_path, [event("saved", 14)])
    assert history.update()
    assert (history.now.event, history.now.saved_step) == ("saved", 14)


@pytest.mark.parametrize(
    ("names", "paused", "saved", "unsaved"),
    [
        ("started", False, 4, ""),
        ("started saved", False, 7, ""),
        ("started paused", True, 4, ""),
        ("started paused saved", True, 7, ""),
        ("started paused resumed", False, 4, ""),
        ("started paused stopped", False, 4, ""),
        ("started paused started", False, 4, ""),
        ("started unsaved", False, 4, "no room"),
        ("started unsaved paused", True, 4, "no room"),
        ("started unsaved saved", False, 7, ""),
        ("started unsaved started", False, 4, ""),
        ("started saved stopped", False, 7, ""),
    ],
)
def test_events(run: Run, names: str, paused: bool, saved: int, unsaved: str) -> None:
    for many in (0, LONG):  # read as a whole, and only the tail
        run.metrics_path.unlink(missing_ok=True)
        write(run.metrics_path, steps(1, many))
        write(
            run.metrics_path,
            [event(name, 4 if name == "started" else 7, **({"message": "no room"} if name == "unsaved" else {})) for name in names.split()],
        )
        history = RunHistory(run)
        history.update(budget=0)
        assert history.behind == bool(many)
        assert (history.now.event, history.now.paused, history.now.saved_step, history.now.unsaved) == (names.split()[-1], paused, saved, unsaved)
        assert history.now.step == 4


def test_resuming_after_a_crash_drops_everything_after_the_save(run: Run) -> None:
    history = RunHistory(run)
    write(run.metrics_path, [event("started", 0), *steps(1, 10, 0.5), epoch(1, 0.5), *steps(11, 14, 0.5), event("saved", 14)])
    write(run.metrics_path, [*steps(15, 20, 0.1), epoch(2, 0.1), *steps(21, 33, 0.1), epoch(3, 0.1)])
    history.update()
    assert (history.now.step, history.best, len(history.epochs)) == (33, 0.1, 3)
    write(run.metrics_path, [event("started", 14)])
    history.update()
    assert (history.now.step, history.now.loss, history.epoch, history.epoch_average, history.best) == (14, 0.5, 2, 0.5, 0.5)
    assert losses(history) == dict.fromkeys(range(1, 15), 0.5)
    assert history.epochs == [EpochRow(1, 10, 0.5, 2.0, True)]
    assert list(history.series.epochs) == [(10, 0.5)]
    write(run.metrics_path, [*steps(15, 20, 1.0), epoch(2, 0.8)])
    history.update()
    assert (history.now.step, history.epoch_average, history.best) == (20, 0.8, 0.5)
    assert losses(history) == dict.fromkeys(range(1, 15), 0.5) | dict.fromkeys(range(15, 21), 1.0)


def test_starting_again_drops_everything(run: Run) -> None:
    write(run.metrics_path, [event("started", 0), *steps(1, 15), epoch(1, 0.5), event("started", 0)])
    history = RunHistory(run)
    history.update()
    assert (history.now.step, history.now.loss, history.epochs, history.now.saved_step, losses(history)) == (0, None, [], None, {})


def test_without_its_started_line_the_later_lines_count_too(run: Run) -> None:
    write(run.metrics_path, [*steps(1, 30, 0.5), epoch(3, 0.5)])
    history = RunHistory(run)
    history.update()
    write(run.metrics_path, steps(15, 16, 1.0))
    history.update()
    assert (history.now.step, history.epochs) == (16, [])
    assert losses(history) == dict.fromkeys(range(1, 15), 0.5) | {15: 1.0, 16: 1.0}


def test_steps_with_gaps(run: Run) -> None:
    write(run.metrics_path, [step(n, n / 100) for n in range(5, 100, 10)])
    history = RunHistory(run)
    history.update()
    assert losses(history) == {n: n / 100 for n in range(5, 100, 10)}
    assert (history.epoch, history.epoch_average) == (10, 0.95)


def test_damaged_and_odd_lines_are_skipped(run: Run) -> None:
    odd = [
        {"step": 3, "loss": None},
        {"step": 3, "loss": "0.5"},
        {"step": 3, "average": []},
        {"step": 3, "epoch": "1", "average": 0.5},
        {"step": 3},
        {"step": 3, "loss": 0.5, "lr": None, "rate": "fast"},
    ]
    write(run.metrics_path, [step(1), step(2), *odd])
    run.metrics_path.write_bytes(run.metrics_path.read_bytes().replace(b'"step":2,', b'"step":9,') + b"\xff\n")
    write(run.metrics_path, [{"step": 4, "loss": 10**400}])
    history = RunHistory(run)
    history.update()
    assert losses(history) == {1: 0.5}
    assert (history.now.step, history.epochs, history.now.event) == (1, [], "")


def test_a_resumed_run_may_have_a_longer_config(run: Run, config: TrainConfig) -> None:
    history = RunHistory(run)
    write(run.metrics_path, [event("started", 0), step(1)])
    history.update()
    write_config(run, with_changes(config, epochs=99), ENGINE)
    write(run.metrics_path, [event("started", 1)])
    history.update()
    assert history.config.epochs == 99
    (run.path / "config.json").write_text("{")
    write(run.metrics_path, [event("started", 1), step(2)])
    assert history.update()
    assert (history.now.step, history.config.epochs) == (2, 99)


def test_the_newest_numbers_come_first_and_the_whole_in_slices(run: Run) -> None:
    write(run.metrics_path, [event("started", 0)])
    for number in range(1, LONG // PER_EPOCH + 1):
        write(run.metrics_path, [*steps(number * PER_EPOCH - 9, number * PER_EPOCH), epoch(number, 1 / number)])
    write(run.metrics_path, [event("saved", LONG), *steps(LONG + 1, LONG + 5, 0.5), step(LONG + 6, 0.125, 3.0)])
    history, slices = RunHistory(run), 0
    while not slices or history.behind:
        assert history.update(budget=0)
        slices += 1
        now = history.now
        assert (now.step, now.loss, now.rate, now.event, now.saved_step) == (LONG + 6, 0.125, 3.0, "saved", LONG)
        assert history.best == (None if history.behind else PER_EPOCH / LONG)
    assert slices > 2
    assert losses(history) == {n: 1 / (1 + n) for n in range(1, LONG + 1)} | dict.fromkeys(range(LONG + 1, LONG + 6), 0.5) | {LONG + 6: 0.125}
    assert len(history.epochs) == LONG // PER_EPOCH
    assert history.epoch_average == pytest.approx(2.625 / 6)


def test_new_records_show_while_the_rest_is_read(run: Run) -> None:
    write(run.metrics_path, [event("started", 0), *steps(1, LONG * 2)])
    write(run.metrics_path, [event("started", LONG), event("paused", LONG)])
    history = RunHistory(run)
    history.update(budget=0)
    assert (history.behind, history.now.step, history.now.paused) == (True, LONG, True)
    write(run.metrics_path, [event("resumed", LONG), step(LONG + 1, 0.5)])
    history.update(budget=0)
    assert (history.behind, history.now.step, history.now.loss, history.now.paused) == (True, LONG + 1, 0.5, False)
    write(run.metrics_path, [event("started", 20)])
    history.update(budget=0)
    assert (history.behind, history.now.step, history.now.loss, history.now.saved_step) == (True, 20, None, 20)
    while history.behind:
        history.update(budget=0)
    assert losses(history) == {n: 1 / (1 + n) for n in range(1, 21)}
    assert (history.now.step, history.now.loss, history.now.saved_step) == (20, 1 / 21, 20)


def test_a_replaced_file_is_read_anew(run: Run) -> None:
    write(run.metrics_path, [event("unsaved", 0, message="no room"), *steps(1, 20), epoch(1, 0.5), epoch(2, 0.5)])
    history = RunHistory(run)
    history.update()
    series = history.series
    run.metrics_path.write_bytes(b"")
    assert history.update()
    assert (history.now.step, history.now.loss, history.now.event, history.now.unsaved, history.epochs, losses(history)) == (0, None, "", "", [], {})
    write(run.metrics_path, steps(1, 3))
    history.update()
    assert losses(history) == {1: 1 / 2, 2: 1 / 3, 3: 1 / 4}
    assert history.series is series


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40), st.booleans()), min_size=1, max_size=6), st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_dropped_records_leave_no_trace(run: Run, stretches: list[tuple[int, int, bool]], looked: bool) -> None:
    run.metrics_path.unlink(missing_ok=True)
    history, rng = RunHistory(run), random.Random(5)
    kept: dict[int, float] = {}
    averages: dict[int, float] = {}
    for at, length, told in stretches:
        start = min(at, max(kept, default=0))
        kept = {n: loss for n, loss in kept.items() if n <= start}
        averages = {n: average for n, average in averages.items() if n * PER_EPOCH <= start}
        if told:
            write(run.metrics_path, [event("started", start)])
        for number in range(start + 1, start + 1 + length):
            kept[number] = rng.random()
            write(run.metrics_path, [step(number, kept[number])])
            if number % PER_EPOCH == 0:
                averages[number // PER_EPOCH] = rng.random()
                write(run.metrics_path, [epoch(number // PER_EPOCH, averages[number // PER_EPOCH])])
        if looked:
            history.update()
    history.update()
    assert losses(history) == kept
    assert {row.epoch: row.average for row in history.epochs} == averages
    assert dict(history.series.epochs) == {n * PER_EPOCH: average for n, average in averages.items()}
    assert (history.now.step, history.now.loss) == list(kept.items())[-1]
    assert history.best == min(averages.values(), default=None)
    own = [loss for n, loss in kept.items() if (n - 1) // PER_EPOCH == (history.now.step - 1) // PER_EPOCH]
    assert history.epoch_average == pytest.approx(sum(own) / len(own))
