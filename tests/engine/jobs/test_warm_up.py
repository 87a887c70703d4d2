"""What a first drawing waits for, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
DRAW = """
import sys
from engine.jobs.jobs import DrawRequest, Jobs

for _ in Jobs("cpu", "fp32").draw(DrawRequest((7,), fps=0)):
    pass
slow = {"torch._dynamo", "torch._inductor", "sympy", "torchvision", "PIL"} & set(sys.modules)
assert not slow, f"{slow} were imported, which takes as long as torch itself"
"""


def test_a_drawing_imports_no_compiler_and_no_data_sets(home: Path) -> None:
    subprocess.run([sys.executable, "-c", DRAW], cwd=ROOT, check=True, timeout=300)
