"""A notice that says why a key does nothing ends as soon as the key would do something, and with its screen."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fakes import FakeJobs, finished_run
from user import User, opened, start

from engine.config.training import PRESETS
from tui.widgets.notice_line import NoticeLine

NOT_DRAWN = {
    "generate": [("z", "Nothing to enlarge"), ("s", "Nothing to save"), ("left", "No drawing has finished"), ("space", "No drawing has finished")],
    "grid": [("z", "Nothing to enlarge"), ("g", "Nothing to save")],
    "compare": [("z", "Nothing to enlarge"), ("s", "Nothing to save")],
    "prompt": [("z", "Nothing to enlarge"), ("s", "Nothing to save"), ("r", "Nothing to draw again")],
}
"""The keys of each screen that need a drawing, and what they say without one."""


def shown(person: User) -> str:
    """The notice on the screen."""
    notice = person.app.screen.query_one(NoticeLine).notice
    return notice.text if notice else ""


async def go(person: User, name: str) -> None:
    person.app.action_go(name)
    await person.until(lambda: person.app.current_mode == name and person.screen and person.footer)
    if name == "prompt":
        await person.press("escape")  # from its input


@pytest.mark.parametrize(("name", "keys"), NOT_DRAWN.items())
async def test_what_needs_a_drawing_is_excused_only_until_one_has_finished(name: str, keys: Sequence[tuple[str, str]]) -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened(FakeJobs(draw_holds_at=1 if name == "grid" else None)) as person:
        await go(person, name)
        for key, text in keys:
            await person.press(key)
            await person.until(lambda text=text: text in shown(person))
        if name == "prompt":
            await person.press("i")
            await person.enter("seven")
        elif name == "grid":
            person.jobs.go_on_drawing.set()
        else:
            await person.press("enter")
        await person.until(lambda: not shown(person))
        assert all(text in person.notices for _, text in keys), "the log keeps them"


async def test_it_ends_with_its_screen() -> None:
    async with opened() as person:
        await go(person, "generate")
        await person.press("z")
        await person.until(lambda: "Nothing to enlarge" in shown(person))
        await go(person, "gallery")
        assert not shown(person)


@pytest.mark.slow
async def test_on_train_it_ends_when_the_run_that_was_in_the_way_has_ended() -> None:
    jobs = FakeJobs(train_holds_at=3)
    jobs.go_on_ending.clear()
    async with opened(jobs) as person:
        await start(person, name="mine")
        await person.sees("step 3/")
        await person.press("n")
        await person.until(lambda: "mine is already training here" in shown(person))
        await person.press("x", "n")
        await person.until(lambda: "mine is saving and stopping" in shown(person))
        jobs.go_on_ending.set()
        await person.until(lambda: not shown(person))


@pytest.mark.slow
async def test_a_field_that_was_left_by_a_change_of_screens_does_not_take_the_letters_of_the_next_visit() -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        for name in ("generate", "compare"):
            await go(person, name)
            await person.press("e")
            await person.until(lambda: person.app.focused is not None and person.app.focused.id in ("count", "what"))
            person.burst("x")
            await person.press("enter")
            await person.press("f4")
            await person.until(lambda: person.app.current_mode == "grid" and person.footer)
            person.app.action_go(name)
            await person.until(lambda name=name: person.app.current_mode == name and person.footer)
            await person.settle()
            await person.press("z")
            await person.until(lambda: "Nothing to enlarge" in shown(person))
