"""While a real training runs in the screen: from a key to what it paints, and what the screen costs the training.

    python benchmarks/latency.py
    python benchmarks/latency.py --keys 20 --steps 30 --rounds 1      # a quick look

A terminal of 80×24 that answers at once. Letters are typed on the Prompt screen while a run of the preset `quick` trains in the same process, each
when the one before is seen. The training's steps a second are what its metrics tell (previews are not counted in them), with the Train screen
open, against `digitty train` alone with the same settings, in turn. `sample_overhead.py` does the same for a drawing. Needs an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from prerecorded_jobs import ROOT
from slow_terminal import SlowTerminal
from terminal import environment
from test_screen import train

THREADS = str(len(os.sched_getaffinity(0)))
FIRST = 10
"""Steps that do not count: kernels are built, caches filled."""


def rates(home: Path) -> dict[int, float]:
    """Steps a second at each step, as the run's metrics tell."""
    lines = [line for path in home.rglob("metrics.jsonl") for line in path.read_text().splitlines() if '"rate"' in line and line.endswith("}")]
    return {record["step"]: record["rate"] for record in map(json.loads, lines) if record["step"] > FIRST}


def trained_alone(home: Path, steps: int) -> float:
    command = [sys.executable, "-m", "tui", "train", "--preset", "quick", "--steps", str(steps)]
    env = environment(home, OMP_NUM_THREADS=THREADS)
    subprocess.run(command, env=env, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return median(rates(home).values())


def trained_in_the_screen(home: Path, steps: int, keys: int) -> tuple[float, list[float]]:
    """Steps a second, and the seconds from each key to its letter on the screen."""
    with SlowTerminal([], environment(home, OMP_NUM_THREADS=THREADS), home, rate=1e9) as terminal:
        terminal.sees("Type a digit")
        train(terminal, "100000")
        terminal.until(lambda: max(rates(home), default=0) >= steps, 3600)
        rate = median(rates(home).values())
        terminal.press("f2")
        terminal.sees("Type a digit")
        time.sleep(1)
        row, typed, seconds = len(terminal.lines) - 2, "", list[float]()
        for k in range(keys):
            typed += "abcdefghij"[k % 10]
            start = time.perf_counter()
            terminal.type(typed[-1])
            while terminal.lines[row].strip() != typed:
                if time.perf_counter() - start > 60:
                    raise SystemExit(f"never seen:\n{terminal.text}")
                time.sleep(0.001)
            seconds.append(time.perf_counter() - start)
            time.sleep(0.15)
            if len(typed) == 10:
                terminal.type("\x7f" * 10)
                typed = ""
                time.sleep(1)
    return rate, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--keys", type=int, default=100)
    given = parser.parse_args()
    shares, keys = [], []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as screen, tempfile.TemporaryDirectory() as alone:
            inside, seconds = trained_in_the_screen(Path(screen), given.steps, given.keys)
            outside = trained_alone(Path(alone), given.steps)
        keys += seconds
        shares.append(inside / outside)
        print(f"training: {inside:.2f} steps/s in the screen, {outside:.2f} alone: {shares[-1]:.1%}", flush=True)
    p95 = quantiles(keys, n=20)[-1]
    print(f"key to letter while it trains: p50 {median(keys) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, worst {max(keys) * 1000:.0f} ms")
    print(f"training in the screen: {median(shares):.1%} of what it is alone")


if __name__ == "__main__":
    main()
