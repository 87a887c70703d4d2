"""The line above the footer: what it shows, on which screen, and which keys end it."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from textual.geometry import Region
from user import User, opened

from tui.screens.registry import SCREENS
from tui.widgets.notice_line import ASCII_MARKS, MARKS, NoticeLine, NoticeText, fit

LONG = "no action is called 'foo'; the actions are " + ", ".join(f"action{n}" for n in range(40))
SIZES = [(40, 12), (80, 24), (160, 50)]


# --- the text ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [20, 38, 78, 158])
@pytest.mark.parametrize("text", ["saved", LONG, "数字" * 100])
@pytest.mark.parametrize("more", [0, 1, 12])
def test_it_fits_and_says_where_the_rest_is(text: str, width: int, more: int) -> None:
    shown, rest = fit(NoticeText(text, "warning", more, "F9"), width, MARKS)
    assert cell_len(shown + rest) <= width
    whole = text in shown
    assert whole or "…" in shown
    assert ("F9" in rest) == (not whole or more > 0)
    assert (f"+{more}" in rest) == (more > 0)


def test_the_severities_differ_without_colour() -> None:
    for marks in (MARKS, ASCII_MARKS):
        lines = {fit(NoticeText("text", severity), 40, marks)[0] for severity in marks}
        assert len(lines) == len(marks)
    assert all(mark.isascii() for mark in ASCII_MARKS.values())


def test_a_long_path_keeps_its_end() -> None:
    text = f"Saved /home/{'folder/' * 20}digitty-7-seed1.png"
    shown, _ = fit(NoticeText(text, "information", 0, "F9"), 60, MARKS)
    assert shown.startswith("Saved …")
    assert shown.rstrip().endswith("folder/digitty-7-seed1.png")
    assert "…" not in fit(NoticeText("Saved /home/a.png", key="F9"), 60, MARKS)[0]


# --- on the screens ---------------------------------------------------------------------------------------------------


def lines_of(person: User, text: str) -> list[int]:
    return [y for y, line in enumerate(person.screen.splitlines()) if text in line]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SCREENS)
async def test_every_screen_shows_it_on_one_line_above_the_footer_and_moves_nothing(name: str, size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        person.app.action_go(name)
        await person.until(lambda: person.app.current_mode == name and person.screen and person.footer)

        def places() -> dict[str, Region]:
            return {str(widget): widget.region for widget in person.app.screen.children if not isinstance(widget, NoticeLine)}

        before = places()
        person.app.notify(f"problem {LONG}", severity="error")
        await person.sees("problem no action")
        assert places() == before
        (y,) = lines_of(person, "problem no action")
        assert y == size[1] - (3 if name in ("prompt", "generate", "grid") else 2)
        assert "F9" in person.screen.splitlines()[y]


@pytest.mark.parametrize("key", ["o", "w", "question_mark"])
async def test_a_dialog_shows_it_once_and_the_screen_beneath_gets_it_back(key: str) -> None:
    async with opened(size=(40, 12)) as person:
        await person.press("escape", key)
        await person.until(lambda: len(person.app.screen_stack) == 2)
        person.app.notify("no room", severity="error")
        await person.sees("no room")
        await person.until(lambda: lines_of(person, "no room") == [11])
        await person.press("escape")
        await person.until(lambda: len(person.app.screen_stack) == 1 and lines_of(person, "no room") == [9])


async def test_another_screen_shows_it_too() -> None:
    async with opened() as person:
        person.app.notify("no room", severity="error")
        await person.sees("no room")
        await person.press("f5")
        await person.until(lambda: person.app.current_mode == "train" and lines_of(person, "no room") == [22])
        await person.press("escape")
        await person.sees_no_more("no room")
        await person.press("f2")
        await person.until(lambda: person.app.current_mode == "prompt" and not lines_of(person, "no room"))


# --- keys -------------------------------------------------------------------------------------------------------------


async def test_escape_leaves_the_input_and_ends_the_notice() -> None:
    async with opened() as person:
        person.app.notify("no room", severity="error")
        await person.sees("no room")
        await person.press("escape")
        await person.sees_no_more("no room")
        assert person.app.focused is None


@pytest.mark.parametrize(("severity", "stops"), [("error", False), ("warning", True), ("information", True)])
async def test_an_error_takes_escape_for_itself_and_other_notices_do_not(severity: str, stops: bool) -> None:
    async with opened() as person:
        stopped: list[bool] = []
        person.app.screen.stop_work = lambda: stopped.append(True)  # type: ignore[attr-defined]
        await person.press("escape")
        person.app.notify("no room", severity=severity)  # type: ignore[arg-type]
        await person.sees("no room")
        await person.press("escape")
        await person.sees_no_more("no room")
        assert bool(stopped) == stops
        await person.press("escape")
        assert stopped


async def test_a_drawing_that_begins_ends_an_error() -> None:
    async with opened() as person:
        person.app.notify("no room", severity="error")
        await person.sees("no room")
        await person.enter("seven")
        await person.sees_no_more("no room")


async def test_information_fades() -> None:
    async with opened() as person:
        person.app.notify("saved", timeout=0.05)
        await person.is_told("saved")
        await person.sees_no_more("saved")
        await person.until(lambda: person.app._notice_timer is None)


async def test_a_click_lists_all_messages() -> None:
    async with opened() as person:
        person.app.notify("no room", severity="error")
        await person.sees("no room")
        await person.pilot.click(NoticeLine)
        await person.sees("Messages", "X no room" if not person.app.studio.terminal.unicode else "✗ no room")
