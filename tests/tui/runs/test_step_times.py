"""When a run reached each step."""

from __future__ import annotations

import time

import pytest

from tui.runs.step_times import StepTimes, clock_text


def test_between_two_known_times_steps_are_spread_evenly() -> None:
    times = StepTimes()
    for step, at in ((0, 1000.0), (10, 1010.0), (20, 1030.0)):
        times.add(step, at)
    assert [times.at(step) for step in (0, 5, 10, 15, 20, 21)] == [1000.0, 1005.0, 1010.0, 1020.0, 1030.0, None]


def test_a_rewound_run_has_its_new_times() -> None:
    times = StepTimes()
    for step, at in ((0, 1000.0), (10, 1010.0), (20, 1020.0), (10, 5000.0), (20, 5010.0)):
        times.add(step, at)
    assert times.at(15) == 5005.0
    assert times.at(5) == pytest.approx(3000.0)


def test_times_close_together_take_no_room() -> None:
    times = StepTimes()
    for step in range(10_000):
        times.add(step, 1000 + step / 100)
    assert len(times._steps) < 250
    assert times.at(5000) == pytest.approx(1050.0)


def test_the_words_say_the_day_where_it_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        at = 1_760_000_000.0
        assert clock_text(at, at + 60) == "08:53:20"
        assert clock_text(at, at + 3 * 86_400) == "Oct 09 08:53"
    finally:
        monkeypatch.undo()
        time.tzset()
