"""The plot puts losses and epochs where they belong, at any size."""

from __future__ import annotations

import random
from math import exp

import pytest

from tui.render.loss_plot import View, chart
from tui.runs.loss_series import LossSeries


def rows_of(series: LossSeries, view: View) -> list[str]:
    return ["".join(text for text, _ in line) for line in chart(series, view)]


def curve(steps: int, seed: int = 4) -> LossSeries:
    """Like a real run: a steep descent to about 0.023, with a tenth of noise."""
    rng, series = random.Random(seed), LossSeries()
    losses = [(0.0225 + 0.9 * exp(-i / 40) + 0.02 * exp(-i / 800)) * exp(rng.gauss(0, 0.1)) for i in range(1, steps + 1)]
    series.extend(range(1, steps + 1), losses)
    return series


@pytest.mark.parametrize(("log", "rows"), [(False, (0, 8)), (True, (0, 9))])
def test_a_known_value_is_on_its_row(log: bool, rows: tuple[int, int]) -> None:
    """0.1, then 0.01, over ten rows of four dots: from 0 to 0.1, the latter is on dot 4 of 0 … 39, in the second row from below."""
    series = LossSeries()
    series.extend(range(1000), [0.1] * 500 + [0.01] * 500)
    lines = chart(series, View(60, 11, log))
    bright = [[role == "smooth" for text, role in line for _ in text] for line in lines]
    for column, row in zip((20, 50), rows, strict=True):
        assert [y for y in range(10) if bright[y][column]] == [row]


def test_epochs_are_marked_at_their_step_and_value() -> None:
    series = curve(1000)
    series.add_epoch(500, 0.05)
    series.add_epoch(1000, 0.03)
    rows = rows_of(series, View(80, 20, True))
    marks = sorted((row.index("◆"), y) for y, row in enumerate(rows) if "◆" in row)
    assert [round((x - 5) / 75, 1) for x, _ in marks] == [0.5, 1.0]
    assert marks[0][1] < marks[1][1]
    assert any("0.0500" in row for row in rows)
    assert any("0.0300" in row for row in rows)


@pytest.mark.parametrize("size", [(20, 5), (60, 8), (80, 10), (120, 30), (16, 2), (5, 1), (1, 1)])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 2, 5000])
def test_every_size_is_filled_exactly(size: tuple[int, int], log: bool, steps: int) -> None:
    series = curve(steps)
    if steps:
        series.add_epoch(steps, 0.02)
    rows = rows_of(series, View(*size, log))
    assert [len(row) for row in rows] == [size[0]] * size[1]


def test_before_the_first_loss_it_says_so() -> None:
    assert "no loss yet" in "".join(rows_of(LossSeries(), View(40, 6)))
    losses = LossSeries()
    losses.append(1, 0.0)  # nothing that a logarithm could show
    assert "no loss yet" in "".join(rows_of(losses, View(40, 6, True)))


def test_ascii_is_ascii() -> None:
    series = curve(1000)
    series.add_epoch(900, 0.025)
    assert "".join(rows_of(series, View(60, 12, braille=False))).isascii()


def test_one_wild_loss_does_not_flatten_the_rest() -> None:
    series = curve(4000)
    series.append(4001, 1e9)
    assert rows_of(series, View(80, 12))[0].lstrip().startswith("1.0")


def test_a_linear_scale_reaches_the_first_losses() -> None:
    """They are the highest, twenty times as high as the last ones."""
    series = curve(4000)
    rows = rows_of(series, View(80, 12))
    first = max(series.between(1, 20).high, 0.0)
    top = next(float(row.partition("┤")[0]) for row in rows if "┤" in row)
    assert top >= 0.8 * first
    assert any(char != " " for char in rows[0][rows[0].index("│") + 1 if "│" in rows[0] else rows[0].index("┤") + 1 :])


@pytest.mark.parametrize("log", [False, True])
def test_a_logarithmic_scale_says_so(log: bool) -> None:
    assert rows_of(curve(500), View(80, 12, log))[-1].lstrip().startswith("log") == log
