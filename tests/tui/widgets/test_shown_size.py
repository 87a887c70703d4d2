"""Pictures that are larger than their room: as large as they fit, and said to be smaller than they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import finished_run
from textual.widgets import Static
from user import User, opened

from engine.config.data import DataSpec
from engine.config.training import PRESETS
from tui.terminal.graphics import Graphics
from tui.widgets.answer import Answer

LARGE_IMAGES = DataSpec(
    name="Faces",
    height=128,
    width=128,
    channels=3,
    class_names=("cat", "dog"),
    train_images=60_000,
    mean=0.0,
    std=0.5,
    source="/data/faces",
    digest="sha256:00",
)


async def choose(person: User, data: DataSpec) -> None:
    finished_run("faces", PRESETS["quick"].with_data(data))
    person.app.studio.change_settings(weights="faces")
    await person.until(lambda: person.app.studio.data == data)


@pytest.mark.parametrize(("size", "one", "two"), [((80, 24), 36, 28), ((160, 50), 88, 72), ((200, 60), 88, 88)])
async def test_prompt_shows_large_pictures_as_large_as_they_fit_and_says_how_small(size: tuple[int, int], one: int, two: int) -> None:
    async with opened(size=size) as person:
        await choose(person, LARGE_IMAGES)
        await person.enter("cat")
        await person.sees(f"shown at {one} of 128 px", "z enlarges")
        answer = person.app.screen.query_one(Answer)
        assert answer.size.height <= answer.parent.size.height, "all of it is on the screen"  # type: ignore[union-attr]
        await person.enter("two cats")
        await person.sees(f"shown at {two} of 128 px")
        await person.press("escape", "z")
        await person.sees("shown at", "esc close")


async def test_the_note_follows_a_resize_and_what_the_terminal_can_show() -> None:
    async with opened(size=(80, 24)) as person:
        await choose(person, replace(LARGE_IMAGES, height=64, width=64))
        await person.enter("cat")
        await person.sees("shown at 36 of 64 px")
        await person.pilot.resize_terminal(160, 50)
        await person.sees_no_more("shown at")
        await person.pilot.resize_terminal(80, 24)
        await person.sees("shown at 36 of 64 px")
        person.app.graphics = Graphics.KITTY
        await person.press("ctrl+r")
        await person.until(lambda: len(person.jobs.drawings) == 2)
        await person.until(lambda: all(answer.result for answer in person.app.screen.query(Answer)))
        await person.settle()
        assert "shown at" not in str(person.app.screen.query(Answer).last().query_one(".words", Static).content), "360 pixels a side"


@pytest.mark.slow
async def test_generate_and_grid_say_how_small_pictures_are() -> None:
    async with opened(size=(80, 24)) as person:
        await choose(person, LARGE_IMAGES)
        await person.press("f4")
        await person.sees("0.05 s", "of 128 px")
        await person.pilot.resize_terminal(300, 150)
        await person.sees_no_more("of 128 px")
