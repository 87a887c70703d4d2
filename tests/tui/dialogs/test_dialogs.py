"""The dialogs: weights, options, help, and questions."""

from __future__ import annotations

import pytest
from fakes import FakeJobs, finished_run
from textual.widgets import Input, OptionList, Select, Static
from user import SMALL, STEPS, User, opened

from engine.config.sampling import SampleConfig, default_for
from engine.config.serialize import with_changes
from engine.config.training import PRESETS
from engine.protocol.requests import TrainRequest
from tui.dialogs.help import HelpDialog
from tui.screens.base import AppScreen
from tui.settings.keymap import SCREEN_NAMES

OTHERS = ("shipped:labels", "shipped:one-step", "shipped:seed", "shipped:fashion")
"""The last choices of weights."""


def choices(person: User) -> list[str | None]:
    return [option.id for option in person.app.screen.query_one(OptionList).options]


def value(person: User, name: str) -> str:
    return person.app.screen.query_one(f"#{name}", Input).value


async def outside(person: User) -> None:
    """Out of the prompt's input."""
    await person.press("escape")


async def test_weights_are_chosen_used_and_remembered() -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        await outside(person)
        await person.press("w")
        await person.sees("Draw with", "come with digitty", "latest, step 8", "best epoch")
        assert choices(person) == ["shipped", "mine", "mine:best", *OTHERS]
        await person.press("down", "enter", "i")
        await person.enter("seven")
        await person.sees("mine · step 4690")
        assert person.jobs.drawings[0].weights == "mine"
    async with opened() as person:
        assert person.app.studio.settings.weights == "mine"
        await outside(person)
        await person.press("w", "escape")
        assert person.app.studio.settings.weights == "mine", "escape changes nothing"


async def test_snapshots_are_offered_the_latest_first() -> None:
    finished_run("mine", with_changes(PRESETS["quick"], keep_every=1))
    async with opened() as person:
        await outside(person)
        await person.press("w")
        await person.sees("mine:epoch-2     snapshot", "mine:epoch-1     snapshot")
        assert choices(person) == ["shipped", "mine", "mine:best", "mine:epoch-2", "mine:epoch-1", *OTHERS]


@pytest.mark.slow
async def test_the_run_that_trains_now_offers_its_live_weights() -> None:
    async with opened(FakeJobs(train_holds_at=5)) as person:
        await person.press("f5")
        person.app.studio.training.start(TrainRequest(PRESETS["quick"], run="mine"))
        await person.sees("mine", "step 5/8")
        await person.press("f3", "w")
        await person.sees("its current raw weights")
        assert choices(person) == ["shipped", "mine", "mine:live", "mine:best", *OTHERS]
        await person.press("down", "down", "enter", "enter")
        await person.sees("mine:live · step")


@pytest.mark.slow
async def test_options_are_checked_applied_and_shared() -> None:
    async with opened() as person:
        await outside(person)
        await person.press("o")
        await person.sees("How to draw", "sampler", "spacing", "guidance", "eta", "variance", "seed")
        for name, text, told in (
            ("steps", "1001", "steps 1001 is outside 1 to 1000"),
            ("guidance", "nan", "guidance nan is not a finite number"),
            ("eta", "2", "eta 2 is outside 0 to 1"),
            ("seed", "[x]", "seed '[x]' is not a whole number"),
        ):
            field = person.app.screen.query_one(f"#{name}", Input)
            good = field.value
            field.focus()
            field.value = text
            await person.press("enter")
            await person.sees(told)
            field.value = good
        person.app.screen.query_one("#steps", Input).value = "20"
        person.app.screen.query_one("#sampler", Select).value = "ddim"
        await person.press("enter")
        await person.sees("? help", "Type a digit")
        await person.press("i")
        await person.enter("seven")
        await person.sees("seed 1 · ddim · 20 steps")
        await person.press("f3")
        await person.sees("enter draws")
        assert person.app.screen.query_one("#steps", Input).value == "20"
        assert person.app.screen.query_one("#sampler", Select).value == "ddim"


@pytest.mark.slow
async def test_a_students_weights_and_sampler_come_together() -> None:
    async with opened() as person:
        await outside(person)
        await person.press("w")
        assert choices(person) == ["shipped", *OTHERS]
        await person.press("down", "down", "enter")
        assert person.app.studio.settings.sample == default_for("one-step")
        await person.press("i")
        await person.enter("seven")
        await person.sees("one-step · 1 step", "shipped:one-step")
        assert "guidance" not in person.screen, "it is folded in"
        await person.press("escape", "w")
        await person.sees("Draw with")
        await person.press("up", "enter")
        assert (person.app.studio.settings.sample.sampler, person.app.studio.settings.sample.steps) == ("dpmpp", STEPS)
        await person.press("o")
        await person.sees("How to draw")
        for sampler, steps, redraw in (("one-step", "1", "0.5"), ("ddim", str(STEPS), "0.9")):
            person.app.screen.query_one("#sampler", Select).value = sampler
            await person.until(lambda fields=[steps, redraw]: [value(person, "steps"), value(person, "redraw_below")] == fields)


async def test_what_was_chosen_stays_when_the_options_open_and_another_sampler_is_chosen() -> None:
    async with opened() as person:
        person.app.studio.change_settings(sample=SampleConfig(steps=3, redraw_below=0.5))
        await outside(person)
        await person.press("o")
        await person.sees("How to draw")
        await person.settle()
        assert (value(person, "steps"), value(person, "redraw_below")) == ("3", "0.5")
        person.app.screen.query_one("#sampler", Select).value = "ddim"
        await person.settle()
        await person.press("ctrl+s")
        await person.until(lambda: person.app.studio.settings.sample == SampleConfig("ddim", 3, redraw_below=0.5))


@pytest.mark.slow
async def test_help_names_the_screens_own_keys() -> None:
    async with opened(size=SMALL) as person:
        for key, words in (("f2", "earlier prompts"), ("f3", "through the denoising"), ("f4", "from the same noise"), ("f5", "logarithmic")):
            await person.press(key, "f1")
            await person.sees(words, "Everywhere")
            await person.press("escape")
            await person.sees_no_more("Everywhere")


async def test_function_keys_do_not_change_the_screen_under_a_dialog() -> None:
    async with opened() as person:
        await outside(person)
        await person.press("o")
        await person.sees("How to draw")
        await person.press("f5", "f1", "escape")
        await person.sees("? help", "Type a digit")


@pytest.mark.slow
async def test_the_cursor_is_where_it_was_when_a_dialog_closes() -> None:
    async with opened() as person:
        await person.press("f1", "escape")
        await person.until(lambda: person.app.focused and person.app.focused.id == "prompt")
        await outside(person)
        for key in ("w", "o", "question_mark"):
            await person.press(key)
            await person.until(lambda: not isinstance(person.app.screen, AppScreen))
            await person.press("escape")
            await person.until(lambda: isinstance(person.app.screen, AppScreen))
            assert person.app.focused is None
        await person.press("3", "1")
        await person.until(lambda: person.app.focused and person.app.focused.id == "prompt")


@pytest.mark.parametrize("key", [f"f{2 + i}" for i in range(len(SCREEN_NAMES))])
async def test_no_line_of_help_is_broken_at_80_columns(key: str) -> None:
    async with opened(size=(80, 24)) as person:
        await person.press(key, "f1")
        await person.until(lambda: isinstance(person.app.screen, HelpDialog) and person.app.screen.query(Static))
        for page in person.app.screen.query(Static):
            await person.until(lambda page=page: page.size.height > 0)
            assert page.size.height == len(str(page.render()).splitlines()), page.render()
