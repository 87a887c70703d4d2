"""The one check, for developers and CI alike: lint, format, types, borders, tests. `python check.py -k prompt` hands its arguments to pytest.

Runs every step even when one fails, says what each took, and exits with 1 if any failed. Tests run on up to four processors, whole files at a
time, since what a file's tests share is dear; `python check.py -n 0` takes one after the other, as a debugger wants it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent
STEPS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "lint-imports": ["-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-logo"],
    "pytest": ["-m", "pytest", "-n", "auto", "--maxprocesses", "4", "--dist", "loadfile"],  # last, so that its closing line is among the last lines
}


def main(pytest_arguments: list[str]) -> int:
    failed: list[str] = []
    environment = {"OMP_NUM_THREADS": "1", **os.environ}  # threads of several processes would wait for one another
    start = time.perf_counter()
    for name, command in STEPS.items():
        print(f"--- {name}", flush=True)
        began = time.perf_counter()
        more = pytest_arguments if name == "pytest" else []
        code = subprocess.run([sys.executable, *command, *more], cwd=ROOT, env=environment, check=False).returncode
        if code:
            failed.append(name)
        print(f"    {name} {f'failed ({code})' if code else 'passed'} in {time.perf_counter() - began:.1f} s\n", flush=True)
    print(f"{'failed: ' + ', '.join(failed) if failed else 'all passed'}, {time.perf_counter() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
