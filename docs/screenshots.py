"""Makes the pictures of all screens, at two sizes, from the real screen and the real engine: `python docs/screenshots.py [--only NAME] [RUN …]`.

Each RUN is the folder of a finished run: Train shows the first one, and Compare all of them, best two. Without a run the pictures of these two
screens stay as they are. --only NAME makes only the pictures whose names begin with NAME; it may be repeated. Settings, keys, pictures and
history of the person who runs this play no part: the screen opens in an empty folder.
Writes docs/*.svg; prompt.svg moves. Those of the larger size are named such as grid-large.svg.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from animated_svg import WIDTH, Line, animate, cells
from textual.pilot import Pilot

from engine.jobs.jobs import Jobs
from engine.protocol.events import Event, Frame
from engine.protocol.requests import DrawRequest
from engine.storage import paths
from tui.app import DigittyApp
from tui.settings.keymap import FIRST_KEY, SCREEN_NAMES

FOLDER = Path(__file__).parent
SIZES = {"": (80, 24), "-large": (120, 40)}
"""The end of a picture's name, and the columns and rows of its screen."""
KEYS = {"generate": ("enter",), "compare": (), "how": ("tab",)}
"""What is pressed on a screen before its picture is taken."""
FOR_GALLERY = ("seven", "3 1 4", "0-9", "two eights", "random", "five")
"""Prompts whose pictures are saved for Gallery, the oldest first."""
NEED_RUNS = ("train", "compare")
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
    """Waits until the engine is idle and the screen has not changed for so long."""
    shown, since = moment(app), time.monotonic()
    while app.studio.router.activities or time.monotonic() - since < seconds:
        await pilot.pause(0.05)
        if (now := moment(app)) != shown:
            shown, since = now, time.monotonic()


async def until_ready(pilot: Pilot[int], app: DigittyApp) -> None:
    while not app.studio.ready:
        await pilot.pause(0.1)


async def film_prompt() -> str:
    """Type `seven`, watch the sketch and then the digit come out of noise."""
    app = DigittyApp(jobs=SlowedJobs())
    moments: list[list[Line]] = []
    seconds: list[float] = []
    async with app.run_test(size=SIZES[""]) as pilot:
        await until_ready(pilot, app)
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
        while app.studio.router.activities or time.monotonic() - quiet < 3 * SLOWED:
            await pilot.pause(0.02)
            if (now := moment(app)) != moments[-1]:
                moments.append(now)
                seconds.append(STEP)
                quiet = time.monotonic()
        seconds[-1] = RESULT
    app.studio.worker.close(10)
    return animate(moments, seconds, "digitty: seven is typed on the Prompt screen, and a seven comes out of noise")


async def save_pictures() -> None:
    """Draw and save what Gallery will show."""
    app = DigittyApp()
    async with app.run_test(size=SIZES[""]) as pilot:
        await until_ready(pilot, app)
        for prompt in FOR_GALLERY:
            await pilot.press(*(key if key.isalnum() else {" ": "space", "-": "minus"}[key] for key in prompt), "enter")
            await settle(pilot, app, 0.5)
            await pilot.press("ctrl+s")
            await settle(pilot, app, 0.5)
    app.studio.worker.close(10)


async def photograph(names: Sequence[str], end: str) -> dict[str, str]:
    """These screens at one size, as SVG."""
    pictures = {}
    app = DigittyApp()
    async with app.run_test(size=SIZES[end]) as pilot:
        await until_ready(pilot, app)
        for name in names:
            await pilot.press(f"f{FIRST_KEY + SCREEN_NAMES.index(name)}")
            await settle(pilot, app)
            if name == "prompt":
                await pilot.press(*"seven")
                await settle(pilot, app)
                await pilot.press("enter")
            await pilot.press(*KEYS.get(name, ()))
            await settle(pilot, app, 2.0)
            pictures[name + end] = animate([moment(app)], [1], f"digitty: the {name.title()} screen")
    app.studio.worker.close(10)
    return pictures


def without_home(svg: str, home: str) -> str:
    """The picture with ~/digitty in place of the temporary folder that its texts name."""

    def shorten(text: re.Match[str]) -> str:
        words = text[3].replace(home, "~/digitty")
        return f'textLength="{WIDTH * len(words)}"{text[2]}{words}'

    return re.sub(rf'textLength="(\d+)"([^>]*>)([^<]*{re.escape(home)}[^<]*)', shorten, svg)


def main(runs: Sequence[Path], only: Sequence[str]) -> None:
    wanted = tuple(only) or SCREEN_NAMES
    with tempfile.TemporaryDirectory() as home:
        os.environ["DIGITTY_HOME"] = home
        for run in runs:
            shutil.copytree(run, paths.runs_dir() / run.name)
        names = [name for name in SCREEN_NAMES if runs or name not in NEED_RUNS]
        pictures = {}
        if "prompt".startswith(wanted):
            pictures["prompt"] = asyncio.run(film_prompt())
        if any(f"gallery{end}".startswith(wanted) for end in SIZES):
            asyncio.run(save_pictures())
        for end in SIZES:
            pictures |= asyncio.run(photograph([name for name in names if (name + end).startswith(wanted) and (name != "prompt" or end)], end))
    for name, svg in pictures.items():
        (FOLDER / f"{name}.svg").write_text(without_home(svg, home))
        print(f"docs/{name}.svg: {len(svg.encode()) / 1000:.0f} KB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    chosen = parser.parse_args()
    main(chosen.runs, chosen.only)
