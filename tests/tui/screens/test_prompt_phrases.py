"""Prompts that say what digits should look like, and changes of the last answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_training import ENGINE
from fakes import FakeJobs
from textual.widgets import Input, Static
from user import SMALL, User, opened

from engine.config.condition import SCORES, AttributeScales, Condition, ConditionConfig, Interval, Scale
from engine.config.text import TextConfig
from engine.config.training import PRESETS
from engine.protocol.measured import Measured
from engine.runs.manage import create_run
from tui.settings.config_file import Config

TOLD = ConditionConfig(
    tuple(
        AttributeScales(name, Scale(tuple(mean + deviation * score for score in SCORES)))
        for name, mean, deviation in (("thickness", 2.7, 0.7), ("slant", 5.0, 14.0), ("width", 13.0, 3.0))
    ),
    ("crossed",),
)
CONFIG = replace(PRESETS["quick"], model=replace(PRESETS["quick"].model, conditions=TOLD))
LEANING = ("slant", Interval(high=-5))


@pytest.fixture(autouse=True)
def strokes() -> None:
    """A run whose network is told attributes."""
    run = create_run("strokes", CONFIG, ENGINE)
    run.best_path.parent.mkdir(exist_ok=True)
    run.best_path.touch()


def with_strokes() -> Config:
    return Config({"weights": "strokes"})


def conditions(person: User) -> list[tuple[Condition, ...] | None]:
    return [request.conditions for request in person.jobs.drawings]


def caption(person: User) -> str:
    """The text beside the last answer."""
    return str(person.app.screen.query(".answer .words").last(Static).render())


@pytest.mark.slow
@pytest.mark.parametrize("size", [SMALL, (40, 12)])
async def test_a_phrase_is_drawn_and_its_caption_says_what_was_understood_and_measured(size: tuple[int, int]) -> None:
    jobs = FakeJobs(again=1)
    jobs.measured = (Measured((("thickness", 3.61), ("slant", -2.5)), (), ("slant",)),)
    async with opened(jobs, size=size, config=with_strokes()) as person:
        await person.enter("a bold seven leaning left")
        await person.sees("❯ a bold seven leaning left", "7 · bold · leaning left")
        await person.until(lambda: "measured: thickness 3.61 px, slant -2.5° (asked for: -5° or less)" in caption(person))
        assert "1 redrawn · 1 not as asked" in caption(person)
        (asked,) = person.jobs.drawings[0].conditions or ()
        assert asked.label == 7
        assert asked.attributes == (("thickness", Interval(low=asked.interval("thickness").low)), LEANING)


async def test_several_phrases_are_described_in_one_line() -> None:
    jobs = FakeJobs()
    jobs.measured = (Measured((("thickness", 3.61),)), Measured((("thickness", 1.5),)))
    async with opened(jobs, config=with_strokes()) as person:
        await person.enter("a bold 3 and a thin 7")
        await person.sees("3 · bold, 7 · thin", "both are as asked for")
        jobs.measured = (jobs.measured[0], Measured((("thickness", 3.0),), (), ("thickness",)))
        await person.press("ctrl+r")
        await person.sees("1 of 2 digits is not as asked for: 7 has thickness 3 px instead of")
        assert conditions(person)[0] == conditions(person)[1]


async def test_weights_that_read_captions_are_told_the_words_until_something_is_changed() -> None:
    model = replace(CONFIG.model, conditions=replace(TOLD, text=True), text=TextConfig(("bold",)))
    run = create_run("words", replace(CONFIG, model=model), ENGINE)
    run.best_path.parent.mkdir(exist_ok=True)
    run.best_path.touch()
    async with opened(config=Config({"weights": "words"})) as person:
        for number, text in enumerate(("a bold seven please", "leaning left", "seven"), 1):
            await person.enter(text)
            await person.until(lambda number=number: len(conditions(person)) == number)  # type: ignore[misc]
            await person.sees("0.05 s")
        first, changed, plain = conditions(person)
        assert [each.text for each in first or ()] == ["a bold seven please"]
        assert [each.text for each in changed or ()] == ["bold 7 leaning left"]
        assert plain is None


async def test_weights_that_learned_captions_draw_any_text_in_their_words() -> None:
    data = replace(CONFIG.data, class_names=(), digest="sha256:1", source="/a/folder", texts="sha256:2")
    model = replace(CONFIG.model, conditions=ConditionConfig(text=True), text=TextConfig(("a", "bold", "red", "ring")), data=data)
    run = create_run("rings", replace(CONFIG, model=model), ENGINE)
    run.best_path.parent.mkdir(exist_ok=True)
    run.best_path.touch()
    async with opened(config=Config({"weights": "rings"})) as person:
        await person.enter("a bold red ring")
        await person.sees("❯ a bold red ring", "0.05 s")
        assert conditions(person) == [(Condition(0, text="a bold red ring"),)]
        await person.enter("a rad ring")
        await person.sees("has the word 'rad'; did you mean")
        assert len(person.jobs.drawings) == 1


async def test_plain_prompts_have_no_conditions_whatever_the_weights_are_told() -> None:
    async with opened(config=with_strokes()) as person:
        await person.enter("three sevens")
        await person.sees("7 7 7", "0.05 s")
        assert conditions(person) == [None]
        assert "measured" not in person.screen


@pytest.mark.parametrize("text", ["bold seven", "bolder"])
async def test_weights_that_are_told_only_classes_name_those_that_can(text: str) -> None:
    async with opened(config=Config({"weights": "shipped:labels"})) as person:
        await person.sees("idle")
        await person.enter(text)
        await person.until(lambda: "shipped and strokes can be asked for it: esc, then w chooses those weights" in " ".join(person.screen.split()))
        assert person.app.screen.query_one("#prompt", Input).value == text
        assert not person.jobs.drawings


async def test_a_phrase_is_said_in_words_while_it_is_typed_and_nothing_plain_is_sketched() -> None:
    async with opened(config=with_strokes()) as person:
        await person.sees("idle")
        person.burst(*"bold seven")
        await person.sees("7 · bold (enter draws it; phrases are not sketched)")
        person.burst(*" leaning left")
        await person.sees("7 · bold · leaning left (enter draws it")
        assert person.screen.count("enter draws it") == 1
        assert not person.jobs.sketches
        await person.press("enter")
        await person.sees("0.05 s")
        assert "enter draws it" not in person.screen


async def test_the_first_line_shows_that_these_weights_are_told_more() -> None:
    async with opened(size=SMALL, config=with_strokes()) as person:
        await person.sees("a bold 7 leaning left")
        person.app.studio.change_settings(weights="shipped:labels")
        await person.sees_no_more("a bold 7 leaning left")


async def test_again_with_other_weights_that_are_not_told_draws_nothing() -> None:
    async with opened(config=with_strokes()) as person:
        await person.enter("bold seven")
        await person.sees("0.05 s")
        person.app.studio.change_settings(weights="shipped:labels")
        await person.press("ctrl+r")
        await person.until(lambda: "shipped and strokes can be asked for it" in " ".join(person.screen.split()))
        assert len(person.jobs.drawings) == 1


# --- changes of the last answer -----------------------------------------------------------------------------------------


def exact(person: User, name: str, picture: int = 0) -> float:
    """The value of an attribute that the last drawing was asked for."""
    interval = (person.jobs.drawings[-1].conditions or ())[picture].interval(name)
    assert interval.low == interval.high
    return interval.low


async def drawn(person: User, text: str) -> None:
    count = len(person.jobs.drawings)
    await person.enter(text)
    await person.until(lambda: len(person.jobs.drawings) == count + 1 and "0.05 s" in caption(person))


@pytest.mark.slow
async def test_bolder_goes_on_from_what_the_last_answer_shows_and_keeps_its_noise() -> None:
    async with opened(config=with_strokes()) as person:
        await drawn(person, "seven")
        await drawn(person, "bolder")  # 0.75 deviations above the 4.1 px that were measured
        await person.sees("❯ bolder", "7 · thickness 4.62 px")
        first, bolder = person.jobs.drawings
        assert exact(person, "thickness") == pytest.approx(4.62)
        assert (bolder.labels, bolder.sample.seed, bolder.indices) == (first.labels, first.sample.seed, first.indices)
        assert (first.sample.redraw_below > 0, bolder.sample.redraw_below) == (True, 0.0), "a picture that is redrawn has other noise"
        await drawn(person, "leaning left, please, but the same")
        assert (person.jobs.drawings[-1].conditions or ())[0].attributes == (("thickness", Interval(4.62, 4.62)), LEANING)
        await drawn(person, "a slightly thinner 7")
        assert exact(person, "thickness") == pytest.approx(4.62 - 0.35 * 0.7, abs=0.006)
        assert {request.sample.seed for request in person.jobs.drawings} == {first.sample.seed}


async def test_a_picture_that_changed_more_than_asked_is_no_miss_and_one_that_did_not_change_is() -> None:
    jobs = FakeJobs()
    async with opened(jobs, config=with_strokes()) as person:
        await drawn(person, "seven")
        jobs.measured = (Measured((("thickness", 5.82),), (), ("thickness",)),)
        await drawn(person, "bolder")
        await person.until(lambda: "measured: thickness 5.82 px (before: 4.1 px)" in caption(person))
        assert "not as asked" not in caption(person)
        jobs.measured = (Measured((("thickness", 4.2),), (), ("thickness",)),)
        await drawn(person, "bolder")
        await person.until(lambda: "measured: thickness 4.2 px (before: 4.1 px, asked for: " in caption(person))
        assert "1 not as asked" in caption(person)
        await drawn(person, "make it 6 px thick")
        assert "before" not in caption(person), "an exact value is no change from the last picture"


async def test_a_change_goes_on_from_what_was_asked_where_the_picture_misses_that() -> None:
    async with opened(config=with_strokes()) as person:
        await drawn(person, "seven leaning left")
        await drawn(person, "more slanted")  # 8° further left than -5°, although the picture is upright
        assert exact(person, "slant") == -13


async def test_a_change_of_an_answer_that_was_redrawn_tries_the_same_noise_in_the_same_order() -> None:
    jobs = FakeJobs(again=1)
    async with opened(jobs, config=with_strokes()) as person:
        await drawn(person, "seven")
        jobs.again = 0
        await drawn(person, "bolder")
        assert jobs.drawings[0].sample == jobs.drawings[1].sample
        assert "The last answer was redrawn, so this one may start from other noise." in caption(person)
        await drawn(person, "bolder")
        assert jobs.drawings[2].sample.redraw_below == 0
        assert "other noise" not in caption(person)


async def test_again_draws_the_same_from_other_noise() -> None:
    async with opened(config=with_strokes()) as person:
        await drawn(person, "two bold sevens")
        await drawn(person, "again")
        first, again = person.jobs.drawings
        assert (again.labels, again.conditions, again.sample.redraw_below) == (first.labels, first.conditions, first.sample.redraw_below)
        assert again.sample.seed != first.sample.seed
        assert not person.jobs.measurings


async def test_a_change_of_a_grid_keeps_the_noise_that_its_digits_share() -> None:
    async with opened(config=with_strokes()) as person:
        await drawn(person, "grid")
        await drawn(person, "make the 3 wider")
        asked = person.jobs.drawings[-1]
        assert asked.indices == (0,) * 10
        assert [condition.label for condition in asked.conditions or () if condition.attributes] == [3]


async def test_a_change_waits_for_the_answer_that_is_being_drawn() -> None:
    async with opened(FakeJobs(draw_holds_at=2), config=with_strokes()) as person:
        await person.enter("seven")
        await person.sees("step 2/")
        await person.enter("bolder")
        await person.enter("bolder")
        await person.sees("waiting for the last answer…")
        assert len(person.jobs.drawings) == 1
        person.jobs.go_on_drawing.set()
        await person.until(lambda: len(person.jobs.drawings) == 3)
        assert exact(person, "thickness") > (person.jobs.drawings[1].conditions or ())[0].interval("thickness").low


@pytest.mark.slow
async def test_a_change_of_an_answer_that_is_stopped_is_not_drawn() -> None:
    async with opened(FakeJobs(draw_holds_at=2), config=with_strokes()) as person:
        await person.enter("seven")
        await person.sees("step 2/")
        await person.enter("bolder")
        await person.press("escape", "escape")
        await person.until(lambda: caption(person) == "not drawn, because the answer that it changes was not finished")
        await person.press("i")
        await person.enter("wider")
        await person.sees("there is none yet; draw something first")


@pytest.mark.parametrize(
    ("before", "text", "why"),
    [
        ("", "bolder", "'bolder' changes the last answer, but there is none yet; draw something first, such as 'a bold 7 leaning left'"),
        ("three", "a slightly thinner 7", "the last answer has no picture of that class"),
        ("three", "again, but crossed", "only a 7 can be crossed"),
        ("thickness 9.9 three", "bolder", "the thickness is at its limit"),
    ],
)
async def test_what_can_not_be_changed_is_said_and_the_text_stays(before: str, text: str, why: str) -> None:
    async with opened(config=with_strokes()) as person:
        await person.sees("idle")
        if before:
            await drawn(person, before)
        await person.enter(text)
        await person.until(lambda: why in " ".join(person.screen.split()))
        assert person.app.screen.query_one("#prompt", Input).value == text
        assert "enter draws it" not in person.screen
        assert len(person.jobs.drawings) == bool(before)


async def test_a_change_is_said_in_words_while_it_is_typed() -> None:
    async with opened(config=with_strokes()) as person:
        await person.sees("idle")
        person.burst(*"slightly bolder")
        await person.sees("last answer · bolder (enter draws it")
