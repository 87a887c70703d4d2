"""The libraries of torch, loaded before torch is imported."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import PathFinder

import pytest

from engine.process import torch_libraries

LOADED = """
import os, sys
os.sched_getaffinity = lambda pid: {0, 1}
from engine.process import torch_libraries as libraries
libraries.load_in_background()
libraries.load_in_background()
libraries._thread.join()
maps = open("/proc/self/maps").read()
assert "libtorch_cpu" in maps and "libtorch_python" not in maps
assert "torch" not in sys.modules and not libraries.are_loading()
assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
import torch
assert torch.ones(3, 4).matmul(torch.ones(4, 2)).sum() == 24
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux loads them early")
def test_libraries_are_loaded_without_importing_torch_and_torch_works_with_them() -> None:
    subprocess.run([sys.executable, "-c", LOADED], check=True, timeout=120)


def test_without_torch_nothing_is_loaded_nor_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(PathFinder, "find_spec", lambda name: None)
    torch_libraries.load_in_background()
    assert torch_libraries._thread is None
    assert not torch_libraries.are_loading()
