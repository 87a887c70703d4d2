"""The first minute on this CPU, and on the same CPU limited to AVX2: seconds to the first training step and to the first digit.

    python benchmarks/first_minute.py
    python benchmarks/first_minute.py --preset best --runs 3

Each run does what `digitty train --steps 2` and then `digitty generate 7` do, in an empty home. `measuring` is what the choice of precision and
layout takes of that, without importing torch and unpacking MNIST. The minimum of several runs counts: other work only adds to it.
ONEDNN_MAX_CPU_ISA and ATEN_CPU_CAPABILITY imitate an old CPU. With few processors or beside other work all of it takes longer.
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
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LIMITS: dict[str, dict[str, str]] = {"as it is": {}, "AVX2 only": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}}
EVENTS = """
import json, sys
from engine.config.serialize import with_changes
from engine.config.training import PRESETS
from engine.jobs.jobs import Jobs
from engine.protocol.requests import DrawRequest, TrainRequest
train = len(sys.argv) > 1
jobs = Jobs("cpu")
for event in jobs.train(TrainRequest(with_changes(PRESETS[sys.argv[1]], steps=2))) if train else jobs.draw(DrawRequest((7,), fps=0)):
    print(json.dumps({"event": type(event).__name__, "what": getattr(event, "what", "")}), flush=True)
"""


class Times(NamedTuple):
    """Seconds; from the start of the process, and those of them that measuring took."""

    total: float
    measuring: float


def timed(command: list[str], until: str, env: dict[str, str]) -> Times:
    """Runs a command that prints events as JSON, to its end; the seconds to the first event named `until`, and those of measuring before its end."""
    start = last = time.perf_counter()
    total = measuring = 0.0
    busy = False
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event, now = json.loads(line), time.perf_counter()
            measuring += now - last if busy else 0.0
            busy, last = event["what"].startswith("measuring") or (busy and event["event"] == "Tick" and not total), now
            if event["event"] == until and not total:
                total = now - start
    if process.returncode or not total:
        raise SystemExit(f"{' '.join(command)} ended with code {process.returncode} and no {until}")
    return Times(total, measuring)


def first_minute(preset: str, limits: dict[str, str]) -> tuple[Times, Times, str]:
    """To the first step, measuring for previews included; to the first digit; and the choice."""
    with tempfile.TemporaryDirectory(prefix="digitty-") as home:
        env = {**os.environ, **limits, "DIGITTY_HOME": home}
        step = timed([sys.executable, "-c", EVENTS, preset], "TrainStep", env)
        digit = timed([sys.executable, "-c", EVENTS], "DrawDone", env)
        cache = json.loads((Path(home) / "cache" / "precision.json").read_text())
    chosen = ", ".join(
        f"{'train' if ' train ' in key else 'sample'}: {how['precision']} {'channels_last' if how['channels_last'] else 'contiguous'}"
        for key, how in cache.items()
    )
    return step, digit, chosen


def fastest(times: list[Times]) -> str:
    return f"{min(t.total for t in times):7.1f} s, measuring {min(t.measuring for t in times):5.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="seed")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    for name, limits in LIMITS.items():
        steps, digits, chosen = zip(*(first_minute(given.preset, limits) for _ in range(given.runs)), strict=True)
        print(f"{name:<10} first step {fastest(list(steps))} · first digit {fastest(list(digits))} · {'; '.join(sorted(set(chosen)))}", flush=True)


if __name__ == "__main__":
    main()
