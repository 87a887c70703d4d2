"""The exit code after signals that come together."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CODE = """
import os, signal, time
from tui.terminal.shutdown import ShutdownWatcher

class Display:
    def restore(self): pass
    def print_line(self, text): pass

class Work:
    last_words = []
    def finish(self, seconds): time.sleep(0.1); return True
    def patience(self): return 0.0
    def saving(self): return ""

with ShutdownWatcher(Display(), stdin=os.pipe()[0]) as watcher:
    watcher.work = Work()
    for number in {numbers}:
        os.kill(os.getpid(), number)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("numbers", "code"),
    [([1], 129), ([15], 143), ([1, 15], 143), ([15, 1], 143), ([1, 1], 129), ([2, 15], 130)],
    ids=lambda value: str(value),
)
def test_sigterm_decides_over_sighup_in_any_order(numbers: list[int], code: int) -> None:
    """systemd ends a login by both."""
    assert (signal.SIGHUP, signal.SIGINT, signal.SIGTERM) == (1, 2, 15)
    ran = subprocess.run([sys.executable, "-c", CODE.format(numbers=numbers)], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (code, "")
