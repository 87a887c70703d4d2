"""The line of keys: what it shows, and what the mouse does there."""

from __future__ import annotations

import gc

from textual import events
from textual.widget import Widget
from user import User, opened

from tui.dialogs.help import HelpDialog
from tui.widgets.key_footer import FooterKey, KeyFooter

KEYS = "n new v runs ? help q quit"


def footer_of(person: User) -> KeyFooter:
    return person.app.screen.query_one(KeyFooter)


def backgrounds(person: User) -> list[str]:
    """Of each cell of the last line."""
    return [str(segment.style and segment.style.bgcolor) for segment in person.app.screen._compositor.render_strips()[-1] for _ in segment.text]


async def test_the_mouse_marks_explains_and_presses_a_key() -> None:
    async with opened() as person:
        await person.press("f5")
        await person.footer_is(KEYS)
        footer = footer_of(person)
        assert len({*backgrounds(person)}) == 1
        for column in (5, 12, 70):  # behind "n new", behind "v runs", behind the last key
            await person.pilot.hover(footer, offset=(column, 0))
            assert footer.tooltip is None
            assert len({*backgrounds(person)}) == 1
            await person.pilot.click(footer, offset=(column, 0))
            await person.settle()
            assert isinstance(footer_of(person), KeyFooter), "no dialog is open"
        start = KEYS.index("?")
        await person.pilot.hover(footer, offset=(start, 0))
        marked = [column for column, background in enumerate(backgrounds(person)) if background != backgrounds(person)[-1]]
        assert marked == list(range(start, start + len("? help")))
        assert str(footer.tooltip) == next(
            active.binding.tooltip for key, active in person.app.screen.active_bindings.items() if key == "question_mark"
        )
        await person.pilot.click(footer, offset=(start + 3, 0))
        await person.until(lambda: isinstance(person.app.screen, HelpDialog))


async def test_a_narrow_line_scrolls_by_the_wheel_as_far_as_there_are_keys() -> None:
    async with opened(size=(40, 24)) as person:
        await person.footer_is("enter draw ↑ history esc commands")  # and not a part of "^s save"
        footer = footer_of(person)
        assert footer.key_at(35) is None
        for _ in range(30):
            footer.post_message(events.MouseScrollDown(footer, 5, 0, 0, 0, 0, False, False, False))
        await person.until(lambda: person.footer.endswith("^q quit"))
        assert footer.keys[footer.key_at(person.screen.splitlines()[-1].index("^q")) or 0].description == "quit"
        for _ in range(30):
            footer.post_message(events.MouseScrollUp(footer, 5, 0, 0, 0, 0, False, False, False))
        await person.footer_is("enter draw ↑ history esc commands")


async def test_keys_that_end_at_the_last_column_are_shown_and_one_that_is_too_wide_is_cut() -> None:
    async with opened(size=(40, 24)) as person:
        footer = footer_of(person)
        footer.keys = tuple(FooterKey(key, key, key * 18, "") for key in "ab")
        await person.footer_is(f"a {'a' * 18}")
        footer.keys = tuple(FooterKey(key, key, description, "") for key, description in (("a", "a" * 18), ("b", "b" * 17)))
        await person.footer_is(f"a {'a' * 18} b {'b' * 17}")
        footer.keys = (FooterKey("a", "a", "a" * 50, ""),)
        await person.footer_is(f"a {'a' * 38}")


async def test_keys_that_change_leave_no_widgets_behind() -> None:
    def count() -> int:
        gc.collect()
        return sum(1 for thing in gc.get_objects() if issubclass(type(thing), Widget))  # isinstance would ask proxies

    async with opened() as person:
        await person.footer_is("enter draw ↑ history esc commands ^s save ^r again F2–F8 screens F1 help ^q quit")
        before = count()
        for _ in range(4):
            await person.press("escape")
            await person.until(lambda: not person.footer.startswith("enter draw ↑"))
            await person.press("i")
            await person.until(lambda: person.footer.startswith("enter draw ↑"))
        assert count() == before
