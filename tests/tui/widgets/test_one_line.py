"""Widgets of one line: too long a text ends in an ellipsis. Were it wrapped, its last words would be lost on a line that is never shown."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.widget import Widget

from tui.widgets.fact_line import Fact, FactLine
from tui.widgets.job_bar import JobBar
from tui.widgets.slider import Slider

WORDS = "these words are too many for a narrow screen"


def job_bar() -> JobBar:
    bar = JobBar()
    bar.words = WORDS
    return bar


def fact_line() -> FactLine:
    line = FactLine()
    line.facts = (Fact(WORDS),)
    return line


def slider() -> Slider:
    rail = Slider("t")
    rail.words = WORDS
    return rail


@pytest.mark.parametrize("make", [job_bar, fact_line, slider])
async def test_too_long_a_text_ends_in_an_ellipsis(make: type[Widget]) -> None:
    class Shown(App[None]):
        def compose(self) -> ComposeResult:
            yield make()

    async with Shown().run_test(size=(28, 4)) as pilot:
        line = pilot.app.query_one(make.__name__.title().replace("_", "")).render_line(0).text
        assert line.rstrip().endswith("…")
        assert len(line.rstrip()) >= 26
