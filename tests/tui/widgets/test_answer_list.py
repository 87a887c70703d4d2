"""Every list takes the keys that move in it, also where none of it is laid out: in a terminal of one cell, and at once after it was opened."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from user import opened

from tui.widgets.answer_list import AnswerList

MOVES = ("pagedown", "pageup", "home", "end", "down", "pagedown", "up", "pageup")


class OneList(App[None]):
    def compose(self) -> ComposeResult:
        yield AnswerList("one", "two", "three", compact=True)


@pytest.mark.parametrize("size", [(1, 1), (0, 5), (5, 0), (20, 5)], ids=str)
async def test_keys_that_move_by_a_page_find_a_list_without_lines(size: tuple[int, int]) -> None:
    app = OneList()
    async with app.run_test(size=(20, 5)) as pilot:
        answers = app.query_one(AnswerList)
        answers.styles.width, answers.styles.height = size
        answers.highlighted = 1
        await pilot.pause()
        answers.focus()
        await pilot.press(*MOVES)


@pytest.mark.parametrize("keys", [("f9",), ("escape", "w"), ("f5",), ("f6",)], ids="-".join)
async def test_no_list_of_the_screens_ends_them(keys: tuple[str, ...]) -> None:
    async with opened(size=(1, 1)) as person:
        person.app.notify("a message")
        await person.press(*keys, *MOVES)


async def test_a_page_in_a_list_that_is_laid_out_moves_by_many_lines() -> None:
    async with opened() as person:
        for number in range(60):
            person.app.notify(f"message {number}")
        await person.press("f9", "home", "pagedown")
        await person.until(lambda: (person.app.screen.query_one(AnswerList).highlighted or 0) > 5)


def test_every_list_is_one_of_these() -> None:
    code = {path: path.read_text() for path in (Path(__file__).parents[3] / "tui").rglob("*.py") if path.name != "answer_list.py"}
    assert sum("AnswerList(" in text for text in code.values()) >= 5
    assert not [path for path, text in code.items() if re.search(r"\bOptionList\(|class \w+\(OptionList\)", text)]
