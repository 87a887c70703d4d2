"""What was understood, as facts that keys and the mouse change: sketched at once from the same noise, drawn in full once the keys rest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_training import ENGINE
from fakes import FakeJobs
from textual.geometry import Offset
from textual.widgets import Input
from user import SMALL, User, opened

from engine.config.condition import SCORES, AttributeScales, Condition, ConditionConfig, Interval, Scale
from engine.config.training import PRESETS, TrainConfig
from engine.protocol.requests import DrawRequest
from engine.runs.manage import create_run
from engine.runs.students import find_student
from tui.screens import fact_edits
from tui.settings.config_file import Config
from tui.widgets.answer import Answer
from tui.widgets.fact_bar import FactBar

LARGE, TINY = (160, 50), (40, 12)
TOLD = ConditionConfig(
    tuple(
        AttributeScales(name, Scale(tuple(mean + deviation * score for score in SCORES)))
        for name, mean, deviation in (("thickness", 2.7, 0.7), ("slant", 5.0, 14.0))
    ),
    ("crossed",),
)
CONFIG = replace(PRESETS["quick"], model=replace(PRESETS["quick"].model, conditions=TOLD))


def run(name: str, config: TrainConfig) -> None:
    made = create_run(name, config, ENGINE)
    made.best_path.parent.mkdir(exist_ok=True)
    made.best_path.touch()


@pytest.fixture(autouse=True)
def strokes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose network is told attributes. The keys of a test rest only where it says so."""
    run("strokes", CONFIG)
    monkeypatch.setattr(fact_edits, "REST", 60.0)


def with_strokes() -> Config:
    return Config({"weights": "strokes"})


def answers(person: User) -> list[Answer]:
    return list(person.app.screen.query(Answer))


def shown(person: User) -> str:
    """The facts of the last answer, with marks around the one that has the focus."""
    bar = answers(person)[-1].facts
    return "".join(piece.text for line in bar._lines(500) for piece in line)


async def drawn(person: User, text: str) -> None:
    count = len(person.jobs.drawings)
    await person.sees("idle")
    await person.enter(text)
    await person.until(lambda: len(person.jobs.drawings) == count + 1 and answers(person)[-1].result)


async def sketched(person: User, count: int) -> DrawRequest:
    """The last of so many sketches, once it is finished."""
    await person.until(lambda: len(person.jobs.sketches) == count and "sketching" not in person.app.studio.router.activities)
    return person.jobs.sketches[-1]


def asked(request: DrawRequest, picture: int = 0) -> Condition:
    assert request.conditions is not None
    return request.conditions[picture]


@pytest.mark.parametrize("size", [SMALL, LARGE, TINY])
async def test_arrow_keys_change_a_fact_and_the_picture_follows_from_the_same_noise(size: tuple[int, int]) -> None:
    async with opened(size=size, config=with_strokes()) as person:
        await drawn(person, "a bold seven leaning left")
        await person.press("tab")
        await person.sees("<7> · bold · leaning left")
        await person.press("tab", "right")
        await person.until(lambda: shown(person) == "7 · <very bold> · leaning left")
        await person.sees("❯ very bold 7 leaning left", "a sketch in 4 steps")
        first, sketch = person.jobs.drawings[0], await sketched(person, 1)
        assert (sketch.sample.sampler, sketch.sample.steps, sketch.sample.redraw_below, sketch.sample.seed) == ("dpmpp", 4, 0, first.sample.seed)
        assert (sketch.labels, sketch.indices, sketch.weights) == (first.labels, first.indices, "strokes")
        assert asked(sketch).interval("thickness").low == pytest.approx(2.7 + 0.7 * 1.28)
        await person.press("tab", "down", "down")
        await person.until(lambda: shown(person) == "7 · very bold · <leaning far left>")
        assert len(person.jobs.drawings) == 1, "the keys do not rest yet"
        assert [answer.text for answer in answers(person)] == ["a bold seven leaning left", "very bold 7 leaning far left"]


async def test_once_the_keys_rest_the_answer_is_drawn_in_full_with_a_recipe_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fact_edits, "REST", 0.05)
    async with opened(size=SMALL, config=with_strokes()) as person:
        await drawn(person, "7 slant 10")
        await person.press("tab", "tab", "right")
        await person.until(lambda: len(person.jobs.drawings) == 2 and answers(person)[-1].result)
        await person.press("right")
        await person.until(lambda: len(person.jobs.drawings) == 3 and answers(person)[-1].result)
        await person.sees("❯ 7 slant 14", "0.05 s")
        assert [asked(request).interval("slant") for request in person.jobs.drawings] == [Interval(x, x) for x in (10, 12, 14)]
        assert {request.sample.seed for request in person.jobs.drawings} == {person.jobs.drawings[0].sample.seed}
        assert [request.sample.redraw_below > 0 for request in person.jobs.drawings] == [True, False, False], "redrawing would start from other noise"
        before, after = (answer.result for answer in answers(person))
        assert before
        assert after
        assert [asked_of.interval("slant").low for asked_of in (before.recipe.conditions or ())[:1] + (after.recipe.conditions or ())[:1]] == [10, 14]


async def test_enter_draws_what_is_not_as_asked_again_and_keeps_the_answer() -> None:
    async with opened(size=SMALL, config=with_strokes()) as person:
        await drawn(person, "bold 7")
        await person.press("tab", "tab", "enter")
        await person.is_told("Nothing is changed yet")
        await person.press("left", "enter")
        await person.until(lambda: len(person.jobs.drawings) == 2 and answers(person)[-1].result)
        assert person.jobs.drawings[1].sample == person.jobs.drawings[0].sample
        await person.press("left")
        await person.until(lambda: len(answers(person)) == 3)
        assert [answer.text for answer in answers(person)[1:]] == ["slightly bold 7", "medium 7"]


async def test_escape_goes_back_to_the_input_and_draws_at_once_what_waits() -> None:
    async with opened(size=SMALL, config=with_strokes()) as person:
        await drawn(person, "bold crossed 7")
        await person.press("shift+tab", "up", "escape")
        await person.until(lambda: len(person.jobs.drawings) == 2)
        assert asked(person.jobs.drawings[1]).variants == (("crossed", False),)
        await person.press(*"nine")
        assert person.app.screen.query_one("#prompt", Input).value == "nine"


async def test_backspace_leaves_a_fact_out_but_not_what_is_drawn() -> None:
    async with opened(size=SMALL, config=with_strokes()) as person:
        await drawn(person, "a bold 7 leaning left")
        await person.press("tab", "backspace")
        await person.is_told("What is drawn can't be left out")
        await person.press("tab", "backspace")
        await person.until(lambda: shown(person) == "7 · <leaning left>")
        await person.press("backspace")
        await person.until(lambda: shown(person) == "<7>")
        assert (await sketched(person, 2)).conditions is None
        await person.press("right")
        await person.until(lambda: shown(person) == "<8>")
        assert (await sketched(person, 3)).labels == (8,)


async def test_each_group_of_pictures_has_facts_of_its_own() -> None:
    async with opened(size=SMALL, config=with_strokes()) as person:
        await drawn(person, "two bold 3s and a thin 7")
        assert shown(person) == "2 × 3 · bold, 7 · thin"
        await person.press("shift+tab", "right")
        sketch = await sketched(person, 1)
        assert shown(person) == "2 × 3 · bold, 7 · <slightly thin>"
        assert asked(sketch, 0) == asked(sketch, 1) == asked(person.jobs.drawings[0], 0)
        assert asked(sketch, 2) != asked(person.jobs.drawings[0], 2)
        await person.press("shift+tab", "shift+tab", "shift+tab", "left")
        assert (await sketched(person, 2)).labels == (2, 2, 7)


async def test_a_sketch_is_not_given_up_for_each_key_and_the_last_one_shows_the_facts_as_they_are() -> None:
    async with opened(size=SMALL, config=with_strokes()) as person:
        await drawn(person, "7 slant 0")
        await person.press("tab", "tab")
        person.burst(*["right"] * 9)
        await person.until(lambda: shown(person) == "7 · <slant 18°>")
        await person.until(lambda: asked(person.jobs.sketches[-1]).interval("slant") == Interval(18, 18))
        assert len(answers(person)) == 2


async def test_the_mouse_chooses_a_fact_and_its_arrows_change_it() -> None:
    async with opened(size=SMALL, config=with_strokes()) as person:
        await drawn(person, "a bold 7 leaning left")
        bar = answers(person)[-1].facts
        await person.sees("7 · bold · leaning left")
        await person.pilot.click(bar, offset=Offset(5, 0))  # b o l d
        await person.until(lambda: shown(person) == "7 · <bold> · leaning left" and bar._drawn == bar._lines(bar.size.width))
        await person.sees("7 · <bold> ·")
        await person.settle()
        assert len(answers(person)) == 1
        await person.pilot.click(bar, offset=Offset(4, 0))
        await person.until(lambda: shown(person) == "7 · <slightly bold> · leaning left")


async def test_what_goes_no_further_is_said() -> None:
    async with opened(size=SMALL, config=with_strokes()) as person:
        await drawn(person, "bold 1 2 3")
        await person.press("tab", "right")
        await person.is_told("Several classes have no next one")
        await person.press("escape")
        await drawn(person, "slant 60 7")
        await person.press("tab", "tab", "right")
        await person.is_told("slant 60° is as far as it goes")
        assert len(answers(person)) == 2


async def test_weights_that_are_told_less_are_refused_and_nothing_is_drawn() -> None:
    async with opened(size=SMALL, config=with_strokes()) as person:
        await drawn(person, "bold 7")
        person.app.studio.change_settings(weights="shipped:labels")
        await person.enter("bolder")
        await person.sees("understood last answer · bolder, but these weights are told only")
        await person.press("tab", "tab", "right")
        await person.until(lambda: " ".join(person.screen.split()).count("these weights are told only which class to draw") == 1)
        await person.sees_no_more("understood last answer")
        assert "shipped and strokes can be asked for it: esc, then w chooses those weights" in " ".join(person.screen.split())
        assert (len(answers(person)), person.jobs.sketches) == (1, [])


async def test_without_facts_the_key_says_what_to_ask_for() -> None:
    async with opened(size=SMALL, config=with_strokes()) as person:
        await drawn(person, "seven")
        await person.press("tab")
        await person.is_told("ask for something such as 'a bold 7 leaning left', then tab")
        assert isinstance(person.app.focused, Input)


async def test_a_shortage_of_room_is_met_by_more_lines() -> None:
    async with opened(size=TINY, config=with_strokes()) as person:
        await drawn(person, "very bold uncrossed 7 leaning slightly right")
        bar = answers(person)[-1].facts
        await person.until(lambda: bar.size.height == 3)
        assert [strip.text.rstrip() for strip in map(bar.render_line, range(3))] == ["7 · very bold ·", "leaning slightly right ·", "uncrossed"]
        await drawn(person, "eights from thin to bold")
        assert shown(person).endswith(", …")
        assert all(all(answers(person)[-1].facts._lines(width)) for width in range(1, 100)), "no line is empty"


# --- students ---------------------------------------------------------------------------------------------------------


def test_a_student_that_is_told_the_same_sketches_in_one_step() -> None:
    assert find_student("shipped:labels") == "shipped:one-step"
    assert find_student("shipped") is None, "it is told more"
    assert find_student("strokes") is None
    student = replace(PRESETS["one-step"], teacher="strokes:best", model=replace(PRESETS["one-step"].model, one_step=True))
    run("plain", student)
    assert find_student("strokes") is None, "it would not show what is asked for"
    run("quick", replace(student, model=replace(student.model, conditions=TOLD)))
    assert find_student("strokes") == find_student("strokes:latest") == "quick"
    assert find_student("missing") is None


async def test_sketches_are_drawn_by_the_student() -> None:
    model = replace(PRESETS["one-step"].model, one_step=True, conditions=TOLD)
    run("quick", replace(PRESETS["one-step"], teacher="strokes", model=model))
    async with opened(FakeJobs(), size=SMALL, config=with_strokes()) as person:
        await drawn(person, "bold 7")
        await person.press("tab", "tab", "right")
        await person.sees("a sketch in 1 step")
        sketch = await sketched(person, 1)
        assert (sketch.weights, sketch.sample.sampler, sketch.sample.steps) == ("quick", "one-step", 1)
        assert asked(sketch).label == 7


def test_the_bar_takes_no_room_without_facts() -> None:
    assert not FactBar().places
