"""Prompts that say in whose handwriting: of a number, of an earlier answer, one for all, another than before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_training import ENGINE
from fakes import FakeJobs
from textual.widgets import Input, Static
from user import SMALL, User, opened

from engine.config.condition import ConditionConfig
from engine.config.hand import HandSource
from engine.config.training import PRESETS
from engine.prompt.hand_numbers import hand_number
from engine.runs.manage import create_run
from tui.settings.config_file import Config
from tui.widgets.answer import Answer


@pytest.fixture(autouse=True)
def pens() -> None:
    """A run whose network is told hands."""
    model = replace(PRESETS["quick"].model, conditions=ConditionConfig(hand=2))
    run = create_run("pens", replace(PRESETS["quick"], model=model), ENGINE)
    run.best_path.parent.mkdir(exist_ok=True)
    run.best_path.touch()


WITH_PENS = Config({"weights": "pens"})


def hands(person: User) -> list[object]:
    """Those that the last drawing was asked for."""
    return [condition.hand for condition in person.jobs.drawings[-1].conditions or ()]


def answers(person: User) -> list[Answer]:
    return [*person.app.screen.query(Answer)]


async def drawn(person: User, text: str) -> None:
    count = len(person.jobs.drawings)
    await person.enter(text)
    await person.until(lambda: len(person.jobs.drawings) == count + 1 and "0.05 s" in str(person.app.screen.query(".words").last(Static).render()))


@pytest.mark.parametrize("size", [SMALL, (40, 12)])
async def test_one_hand_has_a_number_that_is_shown_and_the_digits_stand_on_one_line(size: tuple[int, int]) -> None:
    async with opened(size=size, config=WITH_PENS) as person:
        await drawn(person, "2026 in one hand")
        number = hand_number(person.jobs.drawings[0].sample.seed)
        assert hands(person) == [HandSource(number)] * 4
        await person.until(lambda: f"hand {number}" in person.screen)
        view = answers(person)[0].view
        assert view.images is not None
        assert (len(view.images), view.images.width) == (1, 4 * 28)


async def test_answers_and_their_hands_can_be_named_again() -> None:
    async with opened(config=WITH_PENS) as person:
        await drawn(person, "seven in hand 12")
        await person.sees("❯ seven in hand 12 · answer 1")
        await drawn(person, "3 and 8")
        await person.sees("❯ 3 and 8 · answer 2")
        await drawn(person, "4 in the hand of answer 1")
        assert hands(person) == [HandSource(12)]
        await person.sees("4 · hand 12")
        await drawn(person, "5 in the hand of answer 2")
        (source,) = hands(person)
        assert isinstance(source, HandSource)
        shown = answers(person)[1].view.images
        assert shown is not None
        assert source.digits == ((3, shown[0]), (8, shown[1])), "no hand was asked for, so it is read from what was drawn"
        await person.sees("5 · the hand of answer 2")
        await drawn(person, "6 in the same hand as before")
        assert hands(person) == [(0.0, 2.0)], "the code that was read then"


async def test_another_hand_is_always_a_new_one_from_the_same_noise() -> None:
    async with opened(config=WITH_PENS) as person:
        await drawn(person, "three sevens by the same writer")
        seen = [hands(person)[0]]
        for _ in range(3):
            await drawn(person, "again, in another hand")
            seen.append(hands(person)[0])
            assert set(hands(person)) == {seen[-1]}
        assert len(set(seen)) == 4
        assert len({request.sample.seed for request in person.jobs.drawings}) == 1


@pytest.mark.parametrize(
    ("before", "text", "why"),
    [
        ("", "4 in the hand of answer 12", "there is no answer yet whose hand could be taken"),
        ("seven", "4 in the hand of answer 12", "there is no answer 12; the only answer here is 1"),
        ("two sevens in different hands", "4 in the hand of answer 1", "answer 1 is in several hands; name one of them"),
    ],
)
async def test_a_hand_that_is_not_there_is_said_and_the_text_stays(before: str, text: str, why: str) -> None:
    async with opened(config=WITH_PENS) as person:
        await person.sees("idle")
        if before:
            await drawn(person, before)
        seed = person.app.studio.settings.sample.seed
        await person.enter(text)
        await person.until(lambda: why in " ".join(person.screen.split()))
        assert person.app.screen.query_one("#prompt", Input).value == text
        assert len(person.jobs.drawings) == bool(before)
        assert person.app.studio.settings.sample.seed == seed


async def test_the_hand_of_an_answer_that_is_being_drawn_is_not_there_yet() -> None:
    async with opened(FakeJobs(draw_holds_at=2), config=WITH_PENS) as person:
        await person.enter("seven")
        await person.sees("step 2/")
        await person.enter("4 in the hand of answer 1")
        await person.until(lambda: "answer 1 is not finished yet; wait for it" in " ".join(person.screen.split()))


@pytest.mark.parametrize("text", ["seven in hand 12", "again, in another hand"])
async def test_weights_that_are_told_no_hands_name_those_that_are(text: str) -> None:
    async with opened(config=Config({"weights": "shipped:labels"})) as person:
        await drawn(person, "seven")
        await person.enter(text)
        await person.until(lambda: "shipped and pens can be asked for it: esc, then w chooses those weights" in " ".join(person.screen.split()))
        assert "answer 1" not in person.screen, "a number that no prompt can use"
