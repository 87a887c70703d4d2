"""From the command to the screen: first paint of the TUI in a pseudo-terminal, and `digitty --help`, warm files, medians of several runs.

    python benchmarks/start.py
    python benchmarks/start.py --runs 1      # a quick look

`first bytes` is when the terminal hears anything, `first frame` when it shows a whole screen: the tabs at the top, the input, and the keys in
the footer, at 80×24. `--help` is timed twice: the wall clock, and the processor time of the process (user and system), beside that of
`python -c pass`. One run of each goes first and does not count. Needs an idle machine, and pyte (in the test extra).
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from statistics import median

import pyte

COLUMNS, ROWS = 80, 24
LANDMARKS = ("Prompt", "Train", "seven", "quit")
"""What a whole first screen shows: tabs, the input's hint, the footer."""
LIMIT = 30.0


def first_paint(command: list[str], home: str) -> tuple[float, float]:
    """Seconds from the start of the process to its first bytes and to its first whole frame."""
    child_end, our_end = open_terminal()
    env = {**os.environ, "TERM": "xterm-256color", "DIGITTY_HOME": home}
    start = time.perf_counter()
    child = subprocess.Popen(command, stdin=child_end, stdout=child_end, stderr=child_end, env=env, start_new_session=True)
    os.close(child_end)
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    first_bytes = 0.0
    try:
        while time.perf_counter() - start < LIMIT:
            if not select.select([our_end], [], [], 0.5)[0]:
                continue
            heard = os.read(our_end, 1 << 16)
            now = time.perf_counter() - start
            first_bytes = first_bytes or now
            stream.feed(heard)
            if all(any(word in line for line in screen.display) for word in LANDMARKS):
                return first_bytes, now
        raise SystemExit("no whole frame within {:.0f} s; the screen shows:\n{}".format(LIMIT, "\n".join(screen.display)))
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        os.close(our_end)


def open_terminal() -> tuple[int, int]:
    """The program's end of a new 80×24 pseudo-terminal, and ours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return theirs, ours


def process_time(command: list[str]) -> tuple[float, float]:
    """Seconds of the wall clock and of the processor for a command that ends by itself."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - start, os.times()
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    given = parser.parse_args()

    digitty = str(Path(sys.executable).with_name("digitty"))
    print(f"{'what':<28}{'median':>9}{'best':>9}{'worst':>9}")
    with tempfile.TemporaryDirectory() as home:
        rows = {
            ("screen: first bytes", "screen: first frame"): lambda: first_paint([digitty], home),
            ("--help: wall clock", "--help: processor"): lambda: process_time([digitty, "--help"]),
            ("python -c pass: wall clock", "python -c pass: processor"): lambda: process_time([sys.executable, "-c", "pass"]),
        }
        for names, measure in rows.items():
            measure()
            runs = [measure() for _ in range(given.runs)]
            for name, values in zip(names, zip(*runs, strict=True), strict=True):
                print(f"{name:<28}{median(values):>7.3f} s{min(values):>7.3f} s{max(values):>7.3f} s", flush=True)


if __name__ == "__main__":
    main()
