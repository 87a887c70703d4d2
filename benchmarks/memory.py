"""Peak resident memory above that of `import torch` alone: drawing 16 digits, and training at batch 128, which must stay flat. And the screen's.

    python benchmarks/memory.py
    python benchmarks/memory.py --steps 4 --every 1      # a quick look

Each case is a process of its own in one temporary DIGITTY_HOME that all share: so the first drawing, and the training, also measure
precisions (and unpack MNIST), and the second drawing finds that done. Peaks are VmHWM where there is /proc, else getrusage.
Training is the preset `seed` with its previews and a save at the end; its resident size is noted every few steps. Growth
compares the medians of the second quarter and of the last. The screen, without torch, goes from tab to tab, and draws again and again
(made-up pictures); its resident size must stay flat, too.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

MB = 2**20


def peak() -> int:
    """Bytes: the most that was ever resident of this process."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def resident() -> int:
    """Bytes; where there is no /proc, the most that ever was."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return peak()


# --- the cases, each in its own process -------------------------------------------------------------------------------


def torch_alone() -> list[tuple[int, int]]:
    import torch  # noqa: F401

    return []


def draw(count: int) -> list[tuple[int, int]]:
    from engine.jobs.jobs import Jobs
    from engine.protocol.requests import DrawRequest

    for _ in Jobs("cpu").draw(DrawRequest(tuple(i % 10 for i in range(count)))):
        pass
    return []


def train(steps: int, every: int) -> list[tuple[int, int]]:
    """(step, bytes resident) every few steps."""
    from engine.config.training import TrainConfig
    from engine.jobs.jobs import Jobs
    from engine.protocol.events import TrainStep
    from engine.protocol.requests import TrainRequest

    seen: list[tuple[int, int]] = []
    for event in Jobs("cpu").train(TrainRequest(TrainConfig(steps=steps))):
        if isinstance(event, TrainStep) and event.step >= (seen[-1][0] if seen else 0) + every:
            seen.append((event.step, event.memory))
    return seen


def screen(keys: tuple[str, ...], count: int) -> list[tuple[int, int]]:
    """(key presses, bytes resident) while the screen gets these keys, over and over."""
    from prerecorded_jobs import FakeJobs
    from textual import events

    from tui.app import DigittyApp

    seen: list[tuple[int, int]] = []

    async def used() -> None:
        app = DigittyApp(FakeJobs())
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("f2", "f3", "f4", "f5", "f3")
            for pressed in range(count + 1):
                if pressed % max(1, count // 20) == 0:
                    gc.collect()
                    seen.append((pressed, resident()))
                app.post_message(events.Key(keys[pressed % len(keys)], None))
                for pump in (app, app.screen):
                    done = asyncio.Event()
                    pump.call_later(done.set)
                    await done.wait()
        app.studio.worker.close(10)

    asyncio.run(used())
    return seen


def run(case: str, home: str, given: argparse.Namespace) -> tuple[int, list[tuple[int, int]]]:
    """A case's peak, and what it noted on the way."""
    options = {"steps": given.steps, "every": given.every, "images": given.images, "keys": given.keys}
    command = [sys.executable, __file__, "--case", case, *(f"--{name}={value}" for name, value in options.items())]
    told = subprocess.run(command, env={**os.environ, "DIGITTY_HOME": home}, stdout=subprocess.PIPE, text=True, check=True).stdout
    most, seen = json.loads(told.splitlines()[-1])
    return most, seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--steps", type=int, default=200, help="of training; at about a second each on two CPU cores")
    parser.add_argument("--every", type=int, default=5, help="steps between notes of the resident size")
    parser.add_argument("--keys", type=int, default=1000, help="pressed on the screen")
    parser.add_argument("--case", choices=["torch", "draw", "train", "tabs", "again"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    cases = {
        "torch": torch_alone,
        "draw": lambda: draw(given.images),
        "train": lambda: train(given.steps, given.every),
        "tabs": lambda: screen(("f2", "f3", "f4", "f5"), given.keys),
        "again": lambda: screen(("r",), given.keys),
    }
    if given.case:
        seen = cases[given.case]()
        print(json.dumps([peak(), seen]))
        return

    with tempfile.TemporaryDirectory() as home:
        alone, _ = run("torch", home, given)
        print(f"{'case':<32}{'peak MB':>9}{'above torch':>13}")
        print(f"{'import torch':<32}{alone / MB:>9.0f}")
        for case, words in (("draw", f"draw {given.images}, first"), ("draw", f"draw {given.images}"), ("train", f"train {given.steps} steps")):
            most, seen = run(case, home, given)
            print(f"{words:<32}{most / MB:>9.0f}{(most - alone) / MB:>13.0f}", flush=True)
        for case, words in (("tabs", "screen switches"), ("again", "presses of r on Generate")):
            _, noted = run(case, home, given)
            (_, first), (_, last) = noted[len(noted) // 4], noted[-1]
            sizes = f"{first / MB:.0f} MB after a quarter, {last / MB:.0f} MB at the end ({(last - first) / MB:+.1f})"
            print(f"{noted[-1][0]} {words}: {sizes}", flush=True)
    shown = seen[:: max(1, len(seen) // 10)]
    print("resident while training, MB above torch: " + "  ".join(f"{step}: {(size - alone) / MB:.0f}" for step, size in shown))
    if len(seen) >= 8:
        quarter = len(seen) // 4
        early, late = median(size for _, size in seen[quarter : 2 * quarter]), median(size for _, size in seen[-quarter:])
        print(f"growth from the second quarter to the last: {(late - early) / MB:+.1f} MB")


if __name__ == "__main__":
    main()
