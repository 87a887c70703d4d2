"""The borders, each in a process of its own: what is light stays light, and the engine knows no screen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "torchvision", "numpy", "textual", "rich", "tui"}
LIGHT = ("captions", "cli", "config", "datasets", "jobs", "process", "prompt", "protocol", "runs", "storage")
"""Packages of the engine that never load torch, nor do errors.py and formatting.py."""


def loaded_by(code: str) -> set[str]:
    """The top-level modules in memory after `code`."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys, json\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(json.loads(told.stdout.splitlines()[-1]))


def modules(folder: str) -> list[str]:
    """Every module below a folder, by its full name, but those that run when they are imported."""
    paths = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / folder).rglob("*.py") if path.name not in ("__main__.py", "__init__.py")]
    return sorted(".".join(path.parts) for path in paths)


@pytest.mark.parametrize("package", LIGHT)
def test_light_packages_load_neither_torch_nor_a_screen(package: str) -> None:
    heavy = loaded_by("import " + ", ".join(["engine.errors", "engine.formatting", *modules(f"engine/{package}")])) & HEAVY
    assert not heavy, f"engine.{package} loaded {heavy}"


@pytest.mark.slow
def test_the_engine_knows_no_screen() -> None:
    loaded = loaded_by("import " + ", ".join(modules("engine")))
    assert "torch" in loaded  # the probe sees what is loaded
    assert not loaded & {"textual", "rich", "rich_pixels", "tui"}, "the engine reached for the screen"


def test_help_is_instant() -> None:
    code = (
        "from click.testing import CliRunner\nfrom engine.cli.main import commands\nassert 'train' in CliRunner().invoke(commands, ['--help']).output"
    )
    assert not loaded_by(code) & {"torch", "numpy", "textual", "tui"}


NOT_BEFORE_A_PICTURE = {
    "torchvision",
    "scipy",
    "sympy",
    "matplotlib",
    "pandas",
    "textual",
    "asyncio",
    "engine.evaluation",
    "engine.explain",
    "engine.solids",
}


def test_a_first_picture_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    """Beyond what `import torch` brings: no other part of torch, and no package for other work."""
    code = (
        "import sys, torch\nbefore = {*sys.modules}\n"
        "from engine.cli import entry\nfrom tui.cli.main import digitty\n"
        "assert entry.run(digitty, ['generate', 'seven', '--steps', '1', '--precision', 'fp32', '--json']) == 0\n"
        "print(*sorted({*sys.modules} - before))"
    )
    environment = {**os.environ, "DIGITTY_HOME": str(tmp_path)}
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120)
    names = told.stdout.splitlines()[-1].split()
    assert "engine.sampling.draw" in names  # the probe sees what is loaded
    assert not NOT_BEFORE_A_PICTURE.intersection(names)
    assert {name for name in names if name.startswith("torch.")} <= {"torch.utils._device"}
    assert {name for name in names if name.startswith("engine.training.")} <= {"engine.training.cadence"}


def test_the_first_screen_does_not_wait_for_the_others() -> None:
    code = "import sys, tui.cli.screen, tui.app\nfrom tui.screens.registry import SCREENS\nSCREENS['prompt']\nprint(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    loaded = {*told.stdout.split()}
    assert "tui.screens.prompt" in loaded
    assert not loaded & {"numpy", *(f"tui.screens.{name}" for name in ("generate", "grid", "train", "compare", "gallery", "how"))}


def test_the_engine_runs_as_a_module() -> None:
    told = subprocess.run([sys.executable, "-m", "engine.cli", "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    assert "train" in told.stdout
    assert not told.stderr
