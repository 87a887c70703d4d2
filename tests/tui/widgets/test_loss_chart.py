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
