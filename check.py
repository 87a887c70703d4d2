"""The one check, for developers and CI alike: lint, format, types, layers, tests. Arguments go to pytest: `python check.py -k prompt`.

It runs every step even when one fails, prints how long each took, and exits with 1 if any failed. The steps before the tests run beside each
other. Tests run in up to four processes; one that has nothing left takes half of another's tests. For a debugger, `python check.py -n 0` runs one
test after the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent
PROCESSORS = os.cpu_count() or 1
"""One process more than that: tests that type into a terminal mostly wait."""
STEPS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "lint-imports": ["-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-logo"],
    "pytest": ["-m", "pytest", "-n", str(min(4, PROCESSORS + 1)), "--dist", "worksteal"],  # last, so that its summary ends the output
}


def main(pytest_arguments: list[str]) -> int:
    environment = {"OMP_NUM_THREADS": "1", **os.environ}  # threads of several processes would wait for each other
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start the program hundreds of times, and each start would compile it again
    start = time.perf_counter()

    def run(name: str, more: Sequence[str] = (), output: int | None = None) -> tuple[int, str, float]:
        """Exit code, what was printed unless it went to the terminal, and seconds."""
        began = time.perf_counter()
        command = [sys.executable, *STEPS[name], *more]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False, stdout=output, stderr=output and subprocess.STDOUT, text=True)
        return done.returncode, done.stdout or "", time.perf_counter() - began

    def report(name: str, code: int, seconds: float) -> None:
        if code:
            failed.append(name)
        print(f"    {name} {f'failed ({code})' if code else 'passed'} in {seconds:.1f} s\n", flush=True)

    failed: list[str] = []
    *checks, tests = STEPS
    with ThreadPoolExecutor(PROCESSORS) as pool:
        for name, (code, output, seconds) in zip(checks, pool.map(lambda name: run(name, output=subprocess.PIPE), checks), strict=True):
            print(f"--- {name}\n{output}", end="", flush=True)
            report(name, code, seconds)
    print(f"--- {tests}", flush=True)
    code, _, seconds = run(tests, pytest_arguments)
    report(tests, code, seconds)
    print(f"{'failed: ' + ', '.join(failed) if failed else 'all passed'}, {time.perf_counter() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
