"""The borders, each in a process of its own: what is light stays light, and the engine knows no screen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIGHT = (
    "errors config events prompt run writer manage_runs claim liveness worker jobs paths files images cli metrics control group detach watch words foreign telling leaving "
    "cli_runs cli_options entry streams processors race"
)


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


@pytest.mark.parametrize("module", LIGHT.split())
def test_light_modules_load_neither_torch_nor_a_screen(module: str) -> None:
    heavy = loaded_by(f"import engine.{module}") & {"torch", "torchvision", "numpy", "textual", "rich", "tui"}
    assert not heavy, f"engine.{module} reached for {heavy}"


def test_the_engine_knows_no_screen() -> None:
    names = [path.stem for path in (ROOT / "engine").glob("*.py")]
    loaded = loaded_by("import " + ", ".join(f"engine.{name}" for name in names))
    assert "torch" in loaded  # the probe sees what is loaded
    assert not loaded & {"textual", "rich", "rich_pixels", "tui"}, "the engine reached for the screen"


def test_help_is_instant() -> None:
    code = "from click.testing import CliRunner\nfrom engine.cli import commands\nassert 'train' in CliRunner().invoke(commands, ['--help']).output"
    assert not loaded_by(code) & {"torch", "numpy", "textual", "tui"}


def test_the_engine_runs_as_a_module() -> None:
    told = subprocess.run([sys.executable, "-m", "engine.cli", "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    assert "train" in told.stdout
    assert not told.stderr
