"""The list of all messages."""

from __future__ import annotations

import pytest
from user import opened

from tui.dialogs.messages import MessagesDialog

LONG = "a long text " * 30 + "theEnd"


async def test_it_has_the_whole_text_of_every_message_the_newest_first() -> None:
    async with opened(size=(60, 24)) as person:
        for text in ("first", LONG, "first", "last"):
            person.app.notify(text, severity="warning")
        await person.sees("last", "+2")
        await person.press("f9")
        await person.sees("last", "first  (2 times)", "theEnd")
        shown = person.screen
        lines = [line for line in shown.splitlines() if "long text" in line or "theEnd" in line]
        assert len(lines) > 5
        assert {min(line.index(word) for word in ("long", "text", "a ", "!", "theEnd") if word in line) for line in lines} == {lines[0].index("!")}
        assert shown.index("last") < shown.index("(2 times)") < shown.index("theEnd")
        await person.press("escape")
        await person.until(lambda: person.app.current_mode == "prompt" and not isinstance(person.app.screen, MessagesDialog))
        assert "+2" not in person.screen  # who has seen the list has seen them all


async def test_it_opens_by_m_and_from_a_dialog_and_without_a_message() -> None:
    async with opened() as person:
        await person.press("escape", "m")
        await person.sees("No messages yet")
        await person.press("m")
        await person.sees_no_more("No messages yet")
        await person.press("o", "f9")
        await person.sees("No messages yet")
        await person.press("escape")
        await person.sees("How to draw")


@pytest.mark.parametrize(("keys", "copied"), [(("c",), ["newer"]), (("down", "enter"), ["older"]), (("C",), ["newer", "older"])])
async def test_messages_are_copied(keys: tuple[str, ...], copied: list[str]) -> None:
    async with opened() as person:
        person.app.notify("older")
        person.app.notify("newer")
        await person.sees("newer")
        await person.press("f9", *keys)
        await person.sees("sent to the clipboard")
        assert [line.split("  ", 1)[1] for line in person.app.clipboard.splitlines()] == copied
