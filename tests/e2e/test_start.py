"""The real screen starts, takes what is typed and quits, on each Python that pyproject promises: with torch and without.

`.ci/run` builds environments that hold all dependencies but torch, and names their interpreters in DIGITTY_LIGHT_PYTHONS, as PATH names folders.
Pilot tests can't stand in for this: Textual starts its tasks eagerly on Python 3.12 and later, but not under `run_test`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from terminal import ROOT, Terminal, environment, faked

HANDED = [path for path in os.environ.get("DIGITTY_LIGHT_PYTHONS", "").split(os.pathsep) if path]
NONE = "DIGITTY_LIGHT_PYTHONS names no interpreter; .ci/run builds some"
PYTHONS = HANDED or [pytest.param("", marks=pytest.mark.skipif(not os.environ.get("CI"), reason=NONE))]
FACTS = "import importlib.util, json, sys; print(json.dumps([sys.version_info[:2], importlib.util.find_spec('torch') is not None]))"
COMMANDS = """
import sys
from engine.cli.entry import run
from tui.cli.main import digitty
for line in sys.argv[1:]:
    print(f"=== {line} === {run(digitty, line.split())}", flush=True)
"""
"""Commands one after the other in one process, and the code that each would exit with."""


@cache
def facts(python: str) -> tuple[tuple[int, int], bool]:
    """Its version, and whether it has torch."""
    version, torch = json.loads(subprocess.run([python, "-c", FACTS], capture_output=True, text=True, check=True, timeout=120).stdout)
    return tuple(version), torch


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> str:
    assert request.param, NONE
    return str(request.param)


@pytest.mark.skipif(not os.environ.get("CI"), reason="developers need not have several Pythons")
def test_ci_tries_every_promised_python() -> None:
    tried = {"{}.{}".format(*facts(python)[0]) for python in HANDED}
    assert any(facts(python)[0] >= (3, 12) for python in HANDED), NONE
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    promised = {found[1] for line in classifiers if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))}
    assert tried <= promised


def test_the_screen_starts_takes_a_prompt_and_quits(python: str, warm_home: Path, tmp_path: Path) -> None:
    with Terminal(["--precision", "fp32"], environment(warm_home), tmp_path, columns=120, lines=40, python=python) as terminal:
        terminal.sees("digitty", "Prompt", "Type a digit")
        terminal.type("seven\r")
        terminal.sees("❯ seven")
        if facts(python)[1]:
            terminal.sees("7 · seven", "steps/s")
        else:
            terminal.until(lambda: re.search(r"torch is not installed; .* -m\s+pip\s+install\s+torch\s+torchvision", terminal.text, re.DOTALL))
            says_so_on_train(terminal, warm_home)
        terminal.press("f2")
        terminal.sees("❯ seven")
        terminal.press("esc", "q")
        assert terminal.left() == 0
        assert terminal.restored()
        assert b"Traceback" not in terminal.sent


def says_so_on_train(terminal: Terminal, home: Path) -> None:
    terminal.start_training()
    logs = home / "log" / "digitty.log"
    terminal.until(lambda: "(train)" in logs.read_text())  # before that, what is seen may be of the drawing
    terminal.sees("torch is not installed", "No run yet")


def test_what_needs_no_torch_works_without(python: str, home: Path) -> None:
    if facts(python)[1]:
        pytest.skip("this interpreter has torch")
    outcome = ran(python, home, "--help", "runs", "config", "doctor", "generate seven", "train --steps 1", "export shipped x.pth", "evaluate", "runs")
    codes = {line.split("===")[1].strip(): int(line.split("===")[2]) for line in outcome.splitlines() if line.startswith("===")}
    assert codes == {
        "--help": 0,
        "runs": 0,
        "config": 0,
        "doctor": 4,
        "generate seven": 4,
        "train --steps 1": 4,
        "export shipped x.pth": 4,
        "evaluate": 4,
    }
    assert outcome.count("torch is not installed; install it with: ") >= 6, outcome
    assert "the details are in" not in outcome
    assert "Traceback" not in outcome
    assert outcome.count("no runs yet") == 2, "a run was left behind"


def ran(python: str, home: Path, *lines: str, env: Mapping[str, str] | None = None) -> str:
    """Output and errors of the commands."""
    command = [python, "-c", COMMANDS, *lines]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(command, env=environment(home, **(env or {})), cwd=home.parent, text=True, timeout=300, check=False, **streams).stdout


def test_the_screen_starts_without_docstrings_and_assertions(home: Path, tmp_path: Path) -> None:
    with Terminal([], environment(home, PYTHONOPTIMIZE="2"), tmp_path, patch=faked()) as terminal:
        terminal.sees("Type a digit", "idle")
        terminal.type("seven\r")
        terminal.sees("7 · seven")
        terminal.press("esc", "q")
        assert terminal.left() == 0
        assert terminal.restored()
