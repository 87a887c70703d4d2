"""A series of losses is exact at any zoom, and a million losses take little memory."""

from __future__ import annotations

import random
import tracemalloc
from itertools import accumulate
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.runs.loss_series import BLOCK, Bucket, LossSeries, smooth


def uneven(count: int, seed: int = 11) -> tuple[list[int], list[float]]:
    """Steps with gaps, and losses for them."""
    rng = random.Random(seed)
    return list(accumulate(rng.choice((1, 1, 1, 10)) for _ in range(count))), [rng.random() for _ in range(count)]


def assert_exact(series: LossSeries, steps: list[int], losses: list[float], count: int, window: int | None = None) -> None:
    """Every column agrees with the plain lists."""
    span = series.span(window)
    assert span == (min(step for step in steps if not window or step > steps[-1] - window), steps[-1])
    first, last = span
    parts: dict[int, list[float]] = {}
    for step, loss in zip(steps, losses, strict=True):
        if step >= first:
            parts.setdefault((step - first) * count // (last - first + 1), []).append(loss)
    found = series.columns(count, first, last)
    assert [(column, bucket.count, bucket.low, bucket.high) for column, bucket in found] == [
        (column, len(part), min(part), max(part)) for column, part in sorted(parts.items())
    ]
    assert [bucket.total for _, bucket in found] == pytest.approx([sum(part) for _, part in sorted(parts.items())])


@pytest.mark.parametrize("size", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK, 20_000])
def test_columns_are_exact_at_any_zoom(size: int) -> None:
    steps, losses = uneven(size)
    series = LossSeries()
    series.extend(steps, losses)
    assert len(series) == size
    for count in (1, 7, 160, 400):
        for window in (None, 1, 50, BLOCK * 3 + 1, 4096, 10**6):
            assert_exact(series, steps, losses, count, window)


@pytest.mark.slow
def test_a_million_points_take_sixteen_bytes_each() -> None:
    steps, losses = list(range(1, 1_000_001)), [0.5] * 1_000_000
    tracemalloc.start()
    try:
        series = LossSeries()
        for start in range(0, len(steps), 1000):
            series.extend(steps[start : start + 1000], losses[start : start + 1000])
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 20e6
    assert series.between(1, 1_000_000) == Bucket(1_000_000, 500_000.0, 0.5, 0.5)


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 200), st.booleans()), max_size=8),
    st.integers(1, 50),
)
@settings(max_examples=60, deadline=None)
def test_rewinding_is_exact(stretches: list[tuple[int, int, bool]], count: int) -> None:
    """After any number of rewinds, announced or not, the series is as if the dropped losses had never been there."""
    series, plain, rng = LossSeries(), dict[int, float](), random.Random(3)
    for at, length, announced in stretches:
        start = min(at, max(plain, default=0))
        plain = {step: loss for step, loss in plain.items() if step <= start}
        stretch = {step: rng.random() for step in range(start + 1, start + 1 + length)}
        if announced:
            series.rewind(start)
        series.extend(list(stretch), list(stretch.values()))
        plain |= stretch
    assert series.last == (list(plain.items())[-1] if plain else None)
    if plain:
        assert_exact(series, list(plain), list(plain.values()), count)


def test_the_last_loss_of_a_repeated_step_counts() -> None:
    series = LossSeries()
    for step, loss in zip([1, 2, 3, 4, 2, 3, 3], [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0], strict=True):
        series.append(step, loss)
    assert_exact(series, [1, 2, 3], [1.0, 2.0, 3.0], 3)


def test_between_steps() -> None:
    series = LossSeries()
    series.extend([10, 20, 30], [1.0, 2.0, 4.0])
    assert series.between(10, 29) == Bucket(2, 3.0, 1.0, 2.0)
    assert (series.between(11, 19), series.between(31, 40), series.between(30, 10)) == (None, None, None)


def test_values_that_are_not_finite_are_left_out() -> None:
    series = LossSeries()
    series.extend([1, 2, 3, 4, 5], [nan, 0.5, inf, -inf, 0.25])
    series.append(6, nan)
    series.add_epoch(5, nan)
    assert_exact(series, [2, 5], [0.5, 0.25], 4)
    assert not series.epochs


def test_rewinding_to_a_save_drops_later_epochs() -> None:
    series = LossSeries()
    series.extend(range(100), [1.0] * 100)
    for step in (49, 99):
        series.add_epoch(step, 1.0)
    series.append(60, 2.0)
    assert series.epochs == [(49, 1.0)]
    series.add_epoch(49, 3.0)
    assert series.epochs == [(49, 3.0)]
    series.rewind(48)
    assert series.epochs == []


def test_losses_without_a_logarithm_are_left_out() -> None:
    series = LossSeries()
    series.extend(range(200), [0.0, 0.5, -1.0, 0.25] * 50)
    assert series.columns(1, 0, 199, positive=True) == [(0, Bucket(100, 37.5, 0.25, 0.5))]
    assert [column for column, _ in series.columns(200, 0, 199, positive=True)] == list(range(1, 200, 2))


def test_smoothing_keeps_straight_lines_and_quiets_noise() -> None:
    line = [0.5 * i for i in range(40)]
    assert smooth(line, 5)[:35] == pytest.approx(line[:35])  # no lag: an exponential average would trail behind
    assert smooth([3.0], 5) == [3.0]
    assert smooth(line, 0) == pytest.approx(line)
    rng = random.Random(2)
    noise = [rng.gauss(1, 0.1) for _ in range(400)]
    assert max(abs(value - 1) for value in smooth(noise, 20)[20:]) < 0.1
