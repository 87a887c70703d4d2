"""Help texts survive `python -OO`, which drops the docstrings that click would take them from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HELP = """
import json
from engine.cli.main import commands
from tui.cli.main import digitty
groups = {"commands": commands, "digitty": digitty}
print(json.dumps({f"{name} {command.name}": command.help for name, group in groups.items() for command in (group, *map(group.load, group.commands))}))
"""


def texts(*flags: str) -> dict[str, str | None]:
    """The help text of each command."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *flags, "-c", HELP], cwd=ROOT, env=env, capture_output=True, text=True, check=True, timeout=120)
    found: dict[str, str | None] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_each_command_says_what_it_does_with_docstrings_and_without() -> None:
    found = texts("-OO")
    assert found["digitty generate"]
    assert [name for name, text in found.items() if not text] == []
    assert found == texts()
