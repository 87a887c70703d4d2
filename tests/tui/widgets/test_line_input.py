"""Several lines pasted into a one-line input: none is lost silently."""

from __future__ import annotations

import re
from pathlib import Path

from textual import events
from textual.widgets import Input
from user import User, opened

TUI = Path(__file__).parents[3] / "tui"


PASTED = {"seven\nthree\r\n\r\n 4 ": "seven three 4", "\n\nseven": "seven", "\n": "", "a\tb\x1b[31m": "a b [31m", " 7": " 7"}


async def paste(person: User, text: str) -> None:
    person.app.post_message(events.Paste(text))
    await person.settle()


async def test_lines_are_joined_in_every_kind_of_input() -> None:
    async with opened() as person:
        prompt = person.app.screen.query_one("#prompt", Input)
        for pasted, value in (
            ("seven\nthree\r\n\r\n 4 ", "seven three 4"),
            ("\n\nseven", "seven"),
            ("\n", ""),
            ("a\tb\x1b[31m", "a b [31m"),
            (" 7", " 7"),
        ):
            prompt.clear()
            await paste(person, pasted)
            assert prompt.value == value
        assert person.notices == "3 pasted lines were joined into one."
        prompt.value = "seven"
        prompt.action_select_all()
        await paste(person, "three\n4")
        assert prompt.value == "three 4"
        await person.press("enter")
        await person.sees("❯ three 4", "steps/s")
        await person.press("f3", "e", "tab")
        await paste(person, "1\n2")
        assert person.app.focused is person.app.screen.query_one("#classes", Input)
        assert person.app.focused.value.endswith("1 2")  # type: ignore[attr-defined]


def test_no_input_is_textuals_own() -> None:
    for path in TUI.rglob("*.py"):
        if path.name != "line_input.py":
            assert not re.findall(r"(?<![\w.])Input\(.*", path.read_text(encoding="utf-8")), path
