"""Makes the README's pictures of the four screens: `python docs/screenshots.py RUN`, with the real engine and a real run.

Run it where DIGITTY_HOME (or the usual folder) holds the run RUN; it writes docs/*.svg.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from textual.pilot import Pilot

from engine.protocol.events import DrawDone
from engine.runs.run import find_run
from tui.app import DigittyApp
from tui.screens.drawing import DrawScreen
from tui.screens.train import TrainScreen
from tui.widgets.answer import Answer

FOLDER = Path(__file__).parent
SIZE = (80, 24)


async def finished(pilot: Pilot[int], app: DigittyApp) -> DrawDone:
    """Waits for the drawing that the screen has under way."""
    while True:
        await pilot.pause(0.05)
        screen = app.screen
        answers = [answer for answer in screen.query(Answer) if not answer.has_class("sketch")]
        done = screen.done if isinstance(screen, DrawScreen) else answers[-1].done if answers else None
        if done is not None:
            await pilot.pause(0.2)
            return done


def save(app: DigittyApp, name: str) -> None:
    """An SVG without the fonts that it would fetch."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", app.export_screenshot(title=f"digitty · {name}"), flags=re.DOTALL)
    (FOLDER / f"{name}.svg").write_text(svg)


async def main(run: str) -> None:
    app = DigittyApp()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press(*"seven", "enter")
        await finished(pilot, app)
        save(app, "prompt")
        await pilot.press("f3", "enter")
        await finished(pilot, app)
        save(app, "generate")
        await pilot.press("f4")
        await finished(pilot, app)
        save(app, "grid")
        await pilot.press("f5")
        await pilot.pause(0.5)
        assert isinstance(app.screen, TrainScreen)
        app.screen._show(find_run(run))
        await pilot.pause(0.5)
        save(app, "train")
    app.worker.close(10)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
