"""A disk that refuses a save: what happened, what is saved, and a choice that waits on whichever screen one is."""

from __future__ import annotations

import pytest
from fakes import FakeJobs
from user import SIZES, User, opened, start

from engine.runs.control import Command, send_command
from engine.runs.run import find_run
from tui.dialogs.choice import ChoiceDialog
from tui.screens.train import TrainScreen

pytestmark = pytest.mark.slow

WORDS = ("can't be saved at step 8", "No space left on device", "Its last save is from step 4")


async def refused(person: User, epochs: str = "3") -> None:
    """Saved at step 4, refused at step 8 of 12."""
    await start(person, name="mine", epochs=epochs)
    await person.sees("step 6/")
    person.jobs.full.set()
    person.jobs.go_on_training.set()
    await person.until(lambda: isinstance(person.app.screen, ChoiceDialog))
    await person.sees(*(word for words in WORDS for word in words.split()))


def jobs() -> FakeJobs:
    return FakeJobs(train_holds_at=6)


@pytest.mark.parametrize("size", [*SIZES, (60, 20)])
async def test_trying_again_once_there_is_room(size: tuple[int, int]) -> None:
    async with opened(jobs(), size) as person:
        await refused(person)
        await person.press("t")
        await person.until(lambda: isinstance(person.app.screen, ChoiceDialog))  # still full: asked again
        await person.sees("can't be saved at step 8")
        person.jobs.full.clear()
        await person.press("enter")  # the first answer
        await person.sees("mine", "finished", "step 12/12")
        assert not isinstance(person.app.screen, ChoiceDialog)
    assert [step for step, _ in find_run("mine").states()][-1] == 12


async def test_going_on_without_saving_until_it_can_be_saved() -> None:
    fake = jobs()
    async with opened(fake) as person:
        await refused(person, epochs="4")
        fake.train_holds_at = 10
        fake.go_on_training.clear()
        await person.press("g")
        await person.sees("not saved since step 4, now at 10: can't write state.pt: No spac")
        fake.full.clear()
        fake.go_on_training.set()
        await person.sees("mine", "finished", "step 16/16")
        assert "not saved" not in person.screen


async def test_stopping_leaves_the_last_save() -> None:
    async with opened(jobs()) as person:
        await refused(person)
        await person.press("x")
        await person.is_told("No space left on device")
        await person.sees("mine", "idle", "c continue")
    assert [step for step, _ in find_run("mine").states()] == [4]


async def test_it_comes_up_on_any_screen_and_waits_when_one_decides_later() -> None:
    fake = jobs()
    async with opened(fake) as person:
        await start(person, name="mine", epochs="3")
        await person.sees("step 6/12")
        await person.press("f3")
        fake.full.set()
        fake.go_on_training.set()
        await person.sees("can't be saved at step 8", "decide later")
        await person.press("escape", "f5")
        assert isinstance(person.app.screen, TrainScreen)
        await person.sees("press space to decide: can't write state.pt: No space", "waiting", "space decide")
        await person.press("d")
        await person.is_told("The run can't be saved now.")
        await person.press("space")
        await person.sees("can't be saved at step 8", "try again")
        fake.full.clear()
        await person.press("t")
        await person.sees("mine", "finished", "step 12/12")


async def test_the_question_goes_when_another_process_answers_it() -> None:
    fake = jobs()
    async with opened(fake) as person:
        await refused(person)
        fake.full.clear()
        send_command(find_run("mine").control_path, Command.RUN)
        await person.sees("mine", "finished", "step 12/12")
        assert isinstance(person.app.screen, TrainScreen)


async def test_leaving_is_still_possible_and_says_what_was_not_saved() -> None:
    async with opened(jobs()) as person:
        await refused(person)
        await person.press("ctrl+q")
        await person.sees("mine is training. Quit?", "save and quit")
        assert "in the background" not in person.screen, "a run that can't be saved can't be handed over"
        await person.press("ctrl+q")
        await person.until(lambda: not person.app.is_running)
        assert person.app.studio.finish(10)
        assert person.app.studio.last_words == ["can't write state.pt: No space left on device; free some space"]
    assert [step for step, _ in find_run("mine").states()] == [4]
