"""Does anything that a terminal can send end the screen, hang it, or lock its keyboard? Random strings through a real pseudo-terminal.

    python benchmarks/fuzz_input.py
    python benchmarks/fuzz_input.py --count 5000 --seed 7      # a quick look, with other strings

UTF-8, Latin-1, plain bytes, keys whole and broken, mouse reports of the modes X10, 1005, 1006, 1015 and 1016, pastes in pieces and without an
end, answers to questions that nobody asked, kitty's keyboard reports. After every 50 a key must do what it should; after each 2,000 a prompt is
typed and seen, and the screen starts anew. Stops at the first fault, with the log. `tests/e2e/test_fuzz_input.py` does the same with 2,000.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from prerecorded_jobs import ROOT
from typist import Session, Typist

ROUND = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    start, done, size, slowest, seed = time.perf_counter(), 0, 0, 0.0, given.seed
    while done < given.count:
        count = min(ROUND, given.count - done)
        typist = Typist(seed)
        strings = [typist.string() for _ in range(count)]
        with tempfile.TemporaryDirectory() as folder, Session(Path(folder)) as session:
            try:
                session.type(iter(strings))
                session.end()
            except AssertionError as fault:
                sys.exit(f"seed {seed}, after {done:,} strings: {fault}")
            slowest = max(slowest, session.slowest)
        done, size, seed = done + count, size + sum(len(piece) for pieces in strings for piece in pieces), seed + 1
        took = time.perf_counter() - start
        print(f"{done:,} strings, {size:,} bytes, {took:.0f} s: no fault; the slowest key took {slowest:.2f} s", flush=True)


if __name__ == "__main__":
    assert ROOT
    main()
