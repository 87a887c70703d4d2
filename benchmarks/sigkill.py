"""A thousand kills by SIGKILL at random moments. After each, the run opens and resumes, bit for bit as if nothing had happened.

    python benchmarks/sigkill.py
    python benchmarks/sigkill.py --kills 50 --seed 3      # a quick look

The runs train the smallest network: 24 steps with a save every three. They are forked from one process that has imported torch. Every second kill
comes at a random time; the others are aimed, in turn, at phases that are rare or short. A table counts the kills by phase. After each kill the run
opens and reads as interrupted; every line of the metrics parses, except perhaps a torn last one; every state that is kept loads, and none is older
than one save; every loss, average and learning rate that was ever written is that of the unbroken run. Each run is then finished, and its weights,
averages, moments and best weights are compared. The program stops at the first difference. tests/engine/training/test_faults.py uses the same code.
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
from fork_server import ForkServer  # noqa: E402
from killed_runs import LATE, PHASES, kill_nine  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    start, told = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as home, ForkServer(TESTS / "engine", *LATE, "killed_runs") as server:
        for deaths in kill_nine(server, Path(home), given.kills, given.seed):
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
