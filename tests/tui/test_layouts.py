"""The screens at three sizes, as text: `UPDATE_LAYOUTS=1 pytest tests/tui/test_layouts.py` writes them anew, to be looked at."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fakes import finished_run
from textual import events
from textual.geometry import Size
from user import User, opened

from engine.config.serialize import with_changes
from engine.config.training import PRESETS
from tui.settings.keymap import FIRST_KEY, SCREEN_NAMES

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "layouts"
SIZES = ((80, 24), (120, 40), (200, 60))


async def prompt(person: User) -> None:
    await person.enter("seven")
    await person.sees("7 · seven", "steps/s", "shipped", "idle")
    await person.enter("grid")
    await person.sees("0 1 2 3 4 5 6 7 8 9", "idle")


async def generate(person: User) -> None:
    await person.press("f3", "enter")
    await person.sees("100%", "idle")


async def grid(person: User) -> None:
    await person.press("f4")
    await person.sees("9 nine", "100%", "idle")


async def train(person: User) -> None:
    await person.press("f5")
    await person.sees("seed-2", "finished", "epoch  average")
    await person.until(lambda: person.app.screen.query_one("#previews").size.height > 2)


async def how(person: User) -> None:
    await person.press(f"f{FIRST_KEY + SCREEN_NAMES.index('how')}", "tab", "tab")
    await person.sees("loss 0.0653", "attention", "idle")
    await person.until(lambda: person.view.images is not None and len(person.view.images) == 2)


SCREENS = (prompt, generate, grid, train, how)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the Train screen has to show, on a host of a known name."""
    monkeypatch.setattr("tui.studio.studio.host", lambda: "gpubox")
    finished_run("seed-2", with_changes(PRESETS["seed"], limit=128 * 20), steps=40)


async def rested(person: User) -> str:
    """What is shown once it has stayed the same for a while; the footer is made anew now and then."""
    before, same = "", 0
    while same < 4:
        await asyncio.sleep(0.1)
        same = same + 1 if person.screen == before and person.footer else 0
        before = person.screen
    return "\n".join(line.rstrip() for line in before.splitlines()) + "\n"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.__name__)
async def test_a_screen_looks_as_it_did(run: None, screen: Callable[[User], Awaitable[None]], size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.sees("cpu fp32", "idle")
        await screen(person)
        shown = await rested(person)
    path = FOLDER / f"{screen.__name__}-{size[0]}x{size[1]}.txt"
    if os.environ.get("UPDATE_LAYOUTS"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(shown)
    assert shown == path.read_text(), f"if it is better so: UPDATE_LAYOUTS=1 pytest {__file__}"


@pytest.mark.parametrize("size", [(40, 12), (300, 100)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_smallest_and_the_largest(run: None, size: tuple[int, int]) -> None:
    """Everything can be reached, by the keys alone."""
    async with opened(size=size) as person:
        await person.sees("Type a digit", "Prompt")
        await person.enter("seven")
        await person.sees("7 · seven", "steps/s")
        assert person.app.screen.focused
        assert person.app.screen.focused.region.bottom <= size[1]
        await person.press("f3", "enter")
        await person.sees("100%", "Generate")
        await person.press("e", "tab", "tab", "tab", "tab", "tab")
        await person.sees("seed 2")
        await person.press("escape", "f4")
        await person.sees("0 zero", "100%")
        seen = {name for name in ("0 zero", "9 nine") if name in person.screen}
        for _ in range(person.view.pages):
            await person.press("pagedown")
            seen |= {name for name in ("9 nine",) if name in person.screen}
        assert len(seen) == 2
        await person.press("f5")
        await person.sees("seed-2", "finished")
        await person.press("n", "shift+tab", "shift+tab", "shift+tab", "shift+tab")
        await person.sees("Start")
        await person.press("escape")


async def test_too_small_is_said_and_mended() -> None:
    async with opened(size=(30, 8)) as person:
        await person.sees("30x8 is too small.", "40x12")
        assert "Prompt" not in person.screen
        await person.pilot.resize_terminal(40, 12)
        await person.sees("Type a digit", "Prompt")
        assert "too small" not in person.screen


async def test_a_screen_does_not_keep_an_earlier_size() -> None:
    """Textual's screens tell themselves their size; late, that overtakes the terminal's."""
    async with opened(size=(100, 32)) as person:
        await person.sees("idle")
        for beneath in (False, True):
            if beneath:
                await person.press("escape", "question_mark")
            earlier = Size(77, 24)
            person.app.screen.post_message(events.Resize(earlier, earlier))
            await person.settle()
            await person.until(lambda: person.app.screen.outer_size == (100, 32) and len(person.screen.splitlines()) == 32)
