"""The chart puts values where they belong, and a million points stay cheap and true."""

from __future__ import annotations

import random
import tracemalloc
from itertools import accumulate
from math import exp, inf, nan
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip

from tui.render.braille import Canvas, Scale, axis, count_label, labels, nice_step
from tui.render.loss_plot import View, chart
from tui.runs.loss_series import BLOCK, Bucket, LossSeries, smooth
from tui.terminal.capabilities import Terminal
from tui.widgets.loss_chart import LossChart

# --- dots and axes ----------------------------------------------------------------------------------------------------


def test_dots_are_unicode_s_braille() -> None:
    """Unicode's names list the dots: 1 2 3 7 down the left side, 4 5 6 8 down the right."""
    order = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
    for number, (x, y) in enumerate(order):
        canvas = Canvas(1, 1)
        canvas.dot(x, y)
        assert canvas.char(0, 0) == chr(0x2800 + (1 << number))
    assert Canvas(1, 1).char(0, 0) == ""


def test_a_line_has_no_holes_and_leaves_the_canvas_in_peace() -> None:
    canvas = Canvas(5, 3)
    canvas.line(0, 0, 9, 11)
    assert all(canvas.char(x // 2, y // 4) for x, y in [(0, 0), (9, 11), (4, 5)])
    canvas.line(-100, -100, 100, 100)
    canvas.dot(10, 0)
    canvas.dot(0, 12)


def test_without_braille_upper_and_lower_are_told_apart() -> None:
    canvas = Canvas(3, 1)
    canvas.dot(0, 1)
    canvas.dot(2, 2)
    canvas.line(4, 0, 4, 3)
    assert "".join(canvas.char(x, 0, braille=False) for x in range(3)) == "'.:"


@pytest.mark.parametrize("log", [False, True])
def test_positions_rise_with_the_value(log: bool) -> None:
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


# --- the series -------------------------------------------------------------------------------------------------------


def uneven(count: int, seed: int = 11) -> tuple[list[int], list[float]]:
    """Steps with gaps, and losses for them."""
    rng = random.Random(seed)
    return list(accumulate(rng.choice((1, 1, 1, 10)) for _ in range(count))), [rng.random() for _ in range(count)]


def assert_exact(series: LossSeries, steps: list[int], losses: list[float], count: int, window: int | None = None) -> None:
    """Every column tells what the plain lists tell."""
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
def test_going_back_is_exact(stretches: list[tuple[int, int, bool]], count: int) -> None:
    """However often a run goes back, and whether it says so or not, it is as if what is void had never been."""
    series, plain, rng = LossSeries(), dict[int, float](), random.Random(3)
    for at, length, told in stretches:
        start = min(at, max(plain, default=0))
        plain = {step: loss for step, loss in plain.items() if step <= start}
        stretch = {step: rng.random() for step in range(start + 1, start + 1 + length)}
        if told:
            series.rewind(start)
        series.extend(list(stretch), list(stretch.values()))
        plain |= stretch
    assert series.last == (list(plain.items())[-1] if plain else None)
    if plain:
        assert_exact(series, list(plain), list(plain.values()), count)


def test_a_step_told_again_counts_as_told_last() -> None:
    series = LossSeries()
    for step, loss in zip([1, 2, 3, 4, 2, 3, 3], [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0], strict=True):
        series.append(step, loss)
    assert_exact(series, [1, 2, 3], [1.0, 2.0, 3.0], 3)


def test_between_steps() -> None:
    series = LossSeries()
    series.extend([10, 20, 30], [1.0, 2.0, 4.0])
    assert series.between(10, 29) == Bucket(2, 3.0, 1.0, 2.0)
    assert (series.between(11, 19), series.between(31, 40), series.between(30, 10)) == (None, None, None)


def test_what_is_not_finite_is_left_out() -> None:
    series = LossSeries()
    series.extend([1, 2, 3, 4, 5], [nan, 0.5, inf, -inf, 0.25])
    series.append(6, nan)
    series.add_epoch(5, nan)
    assert_exact(series, [2, 5], [0.5, 0.25], 4)
    assert not series.epochs


def test_going_back_to_a_save_forgets_the_epochs_after_it() -> None:
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


def test_a_logarithm_leaves_out_what_has_none() -> None:
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


# --- the chart --------------------------------------------------------------------------------------------------------


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
    assert rows_of(series, View(80, 12))[0].lstrip().startswith("0.")


class Recorder(LossChart):
    """Notes which lines Textual is told to send."""

    sent: ClassVar[list[Region]] = []

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Recorder:
        Recorder.sent += regions or [self.size.region]
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    @property
    def lines(self) -> list[Strip]:
        return [self.render_line(y) for y in range(self.size.height)]


class Page(App[None]):
    CSS = "Recorder { height: 1fr; }"

    def __init__(self, view: Recorder) -> None:
        super().__init__()
        self.view = view

    def compose(self) -> ComposeResult:
        yield self.view


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_only_what_changed_is_sent(size: tuple[int, int]) -> None:
    view = Recorder(Terminal(), curve(2000), window=500)
    async with Page(view).run_test(size=size):
        before = view.lines
        Recorder.sent = []
        view.update()
        assert Recorder.sent == []  # nothing new
        view.series.append(2001, 0.023)
        view.update()
        differing = {y for y, (was, now) in enumerate(zip(before, view.lines, strict=True)) if was != now}
        assert {y for region in Recorder.sent for y in region.line_range} == differing
        assert differing
        Recorder.sent = []
        view.log_scale = not view.log_scale
        view.window = None
        assert Recorder.sent
        assert all(line.cell_length == size[0] for line in view.lines)


async def test_the_series_can_be_replaced_and_a_resize_draws_again() -> None:
    view = Recorder(Terminal())
    async with Page(view).run_test(size=(80, 24)) as pilot:
        assert "no loss yet" in "".join(line.text for line in view.lines)
        view.series = curve(3)
        assert "◆" not in "".join(line.text for line in view.lines)
        view.series.add_epoch(3, 0.2)
        view.update()
        assert "◆" in "".join(line.text for line in view.lines)
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert {line.cell_length for line in view.lines} == {120}
