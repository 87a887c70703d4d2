"""Keys that arrive together act one after the other, each where the one before has left the focus."""

from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Button, Input
from user import opened

from tui.screens.base import AppScreen
from tui.terminal import key_order
from tui.terminal.paced_app import PacedApp


class Form(PacedApp):
    """Three fields and a button."""

    def compose(self) -> ComposeResult:
        for name in "abc":
            yield Input(id=name)
        yield Button("start", id="start")

    def on_mount(self) -> None:
        self.pressed = 0

    def on_button_pressed(self) -> None:
        self.pressed += 1


def burst(app: App[int], *keys: str) -> None:
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


async def done(app: PacedApp) -> None:
    for _ in range(5000):
        await asyncio.sleep(0)
        nodes = [app, *app.screen.walk_children(with_self=True)]
        if app.keys.idle and all(node._message_queue.empty() for node in nodes):
            await asyncio.sleep(0.01)
            return
    raise AssertionError("the keys never arrived")


@pytest.mark.parametrize(
    ("keys", "values"),
    [
        ("1 tab 3 0 tab 4", ["1", "30", "4"]),
        ("tab tab 7 shift+tab 8 shift+tab 9", ["9", "8", "7"]),
        ("1 2 tab " * 3, ["12", "12", "12"]),
    ],
)
async def test_tab_moves_before_what_follows_it(keys: str, values: list[str]) -> None:
    app = Form()
    async with app.run_test():
        app.query_one("#a").focus()
        await done(app)
        burst(app, *keys.split())
        await done(app)
        assert [app.query_one(f"#{name}", Input).value for name in "abc"] == values


async def test_a_paste_and_a_click_wait_for_the_keys_before_them() -> None:
    app = Form()
    async with app.run_test(size=(40, 20)):
        app.query_one("#a").focus()
        await done(app)
        burst(app, "1", "tab")
        app.post_message(events.Paste("pasted"))
        burst(app, "2")
        region = app.query_one("#c").region
        for kind in (events.MouseDown, events.MouseUp):
            app.post_message(kind(None, region.x + 1, region.y + 1, 0, 0, 1, False, False, False, region.x + 1, region.y + 1, None))
        burst(app, "3")
        await done(app)
        assert [app.query_one(f"#{name}", Input).value for name in "abc"] == ["1", "pasted2", "3"]


async def test_enter_acts_once_where_tab_has_led() -> None:
    app = Form()
    async with app.run_test():
        app.query_one("#b").focus()
        await done(app)
        burst(app, "tab", "tab", "enter")
        await done(app)
        await asyncio.sleep(0.05)
        assert app.pressed == 1
        assert app.query_one("#b", Input).value == ""


async def test_a_widget_that_is_removed_on_the_way_holds_no_key_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_order, "STUCK", 0.05)
    app = Form()
    async with app.run_test():
        app.query_one("#a").focus()
        await done(app)
        burst(app, "1")
        app.query_one("#a").remove()
        app.query_one("#b").focus()
        burst(app, "2", "3")
        for _ in range(200):
            await asyncio.sleep(0.01)
            if app.keys.idle and app.query_one("#b", Input).value:  # idle it is before the keys arrive, too
                break
        assert app.keys.idle
        assert app.query_one("#b", Input).value == "23"


# --- in the program ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_whole_form_typed_blind_fills_each_field() -> None:
    async with opened() as person:
        await person.press("f5")
        person.burst("n", *["shift+tab"] * 9, *["tab"] * 9, *["tab"] * 5, "3", "0", *["tab"] * 3, *"mine")
        await person.sees("preset", "epochs", "30", "mine")
        screen = person.app.screen
        assert screen.query_one("#steps", Input).value == "30"
        assert screen.query_one("#name", Input).value == "mine"
        assert not person.app.studio.training.busy, "nothing was started"


async def test_escape_and_a_command_in_one_burst() -> None:
    async with opened() as person:
        person.burst(*"seven", "escape", "f5", "escape", "2")
        await person.until(lambda: isinstance(person.app.screen, AppScreen) and person.app.screen.NAME == "generate")
        person.burst("e", "ctrl+u", *"65", "tab", "ctrl+u", *"77")
        await person.until(lambda: person.app.screen.query_one("#classes", Input).value == "77")
        assert person.app.screen.query_one("#count", Input).value == "65"
