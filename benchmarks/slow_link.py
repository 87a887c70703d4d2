"""A thin line: seconds until a key shows its effect and until `q` has left, bytes under way, and whether the last picture is the true one.

    python benchmarks/slow_link.py
    python benchmarks/slow_link.py --rates 16000 --rounds 2      # a quick look

The line buffers a megabyte and passes on a given number of bytes each second (tests/e2e/slow_terminal.py). In a terminal of 120×70, sixteen
digits at full size come out of noise at 10 frames a second. SSH_CONNECTION is not set, so only the terminal's answers show how slow the line is.
Keys are pressed during a drawing. The true picture is what the same screen shows when it is drawn again. Needs pyte (in the test extra).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from prerecorded_jobs import PATCH
from slow_terminal import SlowTerminal
from terminal import environment

SCREENS = (("f2", "Type a digit"), ("f3", "count"))


def quiet(line: SlowTerminal) -> None:
    """Waits until nothing has been sent for a second."""
    before = -1
    while before != len(line.sent):
        before = len(line.sent)
        time.sleep(1)


def effect(line: SlowTerminal, key: str, seen: str) -> float:
    start = time.monotonic()
    line.press(key)
    line.sees(seen)
    return time.monotonic() - start


def measure(home: Path, rate: float, rounds: int) -> None:
    with SlowTerminal([], environment(home), home, 120, 70, PATCH, rate) as line:
        line.sees("Type a digit", "shipped")
        keys, most = [], 0
        line.press("f3")
        line.sees("count")
        for _ in range(rounds):
            line.press("r")
            until = time.monotonic() + 2
            while time.monotonic() < until:
                most = max(most, line.held)
                time.sleep(0.01)
            keys += [effect(line, key, seen) for key, seen in SCREENS]
        line.press("r")
        line.sees("scrub")
        quiet(line)
        shown = line.cells
        line.type("\x0c")  # ctrl+l
        quiet(line)
        true = line.cells == shown
        line.press("r")
        time.sleep(1)
        start = time.monotonic()
        line.type("q")
        line.left()
        took = time.monotonic() - start
    print(
        f"{rate / 1000:5.0f} KB/s   a key's effect: p50 {median(keys):.2f} s, worst {max(keys):.2f} s   q: {took:.2f} s   "
        f"under way: {most / 1000:.0f} KB at most   last picture {'true' if true else 'TORN'}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[100_000, 16_000])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        for rate in given.rates:
            measure(Path(home), rate, given.rounds)


if __name__ == "__main__":
    main()
