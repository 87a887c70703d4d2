"""Dots in braille characters, and the axes of a chart."""

from __future__ import annotations

import pytest

from tui.render.braille import Canvas, Scale, axis, count_label, labels, nice_step


def test_dots_follow_unicode() -> None:
    """Unicode's names list the dots: 1 2 3 7 down the left side, 4 5 6 8 down the right."""
    order = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
    for number, (x, y) in enumerate(order):
        canvas = Canvas(1, 1)
        canvas.dot(x, y)
        assert canvas.char(0, 0) == chr(0x2800 + (1 << number))
    assert Canvas(1, 1).char(0, 0) == ""


def test_a_line_has_no_holes_and_may_leave_the_canvas() -> None:
    canvas = Canvas(5, 3)
    canvas.line(0, 0, 9, 11)
    assert all(canvas.char(x // 2, y // 4) for x, y in [(0, 0), (9, 11), (4, 5)])
    canvas.line(-100, -100, 100, 100)
    canvas.dot(10, 0)
    canvas.dot(0, 12)


def test_without_braille_upper_and_lower_half_differ() -> None:
    canvas = Canvas(3, 1)
    canvas.dot(0, 1)
    canvas.dot(2, 2)
    canvas.line(4, 0, 4, 3)
    assert "".join(canvas.char(x, 0, braille=False) for x in range(3)) == "'.:"


@pytest.mark.parametrize("log", [False, True])
def test_positions_increase_with_the_value(log: bool) -> None:
    scale = Scale(0.01, 1.0, log)
    values = [0.01 * 1.02**i for i in range(233)]
    positions = [scale.position(value, 40) for value in values]
    assert positions == sorted(positions)
    assert (positions[0], scale.position(1.0, 40)) == (0, 39)
    assert scale.position(0.1, 41) == (20 if log else round(40 * 0.09 / 0.99))
    assert scale.position(5e8, 40) > 39 >= 0 > scale.position(-5e8, 40) >= -40


@pytest.mark.parametrize(
    ("low", "high"), [(0.018, 1.2), (0.02, 0.021), (0.5, 0.5), (0.0, 0.0), (1e-7, 3e4), (0.0251, 0.0398), (-2.0, 3.0), (1e6, 3e6)]
)
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_axes_hold_the_data_and_read_easily(low: float, high: float, log: bool, count: int) -> None:
    scale, ticks = axis(low, high, count, log)
    assert scale.low <= low * (1 + 1e-9) or low <= 0
    assert scale.low <= low + 1e-12
    assert scale.high >= high * (1 - 1e-9)
    assert ticks
    assert ticks == sorted(set(ticks))
    assert all(scale.low * (1 - 1e-9) <= tick <= scale.high * (1 + 1e-9) or tick <= 0 for tick in ticks)
    assert all(len(label) <= 8 for label in labels(ticks))
    assert len(set(labels(ticks))) == len(ticks)


@pytest.mark.parametrize(("span", "count", "step"), [(10, 5, 2), (1, 4, 0.5), (4690, 5, 1000), (0.03, 3, 0.01), (7, 7, 1)])
def test_steps_are_one_two_or_five(span: float, count: int, step: float) -> None:
    assert nice_step(span, count) == pytest.approx(step)


def test_labels_are_short_and_aligned() -> None:
    assert labels([0.02, 0.04, 0.1 - 0.04]) == ["0.02", "0.04", "0.06"]
    assert labels([0.01, 0.1, 1.0]) == ["0.01", "0.1", "1"]
    assert [count_label(n) for n in (0, 950, 4500, 20_000, 1_500_000)] == ["0", "950", "4500", "20k", "1.5M"]
