"""A benchmark on another checkout and on this one, in turn: what a change gained.

    git worktree add /tmp/before COMMIT
    python benchmarks/beside.py /tmp/before sample_overhead.py --rounds 3 --images 1
    python benchmarks/beside.py --turns 5 /tmp/before startup.py --runs 1

The program is that of this checkout, and imports digitty from either. Each number of its lines is the median of all turns. The first turn of each
does not count: it fills caches.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

HERE = Path(__file__).parents[1]
NUMBER = re.compile(r"-?\d+\.\d+")


def outputs(checkout: Path, command: list[str]) -> list[str]:
    """The lines that a program prints with the digitty of a checkout."""
    program = [sys.executable, str(HERE / "benchmarks" / command[0]), *command[1:]]
    told = subprocess.run(program, cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout)}, stdout=subprocess.PIPE, text=True, check=True)
    return told.stdout.splitlines()


def medians(turns: list[list[str]]) -> list[str]:
    """Lines like those of each turn, with the medians of their numbers."""
    lines = []
    for same in zip(*turns, strict=True):
        columns = list(zip(*([float(number) for number in NUMBER.findall(line)] for line in same), strict=True))
        values = iter([median(column) for column in columns])
        lines.append(NUMBER.sub(lambda found: f"{next(values):{len(found[0])}.{len(found[0].split('.')[1])}f}", same[-1]))  # noqa: B023
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="the other one")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="a program beside this one, and its options")
    given = parser.parse_args()
    turns: dict[Path, list[list[str]]] = {given.checkout.resolve(): [], HERE: []}
    for _ in range(given.turns + 1):
        for checkout, found in turns.items():
            found.append(outputs(checkout, given.command))
    for checkout, found in turns.items():
        print(checkout, *medians(found[1:]), sep="\n")


if __name__ == "__main__":
    main()
