"""The one check, for developers and CI alike: lint, format, types, borders, tests. `python check.py -k prompt` hands its arguments to pytest.

Runs every step even when one fails, says what each took, and exits with 1 if any failed.
"""

from __future__ import annotations

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
    "pytest": ["-m", "pytest"],  # last, so that its closing line is among the last lines
}


def main(pytest_arguments: list[str]) -> int:
    failed: list[str] = []
    start = time.perf_counter()
    for name, command in STEPS.items():
        print(f"--- {name}", flush=True)
        began = time.perf_counter()
        code = subprocess.run([sys.executable, *command, *(pytest_arguments if name == "pytest" else [])], cwd=ROOT, check=False).returncode
        if code:
            failed.append(name)
        print(f"    {name} {f'failed ({code})' if code else 'passed'} in {time.perf_counter() - began:.1f} s\n", flush=True)
    print(f"{'failed: ' + ', '.join(failed) if failed else 'all passed'}, {time.perf_counter() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
