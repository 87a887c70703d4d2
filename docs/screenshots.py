"""Makes the pictures of the four screens from the real screen and the real engine: `python docs/screenshots.py [RUN]`.

RUN is the folder of a run, for the picture of the Train screen; without it that picture stays as it is. Settings, keys and history of the
person who runs this play no part: the screen opens in an empty folder. Writes docs/*.svg; prompt.svg moves.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from animated_svg import Line, animate, cells
from textual.pilot import Pilot

from engine.jobs.jobs import Jobs
from engine.protocol.events import Event, Frame
from engine.protocol.requests import DrawRequest
from engine.storage import paths
from tui.app import DigittyApp

FOLDER = Path(__file__).parent
SIZE = (80, 24)
SLOWED = 0.3
"""Seconds that the engine rests after each step of the denoising, which takes some milliseconds: else one frame is all there is to see."""
TYPING, SKETCH, STEP, RESULT = 0.16, 1.2, 0.16, 3.0
"""Seconds that the picture shows a typed letter, the sketch, a step of the denoising, and the finished digit."""


class SlowedJobs(Jobs):
    """The real jobs, with a frame for each step of a drawing and time to look at it."""

    def draw(self, request: DrawRequest) -> Generator[Event, None, None]:
        for event in super().draw(replace(request, fps=1e6) if request.fps else request):
            yield event
            if isinstance(event, Frame):
                time.sleep(SLOWED)


def moment(app: DigittyApp) -> list[Line]:
    """What the screen shows now."""
    return [cells(strip) for strip in app.screen._compositor.render_strips()]


async def settle(pilot: Pilot[int], app: DigittyApp, seconds: float = 1.0) -> None:
    """Waits until the screen has not changed for so long."""
    shown, since = moment(app), time.monotonic()
    while time.monotonic() - since < seconds:
        await pilot.pause(0.05)
        if (now := moment(app)) != shown:
            shown, since = now, time.monotonic()


async def film_prompt() -> str:
    """Type `seven`, watch the sketch and then the digit come out of noise."""
    app = DigittyApp(jobs=SlowedJobs())
    moments: list[list[Line]] = []
    seconds: list[float] = []
    async with app.run_test(size=SIZE) as pilot:
        while not app.studio.ready:
            await pilot.pause(0.1)
        await settle(pilot, app)
        for key in ("", *"seven"):
            if key:
                await pilot.press(key)
            await settle(pilot, app, 0.5)
            moments.append(moment(app))
            seconds.append(TYPING)
        seconds[0], seconds[-1] = 4 * TYPING, SKETCH
        await pilot.press("enter")
        quiet = time.monotonic()
        while time.monotonic() - quiet < 3 * SLOWED:
            await pilot.pause(0.02)
            if (now := moment(app)) != moments[-1]:
                moments.append(now)
                seconds.append(STEP)
                quiet = time.monotonic()
        seconds[-1] = RESULT
    app.studio.worker.close(10)
    return animate(moments, seconds, "digitty: seven is typed on the Prompt screen, and a seven comes out of noise")


async def photograph(run: Path | None) -> dict[str, str]:
    """The other screens, as SVG."""
    pictures = {}
    app = DigittyApp()
    async with app.run_test(size=SIZE) as pilot:
        while not app.studio.ready:
            await pilot.pause(0.1)
        for key, name in (("f3", "generate"), ("f4", "grid"), ("f5", "train")):
            if name == "train" and run is None:
                continue
            await pilot.press(key, *(["enter"] if name == "generate" else []))
            await settle(pilot, app)
            pictures[name] = animate([moment(app)], [1], f"digitty: the {name.title()} screen")
    app.studio.worker.close(10)
    return pictures


def main(run: Path | None) -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["DIGITTY_HOME"] = home
        if run:
            shutil.copytree(run, paths.runs_dir() / run.name)
        pictures = {"prompt": asyncio.run(film_prompt()), **asyncio.run(photograph(run))}
    for name, svg in pictures.items():
        (FOLDER / f"{name}.svg").write_text(svg)
        print(f"docs/{name}.svg: {len(svg.encode()) / 1000:.0f} KB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
