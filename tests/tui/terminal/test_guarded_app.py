"""Faults in Textual that would end the application: on selecting by mouse, two quick presses of enter, or closing a palette while it searches."""

from __future__ import annotations

import pytest
from fakes import finished_run
from textual import events
from textual.css.query import NoMatches
from textual.widget import MountError
from user import opened

from engine.config.training import PRESETS
from tui.dialogs.runs import RunsDialog
from tui.dialogs.weights import WeightsDialog
from tui.screens.train import TrainScreen
from tui.terminal.guarded_app import Palette


async def test_a_selection_below_the_last_line_of_a_text_is_copied_as_far_as_it_goes() -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        await person.press("f5")
        await person.sees("mine")
        await person.pilot.mouse_down(offset=(79, 18))
        await person.pilot.hover(offset=(41, 20))
        await person.pilot.mouse_up(offset=(41, 20))
        assert person.app.screen.selections
        for key in ("ctrl+c", "super+c"):
            await person.press(key)
            assert person.app.is_running
        assert isinstance(person.app.screen, TrainScreen)


async def test_ctrl_c_with_nothing_in_the_selection_does_not_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as person:
        await person.press("f3")
        widget = person.app.screen.query("*").first()

        def broken(selection: object) -> None:
            raise IndexError

        monkeypatch.setattr(widget, "get_selection", broken)
        await person.pilot.pause()
        person.app.screen.selections = {widget: None}  # type: ignore[dict-item]
        await person.press("ctrl+c")
        assert person.app.is_running
        assert not person.app.screen.selections
        await person.press("ctrl+c")
        await person.until(lambda: not person.app.is_running)


@pytest.mark.slow
async def test_two_quick_presses_of_enter_close_one_dialog() -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        for screen, key, dialog in (("f3", "w", WeightsDialog), ("f5", "v", RunsDialog)):
            await person.press(screen, key)
            await person.until(lambda dialog=dialog: isinstance(person.app.screen, dialog))
            person.burst("enter", "enter", "enter")
            await person.until(lambda dialog=dialog: not isinstance(person.app.screen, dialog))
            await person.settle()
            assert len(person.app.screen_stack) == 1


async def test_an_input_that_has_the_focus_before_its_screen_is_on_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """As from Python 3.12 on, whose tasks begin at once."""
    async with opened() as person:
        with monkeypatch.context() as patch:
            patch.setitem(person.app._screen_stacks, person.app.current_mode, [])
            person.app.clear_selection()


async def test_the_mouse_over_what_was_just_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as person:
        with monkeypatch.context() as patch:

            def broken(event: events.Event) -> None:
                raise AttributeError("'NoneType' object has no attribute 'region'")

            patch.setattr(person.app.screen, "_forward_event", broken)
            person.app.post_message(events.MouseDown(None, 5, 5, 0, 0, 1, False, False, False))
            await person.settle()
        await person.enter("seven")
        await person.sees("7 · seven")


@pytest.mark.parametrize("keys", [("ctrl+p",), ("f3", "T")])
async def test_a_palette_fails_for_itself_alone(keys: tuple[str, ...]) -> None:
    async with opened() as person:
        await person.press(*keys)
        await person.until(lambda: isinstance(person.app.screen, Palette))
        palette = person.app.screen
        assert isinstance(palette, Palette)
        await person.press("escape")
        await person.until(lambda: not isinstance(person.app.screen, Palette))
        try:
            palette._action_command_list("page_up")
            palette._watch__list_visible()
        except NoMatches as error:
            person.app._handle_exception(error)
        await person.press("f2")
        await person.enter("seven")
        await person.sees("7 · seven")


@pytest.mark.parametrize(
    ("leaving", "error", "reported"),
    [(False, NoMatches("gone"), 1), (True, NoMatches("gone"), 0), (True, MountError("gone"), 0), (True, OSError(), 1)],
)
async def test_a_widget_that_is_gone_when_the_app_leaves_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, leaving: bool, error: Exception, reported: int
) -> None:
    """Keys that were typed after q find widgets that are gone."""
    faults: list[BaseException] = []
    async with opened() as person:
        monkeypatch.setattr(person.app, "report_fault", faults.append)
        monkeypatch.setattr(person.app, "_exit", leaving)
        person.app._handle_exception(error)
        monkeypatch.setattr(person.app, "_exit", False)
    assert len(faults) == reported
