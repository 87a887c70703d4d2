"""A thousand runs beside one: how long searching and listing them takes, and the list on the Train screen.

    python benchmarks/many_runs.py
    python benchmarks/many_runs.py --runs 100      # a quick look

The runs are made in a temporary DIGITTY_HOME, each with 300 logged steps. `search` looks for runs that other processes train, which an idle screen
does every twenty seconds; its time is the processor's. `opened` is from F5 to the numbers of the newest run, `listed` from v to the names of the
runs, `described` until each has its line of facts; all in the application on a 120×40 screen without a terminal, whose engine never starts.
`held up` is the longest that its event loop did nothing else meanwhile. Memory is the peak less that with one run.
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
from collections.abc import Iterator
from pathlib import Path

from memory import MB, peak
from open_long_run import SIZE, Numbers, longest_hold, make, shown, until
from textual.events import Key
from textual.widgets import OptionList

from engine.jobs.jobs import Jobs
from engine.protocol.events import Event
from tui.app import DigittyApp
from tui.dialogs.runs import RunsDialog
from tui.runs.progress import find_training

STEPS = 300


class Idle(Jobs):
    """Jobs without an engine."""

    def warm_up(self) -> Iterator[Event]:
        yield from ()


def measure(runs: int) -> Numbers:
    find_training()
    start = time.process_time()
    find_training()
    return {"search": time.process_time() - start, **asyncio.run(in_app(runs)), "peak": peak() / MB}


async def in_app(runs: int) -> Numbers:
    app = DigittyApp(Idle())
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(0.5)
        held = asyncio.create_task(longest_hold())
        start = time.perf_counter()
        app.post_message(Key("f5", None))  # a pilot's press waits for an idle process
        await until(lambda: f"step {STEPS}/" in shown(app))
        opened, start = time.perf_counter() - start, time.perf_counter()
        app.post_message(Key("v", "v"))
        await until(lambda: len(lines(app)) == runs)
        listed = time.perf_counter() - start
        await until(lambda: all(f" {STEPS}/" in line for line in lines(app)))
        described = time.perf_counter() - start
        held.cancel()
        return {"opened": opened, "listed": listed, "described": described, "held up": await held}


def lines(app: DigittyApp) -> list[str]:
    """Those of the list of runs; none while it is not open."""
    found = app.screen.query(OptionList) if isinstance(app.screen, RunsDialog) else ()
    return [str(option.prompt) for options in found for option in options.options]


def measured(home: Path, runs: int) -> Numbers:
    command = [sys.executable, __file__, "--case", str(runs)]
    told = subprocess.run(command, env={**os.environ, "DIGITTY_HOME": str(home)}, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: Numbers = json.loads(told.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(measure(given.case)))
        return
    names = ("search", "opened", "listed", "described", "held up")
    print(f"{'runs':>6}" + "".join(f"{name:>12}" for name in names) + f"{'memory':>10}")
    base = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for runs in (1, given.runs):
            home = Path(folder, str(runs))
            os.environ["DIGITTY_HOME"] = str(home)
            for i in range(runs):
                make(f"run-{i}", STEPS)
            found = measured(home, runs)
            base = base or found["peak"]
            print(f"{runs:>6}" + "".join(f"{found[name]:>10.3f} s" for name in names) + f"{found['peak'] - base:>7.0f} MB", flush=True)


if __name__ == "__main__":
    main()
