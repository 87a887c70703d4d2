"""The chart puts values where they belong, and a million points stay cheap and true."""

from __future__ import annotations

import random
from math import exp, inf, nan
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip

from tui.braille import Canvas, Scale, axis, count_label, labels, nice_step
from tui.terminal import Terminal
from tui.widgets.loss_chart import LossChart
from tui.widgets.loss_plot import View, chart
from tui.widgets.loss_series import LossSeries, columns, smooth

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


def test_a_million_points_take_bounded_room_and_keep_their_extremes() -> None:
    rng = random.Random(11)
    losses = [rng.random() for _ in range(1_000_000)]
    series = LossSeries()
    series.extend(enumerate(losses, 1))
    assert series.size <= 4096 + 2048
    whole = series.points()
    assert sum(bucket.count for bucket in whole) == 1_000_000
    assert (min(bucket.low for bucket in whole), max(bucket.high for bucket in whole)) == (min(losses), max(losses))
    assert sum(bucket.total for bucket in whole) == pytest.approx(sum(losses))
    for bucket in whole[:: len(whole) // 7]:
        part = losses[bucket.first - 1 : bucket.last]
        assert (bucket.count, bucket.low, bucket.high) == (len(part), min(part), max(part))
        assert bucket.mean == pytest.approx(sum(part) / len(part))
    recent = series.points(500)
    assert [(point.first, point.mean) for point in recent] == [(step, losses[step - 1]) for step in range(999_501, 1_000_001)]


def test_a_window_longer_than_what_is_kept_comes_from_the_buckets() -> None:
    series = LossSeries(recent=16, buckets=32)
    series.extend((step, float(step)) for step in range(1000))
    points = series.points(200)
    assert points[-1].last == 999
    assert 750 < points[0].first <= 800
    assert len(points) < 16


def test_what_is_not_finite_is_left_out() -> None:
    series = LossSeries()
    series.extend([(1, nan), (2, 0.5), (3, inf), (4, -inf), (5, 0.25)])
    series.add_epoch(5, nan)
    assert [(point.first, point.mean) for point in series.points()] == [(2, 0.5), (5, 0.25)]
    assert not series.epochs


def test_going_back_to_a_save_forgets_what_came_after_it() -> None:
    series = LossSeries()
    series.extend((step, 1.0) for step in range(100))
    series.add_epoch(49, 1.0)
    series.add_epoch(99, 1.0)
    series.extend((step, 2.0) for step in range(60, 80))
    assert [point.first for point in series.points()] == list(range(80))
    assert [point.mean for point in series.points()] == [1.0] * 60 + [2.0] * 20
    assert series.epochs == [(49, 1.0)]


def test_steps_may_be_far_apart() -> None:
    series = LossSeries(recent=4, buckets=8)
    series.extend((step**3, 1.0) for step in range(200))
    assert len(series.buckets) <= 8
    assert sum(bucket.count for bucket in series.buckets) == 200


def test_columns_merge_neighbours() -> None:
    series = LossSeries()
    series.extend((step, float(step)) for step in range(100))
    merged = columns(series.points(), 10, 0, 99)
    assert [(x, bucket.low, bucket.mean, bucket.high) for x, bucket in merged] == [(x, 10 * x, 10 * x + 4.5, 10 * x + 9) for x in range(10)]
    assert [point.count for point in series.points()] == [1] * 100, "the series itself is untouched"


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
    series.extend((i, (0.0225 + 0.9 * exp(-i / 40) + 0.02 * exp(-i / 800)) * exp(rng.gauss(0, 0.1))) for i in range(1, steps + 1))
    return series


@pytest.mark.parametrize(("log", "rows"), [(False, (0, 8)), (True, (0, 9))])
def test_a_known_value_is_on_its_row(log: bool, rows: tuple[int, int]) -> None:
    """0.1, then 0.01, over ten rows of four dots: from 0 to 0.1, the latter is on dot 4 of 0 … 39, in the second row from below."""
    series = LossSeries()
    series.extend((step, 0.1 if step < 500 else 0.01) for step in range(1000))
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


async def test_data_can_be_replaced_and_a_resize_draws_again() -> None:
    view = Recorder(Terminal())
    async with Page(view).run_test(size=(80, 24)) as pilot:
        assert "no loss yet" in "".join(line.text for line in view.lines)
        view.set_data([1, 2, 3], [0.3, 0.2, 0.1], [(3, 0.2)])
        assert "◆" in "".join(line.text for line in view.lines)
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert {line.cell_length for line in view.lines} == {120}
        with pytest.raises(ValueError, match="zip"):
            view.set_data([1, 2], [0.5])
