"""Memory that is freed stays with the process until it is given back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import re
from engine.process.malloc import keep_freed_memory, return_freed_memory

def anonymous():
    return int(re.search(r"Anonymous: +(\\d+)", open("/proc/self/smaps_rollup").read())[1]) >> 10

keep_freed_memory()
before = anonymous()
block = b"x" * (200 << 20)
del block
kept = anonymous() - before
return_freed_memory()
print(kept, anonymous() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is read from /proc")
def test_kept_memory_is_given_back() -> None:
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    kept, left = (int(number) for number in answer.split())  # MB
    assert kept >= 200
    assert left < 80  # the block of which the heap keeps a part beyond its end
