"""A thousand deaths by SIGKILL at random moments: after each one the run opens and goes on, to the bit as if nothing had happened.

    python benchmarks/kill_nine.py
    python benchmarks/kill_nine.py --kills 50 --seed 3      # a quick look

The victims train the smallest network, 24 steps with a save every three, and are forked from one process that has imported torch. Every other
kill is blind; the rest are aimed, in turn, at what is rare or short. A table says in which phase they fell. After each: the run opens and reads
as crashed, every line of the metrics parses but a torn last one, every state that is kept loads, none is older than one save, and every loss, average
and learning rate that was ever written is the unbroken run's. Each run is then taken to its end, and its weights, averages, moments and best
weights compared. Fails at the first difference; the same code is test_faults.py's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "engine"), str(TESTS.parent)]

import torch  # noqa: E402
from nursery import Nursery  # noqa: E402
from victims import PHASES, kill_nine  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    start, told = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as home, Nursery(TESTS / "engine", "victims") as nursery:
        for deaths in kill_nine(nursery, Path(home), given.kills, given.seed):
            killed = sum(deaths.values()) - deaths["done"]
            if killed >= told + 50:
                told = killed
                print(f"{killed:>5} killed, all well, {time.monotonic() - start:.0f} s", flush=True)
    print(f"\n{'while':<12}{'killed':>8}")
    for phase in PHASES[:-1]:
        print(f"{phase:<12}{deaths[phase]:>8}")
    print(f"{'in all':<12}{killed:>8}   and {deaths['done']} came too late")
    print(f"every run ended as the unbroken one, to the bit; {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
