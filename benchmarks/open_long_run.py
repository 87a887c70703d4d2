"""A run of a million logged steps opened: how soon its numbers show, how soon all is read, what that holds up, and what it takes in memory.

    python benchmarks/open_long_run.py
    python benchmarks/open_long_run.py --steps 100000      # a quick look

The run is made in a temporary DIGITTY_HOME: a line a step, one an epoch, a save every ten epochs, and one crash in the middle that it went on
from. It is opened twice, each time in a process of its own, beside a run of one step: by `RunHistory` alone, and in the application on a
120×40 screen without a terminal, whose engine never starts. Times are of the wall clock and start with opening: the RunHistory made, F5 pressed.
`held up` is the longest that one `update` took, in the application the longest that its event loop did nothing else. A line is then
appended as by a trainer elsewhere, five times. Memory is the peak (VmHWM, else getrusage) less that of the run of one step.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from memory import MB, peak
from textual.events import Key

from engine.config.compute import ComputeInfo
from engine.config.serialize import with_changes
from engine.config.training import PRESETS
from engine.jobs.jobs import Jobs
from engine.protocol.events import Event
from engine.runs.manage import create_run
from engine.runs.metrics_log import encode
from engine.runs.run import Run, find_run
from tui.app import DigittyApp
from tui.render.loss_plot import View, chart
from tui.runs.history import RunHistory
from tui.screens.train import TrainScreen
from tui.widgets.loss_chart import LossChart

SIZE = (120, 40)
APPENDED = 5
Numbers = dict[str, float]


def make(name: str, steps: int) -> int:
    """A run that logged so many steps, and nothing else of a run. Returns the bytes of its metrics."""
    per_epoch = PRESETS["seed"].steps_per_epoch
    run = create_run(name, with_changes(PRESETS["seed"], epochs=2 + steps // per_epoch), ComputeInfo("cpu", "fp32", "contiguous"))
    crash, back = steps // 2, steps // 2 - steps // 100
    with run.metrics_path.open("wb") as file:
        file.write(encode({"event": "started", "step": 0, "time": 0.0}))
        for step in [*range(1, crash + 1), *range(back + 1, steps + 1)]:
            file.write(encode(record(step)))
            if step % per_epoch == 0:
                file.write(encode({"epoch": step // per_epoch, "step": step, "average": 0.02 + 1 / step, "seconds": 58.125, "best": True}))
            if step % (10 * per_epoch) == 0:
                file.write(encode({"event": "saved", "step": step, "time": step / 8}))
            if step == crash:
                file.write(encode({"event": "started", "step": back, "time": step / 8}))
                crash = 0  # once
        return file.tell()


def record(step: int) -> dict[str, Any]:
    """What a trainer writes of a step; the loss has all its digits."""
    return {"step": step, "loss": 0.02 + 0.9 / step + (step * 2654435761 % 2**32) / 2**38, "lr": 1e-3, "rate": 8.1234, "time": 1.76e9 + step / 8}


# --- the cases, each in its own process -------------------------------------------------------------------------------


def by_story(run: Run, steps: int) -> Numbers:
    start = time.perf_counter()
    history = RunHistory(run)
    slices = [timed(history.update)]
    assert history.now.step == steps
    newest = time.perf_counter() - start
    while history.behind:
        slices.append(timed(history.update))
    whole = time.perf_counter() - start
    drawn = max(timed(lambda: chart(history.series, View(*SIZE, log, window))) for log in (False, True) for window in (None, 300, 100_000))  # noqa: B023
    lags = []
    for step in range(steps + 1, steps + 1 + APPENDED):
        append(run, step)
        lags.append(timed(history.update))
        assert history.now.step == step
    return {"newest": newest, "whole": whole, "held up": max(slices), "drawn": drawn, "appended": max(lags)}


def in_app(run: Run, steps: int) -> Numbers:
    class Idle(Jobs):
        def warm_up(self) -> Iterator[Event]:
            yield from ()

    async def opened() -> Numbers:
        app = DigittyApp(Idle())
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause(0.5)
            held = asyncio.create_task(longest_hold())
            start = time.perf_counter()
            app.post_message(Key("f5", None))  # a pilot's press waits for an idle process
            await until(lambda: f"step {steps}/" in shown(app))
            newest = time.perf_counter() - start
            await until(lambda: whole_shown(app))
            whole = time.perf_counter() - start
            held.cancel()
            lags = []
            for step in range(steps + 1, steps + 1 + APPENDED):
                await asyncio.sleep(0.13)  # so that the screen's own looks fall anywhere
                append(run, step)
                start = time.perf_counter()
                await until(lambda step=step: f"step {step}/" in shown(app))
                lags.append(time.perf_counter() - start)
            return {"newest": newest, "whole": whole, "held up": await held, "appended": max(lags)}

    return asyncio.run(opened())


def append(run: Run, step: int) -> None:
    with run.metrics_path.open("ab") as file:
        file.write(encode(record(step)))


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


async def longest_hold() -> float:
    """Until it is cancelled: the longest that the event loop kept others waiting."""
    longest = 0.0
    try:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - start)
    except asyncio.CancelledError:
        return longest


def shown(app: DigittyApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def whole_shown(app: DigittyApp) -> bool:
    history = app.screen.history if isinstance(app.screen, TrainScreen) else None
    return history is not None and not history.behind and app.screen.query_one(LossChart).is_current


async def until(seen: Callable[[], bool]) -> None:
    while not seen():
        await asyncio.sleep(0.01)


def measured(case: str, home: Path) -> Numbers:
    command = [sys.executable, __file__, "--case", case]
    told = subprocess.run(command, env={**os.environ, "DIGITTY_HOME": str(home)}, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: Numbers = json.loads(told.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--case", choices=["history", "app"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        run = find_run("one")
        found = (by_story if given.case == "history" else in_app)(run, run.step())
        print(json.dumps({**found, "peak": peak() / MB}))
        return

    with tempfile.TemporaryDirectory() as folder:
        homes = {steps: Path(folder, str(steps)) for steps in (1, given.steps)}
        for steps, home in homes.items():
            os.environ["DIGITTY_HOME"] = str(home)
            size = make("one", steps)
        print(f"{given.steps} steps in {size / MB:.0f} MB")
        print(f"{'':<8}{'newest':>10}{'whole':>10}{'held up':>10}{'appended':>10}{'memory':>10}")
        for case in ("history", "app"):
            short, long = (measured(case, home) for home in homes.values())
            times = "".join(f"{long[name]:>8.3f} s" for name in ("newest", "whole", "held up", "appended"))
            print(f"{case:<8}{times}{long['peak'] - short['peak']:>7.0f} MB", flush=True)
            if "drawn" in long:
                print(f"        one redraw of the chart: {long['drawn'] * 1000:.0f} ms at most, that of one step {short['drawn'] * 1000:.0f} ms")


if __name__ == "__main__":
    main()
