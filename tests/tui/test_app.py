"""What holds on every screen: keys, tabs, palette, sizes, errors, and leaving."""

from __future__ import annotations

import threading

import pytest
from fakes import FakeJobs, finished_run
from textual.actions import parse
from user import SIZES, STEPS, User, opened

from engine.config.training import PRESETS
from engine.errors import StorageError
from tui.dialogs.choice import ChoiceDialog
from tui.screens.base import AppScreen
from tui.settings.keymap import FIRST_KEY, SCREEN_NAMES

SCREENS = {f"f{number}": name for number, name in enumerate(SCREEN_NAMES, FIRST_KEY)}


def at(person: User) -> str:
    screen = person.app.screen
    return screen.NAME if isinstance(screen, AppScreen) else type(screen).__name__


@pytest.mark.slow
async def test_function_keys_digits_and_tabs_go_to_the_screens() -> None:
    async with opened() as person:
        for key, name in [*SCREENS.items(), ("1", "prompt")]:
            await person.press(key)
            await person.until(lambda name=name: at(person) == name)
        await person.press("escape")
        for number, name in [*enumerate(SCREEN_NAMES[1:], 2), (1, "prompt")]:
            await person.press(str(number))
            await person.until(lambda name=name: at(person) == name)
            if name == "prompt":
                await person.press("escape")


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 80, 160])
async def test_a_click_on_a_tab_goes_to_its_screen_under_its_name_or_its_digit(width: int) -> None:
    async with opened(size=(width, 24)) as person:
        await person.sees("Type a digit", "idle")
        for number, name in [*enumerate(SCREEN_NAMES[1:], 2), (1, "prompt")]:
            await person.until(lambda: "idle" in person.screen.partition("\n")[0])  # a new screen is laid out
            line = person.screen.splitlines()[0]
            label = name.title() if name.title() in line else f" {number} "
            assert (label == name.title()) == (width == 160), line
            await person.pilot.click("TopLine", offset=(line.index(label) + 1, 0))
            await person.until(lambda name=name: at(person) == name)


async def test_the_palette_opens_and_goes_to_a_screen() -> None:
    async with opened() as person:
        await person.press("ctrl+p")
        await person.until(lambda: at(person) == "Palette")
        person.burst(*"screen grid")
        await person.sees("Screen: Grid")
        await person.pilot.pause(0.3)
        await person.press("enter")
        await person.until(lambda: at(person) == "grid")


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
async def test_every_key_in_a_footer_does_something(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        for key in SCREENS:
            await person.press(key)
            await person.settle()
            shown = 0
            for binding in person.app.screen.active_bindings.values():
                namespace, name, _ = parse(binding.binding.action)
                node = {"app": person.app, "screen": person.app.screen}.get(namespace, binding.node)
                assert any(hasattr(node, prefix + name) for prefix in ("action_", "_action_")), f"{key}: {binding.binding}"
                shown += binding.binding.show
            assert shown >= 4
            await person.until(lambda: person.screen.splitlines()[-1].strip())  # the footer is in sight


@pytest.mark.slow
@pytest.mark.parametrize("size", [(40, 12), (60, 20), (200, 60), (20, 5)])
async def test_sizes_small_and_large(size: tuple[int, int]) -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened(size=size) as person:
        await person.enter("three sevens")
        await person.until(lambda: person.jobs.drawings)
        for key in ("f3", "f4", "f5", "f6", "f7", "f2"):
            await person.press(key)
            if key == "f3":
                await person.press("enter")
            await person.press("f1", "escape")
        await person.pilot.resize_terminal(80, 24)
        await person.press("f4")
        await person.sees("0 zero", "9 nine")
        await person.pilot.resize_terminal(*size)
        await person.press("w", "escape", "o", "escape", "f5", "n", "escape")
        assert person.app.is_running


async def test_an_unexpected_error_of_the_engine_is_a_notice() -> None:
    jobs = FakeJobs()
    jobs.failures.append(KeyError("groups"))
    async with opened(jobs) as person:
        await person.enter("seven")
        await person.is_told("KeyError: 'groups'")
        assert "Traceback" not in person.screen
        await person.enter("seven")
        await person.sees("0.05 s")


async def test_an_engine_that_does_not_start_says_why() -> None:
    class Broken(FakeJobs):
        def warm_up(self):
            raise StorageError("can't make the folder; set DIGITTY_HOME to a folder you can write to")

    async with opened(Broken()) as person:
        await person.is_told("set DIGITTY_HOME")
        await person.sees("no engine")


async def test_what_is_chosen_is_kept_even_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITTY_HOME", "/proc/nowhere")
    async with opened() as person:
        await person.enter("seven")
        await person.sees("0.05 s")
        await person.press("ctrl+r")
        await person.sees("seed 2")
        await person.press("f5")
        await person.sees("No run yet")


@pytest.mark.slow
async def test_ctrl_c_leaves_and_the_engines_thread_ends() -> None:
    async with opened() as person:
        assert any(thread.name == "engine" for thread in threading.enumerate())
        await person.press("ctrl+c")
        await person.until(lambda: not person.app.is_running)
        assert person.app.return_value == 0
    assert not any(thread.name == "engine" for thread in threading.enumerate())


async def test_a_second_ctrl_q_means_it() -> None:
    async with opened(FakeJobs(train_holds_at=2)) as person:
        await person.press("f5", "down", "down", "down", "n")
        await person.until(lambda: person.app.focused and person.app.focused.id == "resume")
        await person.press("ctrl+s")
        await person.sees("step 2/40")
        await person.press("ctrl+q")
        assert isinstance(person.app.screen, ChoiceDialog)
        await person.press("ctrl+q")
        await person.until(lambda: not person.app.is_running)


async def test_what_the_engine_waits_for_is_named_however_narrow_the_terminal() -> None:
    jobs = FakeJobs()
    jobs.warm.clear()
    async with opened(jobs, size=(60, 24)) as person:
        await person.sees("loading tor")
        await person.pilot.resize_terminal(80, 24)
        await person.sees("shipped · loading torch…")
        jobs.warm.set()
        await person.sees("cpu fp32 · shipped · idle")


async def test_leaving_in_the_middle_of_a_drawing() -> None:
    async with opened(FakeJobs(draw_holds_at=2)) as person:
        await person.press("f4")
        await person.sees(f"step 2/{STEPS}")
        await person.press("ctrl+q")
        await person.until(lambda: not person.app.is_running)


async def test_q_closes_a_dialog_and_only_then_leaves() -> None:
    async with opened() as person:
        await person.press("f3", "w", "q")
        assert at(person) == "generate"
        await person.press("q")
        await person.until(lambda: not person.app.is_running)


async def test_what_runs_is_named_however_narrow_the_terminal() -> None:
    async with opened(FakeJobs(draw_holds_at=2), size=(70, 24)) as person:
        await person.enter("seven")
        await person.sees("· drawing")
        await person.pilot.resize_terminal(62, 24)
        await person.sees("drawing")
        await person.pilot.resize_terminal(120, 24)
        await person.sees("cpu fp32 · shipped · drawing")
