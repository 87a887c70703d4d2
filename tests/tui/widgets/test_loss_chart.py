"""The chart sends only the lines that changed."""

from __future__ import annotations

import random
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip

from tui.runs.loss_series import LossSeries
from tui.terminal.capabilities import Terminal
from tui.widgets.loss_chart import LossChart


def random_series(steps: int) -> LossSeries:
    rng, series = random.Random(4), LossSeries()
    series.extend(range(1, steps + 1), [rng.uniform(0.02, 0.03) for _ in range(steps)])
    return series


class Recorder(LossChart):
    """Records the lines that Textual is told to send."""

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
    view = Recorder(Terminal(), random_series(2000), window=500)
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
        view.series = random_series(3)
        assert "◆" not in "".join(line.text for line in view.lines)
        view.series.add_epoch(3, 0.2)
        view.update()
        assert "◆" in "".join(line.text for line in view.lines)
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert {line.cell_length for line in view.lines} == {120}


async def test_the_mouse_and_keys_move_a_line_over_the_chart() -> None:
    view = Recorder(Terminal(), random_series(2000))
    view.time_of = lambda step: "22:41:07"
    async with Page(view).run_test(size=(80, 24)) as pilot:

        def readout() -> str:
            return view.lines[-1].text.strip()

        await pilot.hover(offset=(40, 5))
        await pilot.pause()
        assert view.cursor is not None
        step, loss = view.series.nearest(view.cursor) or (0, 0.0)
        assert f"step {step:,}  loss {loss:.4f}  smoothed 0.02" in readout()
        assert "22:41:07" in readout()
        Recorder.sent = []
        view.update()
        assert Recorder.sent == [], "an idle line sends nothing"
        before = view.lines
        view.move_cursor(1)
        differing = [y for y, (was, now) in enumerate(zip(before, view.lines, strict=True)) if was != now]
        assert {y for region in Recorder.sent for y in region.line_range} == set(differing)
        pinned = view.cursor
        await pilot.hover(offset=(10, 5))
        await pilot.pause()
        assert view.cursor == pinned, "keys hold it against the mouse"
        view.hide_cursor()
        assert "step" not in readout()
        await pilot.click(offset=(20, 5))
        await pilot.hover(offset=(60, 5))
        await pilot.pause()
        assert view._drawing.column_of(view.cursor or 0) == 20, "a click holds it"
        await pilot.click(offset=(30, 5))
        await pilot.hover(offset=(60, 5))
        await pilot.pause()
        assert view._drawing.column_of(view.cursor or 0) == 60, "and lets it go"


async def test_the_line_stays_at_its_step_while_the_chart_grows() -> None:
    view = Recorder(Terminal(), random_series(1000))
    async with Page(view).run_test(size=(80, 24)):
        view.move_cursor(-1)
        view.move_cursor(-30)
        step = view.cursor
        view.series.extend(range(1001, 2001), [0.02] * 1000)
        view.update()
        assert view.cursor == step
        for _ in range(300):
            view.move_cursor(-1)
        assert view.cursor is not None
        assert view._drawing.column_of(view.cursor) == view._drawing.gutter, "it stops at the first step"
