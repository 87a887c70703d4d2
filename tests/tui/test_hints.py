"""Hints that may be shown while an input has the focus name no key that would only be typed into it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TUI = Path(__file__).parents[2] / "tui"
TYPED = re.compile(r"(?<!then )\b(?:[Pp]ress|[Tt]ype) (?:[b-zB-Z0-9?]|space)(?![\w+])(?! outside an input| on the Train screen)")
"""A key that an input takes as text. "Press F5, then c" is right, since that screen has no input."""
FILES = sorted(
    [*(TUI / "studio").glob("*.py"), *(TUI / "widgets").glob("*.py"), TUI / "app.py", TUI / "dialogs" / "quit.py", TUI / "runs" / "text.py"]
)
FILES += [TUI / "screens" / f"{name}.py" for name in ("base", "prompt", "drawing", "generate")]


def test_the_pattern_finds_such_a_hint() -> None:
    assert TYPED.search("Press q to quit now.")
    assert TYPED.search("press space to pause")
    assert not TYPED.search("Press F5, then c to continue, ctrl+q to quit, enter to draw, w outside an input")


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_no_hint_names_a_key_that_types(file: Path) -> None:
    assert TYPED.findall(file.read_text()) == []
