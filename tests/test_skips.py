"""A skip for a reason that nobody listed fails the run under CI, also where xdist runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPED = """
import pytest

@pytest.mark.skip(reason={!r})
def test_skipped():
    pass
"""


@pytest.mark.parametrize(
    ("reason", "ci", "code"),
    [("no CUDA device", "true", 0), ("no time today", "true", 1), ("no time today", "", 0)],
    ids=["listed", "unlisted", "at home"],
)
def test_under_ci_only_listed_reasons_count(reason: str, ci: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SKIPPED.format(reason))
    (tmp_path / "pytest.ini").touch()
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "skips", "-n", "1" if code else "0", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("does not list why: no time today" in done.stdout) == bool(code)
