"""A terminal that is too small for the screen, and larger again: what had the focus has it still, and hears what is typed meanwhile."""

from __future__ import annotations

import pytest
from fakes import finished_run
from textual.widgets import Input
from user import User, opened

from engine.config.training import PRESETS

TOO_SMALL = ((1, 1), (30, 8))
PLACES = {
    "an input of Generate": ("f3", "e"),
    "a select of Generate": ("f3", "e", "tab", "tab"),
    "an open select of Generate": ("f3", "e", "tab", "tab", "enter"),
    "options": ("f3", "o"),
    "renaming a run": ("f5", "v", "r"),
    "the palette": ("ctrl+p",),
}
"""The keys that lead to something that has the focus, from a screen where letters are keys."""


async def resized(person: User, *sizes: tuple[int, int]) -> None:
    for size in sizes:
        await person.pilot.resize_terminal(*size)
        await person.until(lambda size=size: person.app.screen.size == size)
        await person.settle()


@pytest.mark.slow
async def test_what_has_the_focus_keeps_it() -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        await person.press("escape")
        for number, (place, keys) in enumerate(PLACES.items()):
            await person.press(*keys)
            await person.until(lambda: person.app.focused is not None)
            before = person.app.focused
            await resized(person, TOO_SMALL[number % 2], (80, 24))
            assert person.app.focused is before, place
            await person.press("escape", "escape", "escape")


async def test_what_is_typed_goes_on_where_it_was() -> None:
    async with opened() as person:
        prompt = person.app.screen.query_one("#prompt", Input)
        await person.press("s", "e")
        await resized(person, (30, 8))
        await person.sees("too small")
        await person.press("v")
        await resized(person, (80, 24))
        await person.press("e", "n")
        assert prompt.value == "seven"
        await person.press("enter")
        await person.sees("7 · seven", "steps/s")


async def test_the_screen_below_a_dialog_has_it_again() -> None:
    async with opened() as person:
        await person.press("f1")
        await resized(person, (30, 8), (80, 24))
        await person.press("escape")
        await person.until(lambda: person.app.focused and person.app.focused.id == "prompt")


async def test_escape_leaves_an_input_that_is_hidden_too() -> None:
    async with opened() as person:
        await resized(person, (30, 8))
        await person.press("escape")
        await resized(person, (80, 24))
        assert person.app.focused is None
