"""The line over the chart, the values under it, and the marks of epochs and saves."""

from __future__ import annotations

import pytest

from tui.render.crosshair import with_crosshair
from tui.render.loss_plot import Drawing, Line, View, draw
from tui.runs.loss_series import LossSeries

FACTS = ("step 500", "loss 0.1000", "smoothed 0.1100", "22:41:07")


def series_of(steps: int) -> LossSeries:
    series = LossSeries()
    series.extend(range(1, steps + 1), [1 / step for step in range(1, steps + 1)])
    return series


def text(line: Line) -> str:
    return "".join(part for part, _ in line)


def cursor_columns(line: Line) -> list[int]:
    roles = [role for part, role in line for _ in part]
    return [x for x, role in enumerate(roles) if role == "cursor"]


@pytest.mark.parametrize("braille", [True, False])
@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("step", [-5, 1, 500, 1000, 5000])
def test_one_column_is_marked_and_every_line_keeps_its_length(step: int, width: int, braille: bool) -> None:
    drawing = draw(series_of(1000), View(width, 10, True, braille=braille))
    lines = with_crosshair(drawing, step, FACTS, braille)
    assert [len(text(line)) for line in lines] == [width] * 10
    x = drawing.column_of(min(1000, max(1, step)))
    assert all(cursor_columns(line) == [x] for line in lines[:-1])
    assert text(lines[-1]).strip().startswith("step 500") or "step 500" in text(lines[-1])
    if not braille:
        assert "".join(map(text, lines)).isascii()


@pytest.mark.parametrize(("width", "shown"), [(80, 4), (45, 3), (30, 2), (20, 1)])
def test_facts_that_do_not_fit_are_left_out_from_the_right(width: int, shown: int) -> None:
    last = text(with_crosshair(draw(series_of(1000), View(width, 8)), 500, FACTS)[-1])
    assert f" {'  '.join(FACTS[:shown])} " in last
    assert all(fact not in last for fact in FACTS[shown:])


def test_a_column_and_its_step_are_each_others_reverse() -> None:
    drawing = draw(series_of(5000), View(80, 10, window=1000))
    for x in range(drawing.gutter, drawing.gutter + drawing.width):
        assert drawing.column_of(drawing.step_at(x)) == x
    assert drawing.step_at(-10) == drawing.first == 4001
    assert drawing.step_at(500) == drawing.last == 5000


def test_the_smoothed_value_is_that_of_the_curve() -> None:
    """A constant loss is its own mean, wherever one looks."""
    series = LossSeries()
    series.extend(range(1, 101), [0.25] * 100)
    drawing = draw(series, View(60, 8))
    assert all(drawing.smoothed_at(x) == pytest.approx(0.25) for x in range(drawing.gutter, 60))
    assert drawing.smoothed_at(drawing.gutter - 1) is None


def test_nothing_to_point_at_stays_as_it_is() -> None:
    empty = draw(LossSeries(), View(40, 6))
    assert with_crosshair(empty, 5, FACTS) == empty.lines
    assert with_crosshair(Drawing([]), 5, FACTS) == []


@pytest.mark.parametrize(("braille", "marks"), [(True, "╵▴▲"), (False, "'^^")])
def test_epochs_and_saves_are_marked_on_the_line_of_the_steps(braille: bool, marks: str) -> None:
    series = series_of(1000)
    series.add_epoch(130, 0.1)
    for step in (470, 870):
        series.add_save(step)
    series.add_epoch(870, 0.05)
    drawing = draw(series, View(100, 10, braille=braille))
    last = text(drawing.lines[-1])
    assert [last[drawing.column_of(step)] for step in (130, 470, 870)] == list(marks)


def test_marks_too_many_to_be_told_apart_are_left_out_and_a_rewind_drops_saves() -> None:
    series = series_of(1000)
    for step in range(1, 1000, 3):
        series.add_save(step)
    assert "▴" not in text(draw(series, View(80, 10)).lines[-1])
    series.rewind(20)
    assert list(series.saves) == [1, 4, 7, 10, 13, 16, 19]
    assert "▴" in text(draw(series, View(80, 10)).lines[-1])


def test_the_nearest_loss() -> None:
    series = LossSeries()
    assert series.nearest(3) is None
    series.extend((10, 20, 40), (1.0, 2.0, 4.0))
    assert [series.nearest(step) for step in (0, 10, 14, 16, 29, 31, 99)] == [
        (10, 1.0),
        (10, 1.0),
        (10, 1.0),
        (20, 2.0),
        (20, 2.0),
        (40, 4.0),
        (40, 4.0),
    ]
