"""The overlay puts each run's losses at their step, time or epoch, and tells the runs apart by marks alone."""

from __future__ import annotations

import random
from math import exp

import pytest

from tui.render.overlay_plot import ASCII_MARKS, MARKS, OverlayView, horizontal_ticks, mark_of, overlay, smoothed
from tui.runs.comparison import MOST_RUNS, Alignment, Curve
from tui.runs.loss_series import LossSeries


def curve(number: int, losses: list[float], unit: float = 1.0, first: int = 1) -> Curve:
    """One whose steps are `unit` apart on the axis."""
    series = LossSeries()
    series.extend(range(first, first + len(losses)), losses)
    return Curve(number, series, lambda step: step * unit, lambda x: x / unit)


def descent(steps: int, floor: float = 0.02) -> list[float]:
    rng = random.Random(steps)
    return [(floor + 0.9 * exp(-i / 40)) * exp(rng.gauss(0, 0.1)) for i in range(1, steps + 1)]


def rows_of(curves: list[Curve], view: OverlayView) -> list[str]:
    return ["".join(text for text, _ in line) for line in overlay(curves, view)]


def cells_of(curves: list[Curve], view: OverlayView, role: str) -> set[tuple[int, int]]:
    """(column, row) of the cells with this role."""
    found = set()
    for y, line in enumerate(overlay(curves, view)):
        x = 0
        for text, own in line:
            found |= {(x + i, y) for i in range(len(text)) if own == role}
            x += len(text)
    return found


@pytest.mark.parametrize("log", [False, True])
def test_flat_curves_are_on_the_rows_of_their_losses(log: bool) -> None:
    high, low = curve(0, [1.0] * 500), curve(1, [0.1] * 500)
    view = OverlayView(60, 13, log_scale=log)
    assert {y for _, y in cells_of([high, low], view, "curve0")} == {0}
    expected = 11 if log else 10  # a linear scale starts at 0: 0.1 is at 90% of 12 rows
    assert {y for _, y in cells_of([high, low], view, "curve1")} == {expected}


@pytest.mark.parametrize("unit", [1.0, 0.25, 3600.0])
def test_a_run_of_half_the_length_takes_half_the_width(unit: float) -> None:
    whole, half = curve(0, descent(1000), unit), curve(1, descent(500), unit)
    view = OverlayView(80, 20)
    last = {role: max(x for x, _ in cells_of([whole, half], view, role)) for role in ("curve0", "curve1")}
    first = min(x for x, _ in cells_of([whole, half], view, "curve0"))
    assert last["curve0"] == 79
    assert (last["curve1"] - first) / (last["curve0"] - first) == pytest.approx(0.5, abs=0.02)


def test_the_means_of_all_columns_are_those_of_the_losses() -> None:
    """Without noise the smoothed curve of a line is the line."""
    losses = [1 - i / 2000 for i in range(1000)]
    dots = smoothed(curve(0, losses), 1000.0, 100, log_scale=False)
    assert len(dots) == 100
    for x, mean in dots[10:-10]:
        assert mean == pytest.approx(1 - (x * 10 + 4.5) / 2000, abs=2e-3)


@pytest.mark.parametrize("dots", [1, 7, 49, 64, 2000])
def test_every_loss_is_in_one_column(dots: int) -> None:
    """Columns that overlapped, or left losses out, would change the mean of their means."""
    losses = [float(i % 2) for i in range(840)]
    counted = smoothed(curve(0, losses), 840.0, dots, log_scale=False)
    assert len(counted) == min(dots, 840)
    assert sum(mean for _, mean in counted) / len(counted) == pytest.approx(0.5, abs=0.02)


def test_marks_tell_eight_runs_apart_without_colours() -> None:
    assert len(set(MARKS)) == len(set(ASCII_MARKS)) == MOST_RUNS
    curves = [curve(number, [0.1 * (number + 1)] * 300) for number in range(MOST_RUNS)]
    for braille in (True, False):
        text = "\n".join(rows_of(curves, OverlayView(100, 40, braille=braille)))
        assert all(text.count(mark_of(number, braille)) >= 3 for number in range(MOST_RUNS))
        assert braille or text.isascii()


def test_equal_runs_of_few_steps_are_told_apart() -> None:
    curves = [curve(0, [1.0, 0.5, 0.3]), curve(1, [1.0, 0.5, 0.3])]
    text = "\n".join(rows_of(curves, OverlayView(90, 20)))
    assert min(text.count(MARKS[number]) for number in (0, 1)) >= 3


def test_a_run_ends_with_its_mark() -> None:
    curves = [curve(0, descent(400)), curve(1, descent(1000))]
    view = OverlayView(90, 20)
    for number in (0, 1):
        x, y = max(cells_of(curves, view, f"curve{number}"))
        assert rows_of(curves, view)[y][x] == MARKS[number]


@pytest.mark.parametrize("size", [(16, 3), (20, 5), (60, 12), (200, 50), (5, 2), (15, 10)])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("alignment", ["step", "time", "epoch"])
def test_lines_fill_any_size(size: tuple[int, int], log: bool, alignment: Alignment) -> None:
    view = OverlayView(*size, alignment, log)
    for curves in ([], [curve(0, [])], [curve(0, [0.5])], [curve(0, descent(5)), curve(5, [0.0, 0.0, 1.0])], [curve(2, descent(3000), 0.001)]):
        assert [len(line) for line in rows_of(curves, view)] == [size[0]] * size[1]


@pytest.mark.parametrize(
    ("end", "count", "alignment", "texts"),
    [
        (100, 5, "step", ["0", "20", "40", "60", "80", "100"]),
        (20_000, 4, "step", ["0", "5000", "10k", "15k", "20k"]),
        (125, 5, "time", ["0:00", "0:30", "1:00", "1:30", "2:00"]),
        (7300, 2, "time", ["0:00", "2:00:00"]),
        (4, 4, "epoch", ["0", "1", "2", "3", "4"]),
        (0.5, 5, "epoch", ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]),
        (3, 20, "step", ["0", "1", "2", "3"]),
    ],
)
def test_ticks_are_round(end: float, count: int, alignment: Alignment, texts: list[str]) -> None:
    assert [text for _, text in horizontal_ticks(end, count, alignment)] == texts
