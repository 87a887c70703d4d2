"""The screen in the terminal's own colours, or in none at all."""

from __future__ import annotations

from typing import cast

import pytest
from fakes import FakeJobs
from rich.style import Style

from engine.jobs.jobs import Jobs
from tui.app import DigittyApp
from tui.settings.ansi_themes import NAMES
from tui.terminal.capabilities import ColorDepth, Terminal


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("color", [ColorDepth.COLORS_16, ColorDepth.NONE])
async def test_highlights_show_and_no_color_is_sent_that_there_is_not(color: ColorDepth, light: bool) -> None:
    app = DigittyApp(cast(Jobs, FakeJobs()), Terminal(color, light=light))
    async with app.run_test() as pilot:
        assert app.theme == NAMES[light]
        assert set(app.available_themes) == set(NAMES)
        await pilot.press("escape", "w")
        await pilot.pause()
        lines = {strip.text: [segment.style or Style() for segment in strip] for strip in app.screen._compositor.render_strips()}
        if color is ColorDepth.NONE:
            assert all(style.color is None and style.bgcolor is None for styles in lines.values() for style in styles)
        else:
            colors = [c for styles in lines.values() for style in styles for c in (style.color, style.bgcolor) if c]
            assert all(c.is_default or c.is_system_defined for c in colors), "the terminal's palette decides"
        (highlighted,) = (styles for text, styles in lines.items() if "the weights that come with digitty" in text)
        (plain,) = (styles for text, styles in lines.items() if "Draw with" in text)
        assert any(style.reverse or (style.bgcolor and not style.bgcolor.is_default) for style in highlighted)
        assert not any(style.reverse or (style.bgcolor and not style.bgcolor.is_default) for style in plain)
    assert app.studio.finish(10)
    assert app.studio.worker.close(10)
