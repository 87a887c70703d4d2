"""From the command to the screen and to a finished seven, in a pseudo-terminal and by `digitty generate`, and `--help`: warm files, medians.

    python benchmarks/startup.py
    python benchmarks/startup.py --runs 1      # a quick look

`first bytes` is when the terminal hears anything, `first frame` when it shows a whole screen: the current tab at the top, the input, and the keys in
the footer, at 80×24; `import textual` is that alone, in turn with it. `finished seven` is the answer to a prompt that is typed at that moment, while
the engine still loads, `generate seven` the same without the screen; `import torch` is that alone, in turn with them: the difference is digitty's
own. From an empty home, precisions are measured too. `--help` is timed twice: the wall clock, and the processor time of the process (user
and system), beside that of `python -c pass`. One run of each goes first and does not count. Needs an idle machine, and pyte (in the test extra).
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import pyte

COLUMNS, ROWS = 80, 24
LANDMARKS = ("Prompt", "seven", "quit")
"""What a whole first screen shows at 80 columns: the current tab, the input's hint, the footer."""
FINISHED = re.compile(r"\d s · \d+ steps/s")
"""What the caption says of a drawing that is done."""
LIMIT = 120.0


def first_paint(command: list[str], home: str) -> tuple[float, float]:
    """Seconds from the start of the process to its first bytes and to its first whole frame."""
    return painted(command, home, lambda text: True)


def painted(command: list[str], home: str, done: Callable[[str], bool], typed: bytes = b"") -> tuple[float, float]:
    """Seconds to the first bytes, and until all is seen; what is typed, is so on the first whole frame."""
    child_end, our_end = open_terminal()
    whole = False
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
            text = "\n".join(screen.display)
            if not whole and all(word in text for word in LANDMARKS):
                whole = True
                os.write(our_end, typed)
            if whole and done(text):
                return first_bytes, now
        raise SystemExit("not seen within {:.0f} s; the screen shows:\n{}".format(LIMIT, "\n".join(screen.display)))
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        os.close(our_end)


def first_frame(command: list[str], home: str) -> tuple[float, float, float, float]:
    """As `first_paint`, those that importing Textual takes, and the difference between the frame and that."""
    textual = process_time([sys.executable, "-c", "import textual.app, textual.screen, textual.widgets"])[0]
    heard, frame = first_paint(command, home)
    return heard, frame, textual, frame - textual


def finished_seven(command: list[str], home: str) -> tuple[float, float, float]:
    """Seconds to a finished seven that was asked for on the first whole frame, those that `import torch` takes, and their difference."""
    torch = process_time([sys.executable, "-c", "import torch"])[0]
    seven = painted(command, home, lambda text: bool(FINISHED.search(text)), b"seven\r")[1]
    return seven, torch, seven - torch


def generated_seven(command: list[str], home: str) -> tuple[float, float, float, float]:
    """Seconds of `digitty generate seven` from this home and from an empty one, each beyond those of `import torch`, with them before."""
    torch = process_time([sys.executable, "-c", "import torch"])[0]
    with tempfile.TemporaryDirectory() as empty:
        warm, cold = (process_time([*command, "generate", "seven"], {"DIGITTY_HOME": folder})[0] for folder in (home, empty))
    return warm, warm - torch, cold, cold - torch


def open_terminal() -> tuple[int, int]:
    """The program's end of a new 80×24 pseudo-terminal, and ours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return theirs, ours


def process_time(command: list[str], environment: Mapping[str, str] = {}) -> tuple[float, float]:
    """Seconds of the wall clock and of the processor for a command that ends by itself."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment}, check=True)
    wall, after = time.perf_counter() - start, os.times()
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    given = parser.parse_args()

    digitty = str(Path(sys.executable).with_name("digitty"))
    print(f"{'what':<32}{'median':>9}{'best':>9}{'worst':>9}")
    with tempfile.TemporaryDirectory() as home:
        rows = {
            ("screen: first bytes", "screen: first frame", "import textual", "frame beyond that"): lambda: first_frame([digitty], home),
            ("screen: finished seven", "import torch", "the former beyond the latter"): lambda: finished_seven([digitty], home),
            ("generate seven", "beyond import torch", "from an empty home", "beyond import torch, too"): lambda: generated_seven([digitty], home),
            ("--help: wall clock", "--help: processor"): lambda: process_time([digitty, "--help"]),
            ("python -c pass: wall clock", "python -c pass: processor"): lambda: process_time([sys.executable, "-c", "pass"]),
        }
        for names, measure in rows.items():
            measure()
            runs = [measure() for _ in range(given.runs)]
            for name, values in zip(names, zip(*runs, strict=True), strict=True):
                print(f"{name:<32}{median(values):>7.3f} s{min(values):>7.3f} s{max(values):>7.3f} s", flush=True)


if __name__ == "__main__":
    main()
