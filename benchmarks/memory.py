"""Peak resident memory above that of `import torch` alone: drawing 16 digits, and training at batch 128, which must stay flat.

    python benchmarks/memory.py
    python benchmarks/memory.py --steps 4 --every 1      # a quick look

Each case is a process of its own in one temporary DIGITTY_HOME that all share: so the first drawing, and the training, also measure
precisions (and unpack MNIST), and the second drawing finds that done. Peaks are VmHWM where there is /proc, else getrusage.
Training is the preset `seed` with its previews and a save at the end; its resident size is noted every few steps. Growth
compares the medians of the second quarter and of the last.
"""

from __future__ import annotations

import argparse
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


# --- the cases, each in its own process -------------------------------------------------------------------------------


def torch_alone() -> list[tuple[int, int]]:
    import torch  # noqa: F401

    return []


def draw(count: int) -> list[tuple[int, int]]:
    from engine.jobs import DrawRequest, Jobs

    for _ in Jobs("cpu").draw(DrawRequest(tuple(i % 10 for i in range(count)))):
        pass
    return []


def train(steps: int, every: int) -> list[tuple[int, int]]:
    """(step, bytes resident) every few steps."""
    from engine.config import TrainConfig
    from engine.events import TrainStep
    from engine.jobs import Jobs, TrainRequest

    seen: list[tuple[int, int]] = []
    for event in Jobs("cpu").train(TrainRequest(TrainConfig(steps=steps))):
        if isinstance(event, TrainStep) and event.step >= (seen[-1][0] if seen else 0) + every:
            seen.append((event.step, event.memory))
    return seen


def run(case: str, home: str, given: argparse.Namespace) -> tuple[int, list[tuple[int, int]]]:
    """A case's peak, and what it noted on the way."""
    command = [sys.executable, __file__, "--case", case, "--steps", str(given.steps), "--every", str(given.every), "--images", str(given.images)]
    told = subprocess.run(command, env={**os.environ, "DIGITTY_HOME": home}, stdout=subprocess.PIPE, text=True, check=True).stdout
    most, seen = json.loads(told.splitlines()[-1])
    return most, seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--steps", type=int, default=200, help="of training; at about a second each on two CPU cores")
    parser.add_argument("--every", type=int, default=5, help="steps between notes of the resident size")
    parser.add_argument("--case", choices=["torch", "draw", "train"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        seen = {"torch": torch_alone, "draw": lambda: draw(given.images), "train": lambda: train(given.steps, given.every)}[given.case]()
        print(json.dumps([peak(), seen]))
        return

    with tempfile.TemporaryDirectory() as home:
        alone, _ = run("torch", home, given)
        print(f"{'case':<32}{'peak MB':>9}{'above torch':>13}")
        print(f"{'import torch':<32}{alone / MB:>9.0f}")
        for case, words in (("draw", f"draw {given.images}, first"), ("draw", f"draw {given.images}"), ("train", f"train {given.steps} steps")):
            most, seen = run(case, home, given)
            print(f"{words:<32}{most / MB:>9.0f}{(most - alone) / MB:>13.0f}", flush=True)
    shown = seen[:: max(1, len(seen) // 10)]
    print("resident while training, MB above torch: " + "  ".join(f"{step}: {(size - alone) / MB:.0f}" for step, size in shown))
    if len(seen) >= 8:
        quarter = len(seen) // 4
        early, late = median(size for _, size in seen[quarter : 2 * quarter]), median(size for _, size in seen[-quarter:])
        print(f"growth from the second quarter to the last: {(late - early) / MB:+.1f} MB")


if __name__ == "__main__":
    main()
