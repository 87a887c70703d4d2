"""Sixteen samples, live; scrubbed through, saved; and controls that say what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fake_pictures import digits
from fake_training import ENGINE
from fakes import FakeJobs
from PIL import Image
from textual import events
from textual.widgets import Input, Select
from user import LARGE, SIZES, SMALL, STEPS, User, opened

from engine.config.condition import Condition, ConditionConfig, Interval
from engine.config.hand import HandSource
from engine.config.sampling import default_for
from engine.config.text import TextConfig
from engine.config.training import PRESETS
from engine.prompt.hand_numbers import hand_number
from engine.protocol.measured import Measured
from engine.runs.manage import create_run
from tui.screens.generate import GenerateScreen
from tui.settings.config_file import Config


async def generate(person: User) -> None:
    await person.press("f3")
    await person.sees("enter draws")


def field(person: User, name: str) -> Input:
    return person.app.screen.query_one(f"#{name}", Input)


async def set_field(person: User, name: str, text: str) -> None:
    field(person, name).focus()
    field(person, name).select_all()
    person.burst(*text)
    await person.settle()


@pytest.mark.parametrize("size", SIZES)
async def test_sixteen_samples_are_drawn_and_shown(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await generate(person)
        await person.press("enter")
        await person.sees("100%", "0.05 s · 200 steps/s", "scrub", "seed 1 · dpmpp · 14 steps", "shipped · step 4690 · average")
        labels = person.jobs.drawings[0].labels
        assert len(labels) == 16
        assert person.view.images is not None
        assert list(person.view.images) == [digits()[label] for label in labels if label is not None]
        assert person.view.pages == 1, "all sixteen are in sight"
        assert person.view.tile == (10 if size == SMALL else 18)


@pytest.mark.slow
async def test_what_is_drawn_again_is_said() -> None:
    jobs = FakeJobs(draw_holds_at=3, again=2)
    async with opened(jobs) as person:
        await generate(person)
        await person.press("enter")
        await person.sees("redrawing 2 · step 3/14 · 100 steps/s")
        jobs.go_on_drawing.set()
        await person.sees("100%", "0.05 s · 200 steps/s · 2 redrawn · 10 of 28 px · enter enlarges")


@pytest.mark.slow
async def test_the_same_seed_asks_for_the_same_classes() -> None:
    async with opened() as person:
        await generate(person)
        await person.press("enter")
        await person.sees("0.05 s")
        await person.press("r")
        await person.sees("seed 2 ·")
        await person.sees("0.05 s")
        await set_field(person, "seed", "1")
        await person.press("enter")
        await person.sees("seed 1 ·")
        first, second, third = person.jobs.drawings  # and no fourth: enter in a control draws once
        assert first.labels == third.labels != second.labels
        assert [request.sample.seed for request in person.jobs.drawings] == [1, 2, 1]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
async def test_the_controls_say_what_is_drawn(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await generate(person)
        await person.press("e")
        assert field(person, "count").has_focus
        await set_field(person, "count", "5")
        await set_field(person, "classes", "3 1")
        await set_field(person, "steps", "25")
        await set_field(person, "guidance", "2.5")
        await set_field(person, "seed", "41")
        person.app.screen.query_one("#sampler", Select).value = "ddim"
        field(person, "seed").focus()
        await person.press("enter")
        await person.sees("seed 41 · ddim · 25 steps · guidance 2.5", "0.05 s")
        request = person.jobs.drawings[0]
        assert request.labels == (3, 1, 3, 1, 3)
        assert request.sample.sampler == "ddim"
    async with opened(size=size) as person:  # remembered
        await generate(person)
        assert [field(person, name).value for name in ("count", "classes", "steps", "guidance")] == ["5", "3 1", "25", "2.5"]


@pytest.mark.slow
async def test_a_student_is_chosen_with_its_own_steps() -> None:
    async with opened() as person:
        await generate(person)
        await set_field(person, "steps", "3")
        select = person.app.screen.query_one("#sampler", Select)
        for sampler, steps in (("ddim", "3"), ("one-step", "1"), ("dpmpp", str(STEPS)), ("one-step", "1")):
            select.focus()
            select.value = sampler
            await person.until(lambda steps=steps: field(person, "steps").value == steps)
            await person.settle()
        field(person, "seed").focus()
        await person.press("enter")
        await person.sees("0.05 s")
        await person.press("escape")  # the notice about the weights
        await person.sees("one-step · 1 step")
        assert person.app.studio.settings.sample == default_for("one-step")


BAD = (
    ("count", "0", "count 0 is outside 1 to 64"),
    ("count", "65", "count 65 is outside 1 to 64"),
    ("count", "x", "count 'x' is not a whole number"),
    ("steps", "0", "steps 0 is outside 1 to 1000"),
    ("steps", "1001", "steps 1001 is outside 1 to 1000"),
    ("steps", "2.5", "steps '2.5' is not a whole number"),
    ("guidance", "nan", "guidance nan is not a finite number"),
    ("guidance", "inf", "guidance inf is not a finite number"),
    ("guidance", "101", "guidance 101 is outside -100 to 100"),
    ("seed", "-1", "seed -1 is outside 0 to"),
    ("classes", "sevn", "did you mean 'seven'"),
)


@pytest.mark.slow
async def test_a_bad_value_is_named_under_the_controls_and_nothing_is_drawn() -> None:
    async with opened() as person:
        await generate(person)
        before = person.app.studio.settings
        for name, text, told in BAD:
            good = field(person, name).value
            await set_field(person, name, text)
            await person.press("enter")
            await person.sees(told)
            await set_field(person, name, good)
            await person.sees_no_more(told)
        assert not person.jobs.drawings
        assert person.app.studio.settings == before
        await person.press("enter")
        await person.sees("0.05 s")


@pytest.mark.slow
async def test_pause_holds_the_drawing_and_space_goes_on() -> None:
    async with opened(FakeJobs(draw_holds_at=4)) as person:
        await generate(person)
        await person.press("enter")
        await person.sees(f"step 4/{STEPS}", f"{4 / STEPS:.0%}")
        await person.press("space")
        await person.sees("paused")
        person.jobs.go_on_drawing.set()
        await person.pilot.pause(0.1)
        assert f"step 4/{STEPS}" in person.screen, "a paused job is not pulled"
        await person.press("space")
        await person.sees("0.05 s")
        assert "paused" not in person.screen


async def test_stop_ends_the_drawing_and_says_so() -> None:
    async with opened(FakeJobs(draw_holds_at=4)) as person:
        await generate(person)
        await person.press("enter")
        await person.sees(f"step 4/{STEPS}")
        await person.press("x")
        await person.sees("stopped", "idle")
        await person.press("s")
        await person.is_told("Nothing to save: no drawing has finished yet.")


@pytest.mark.slow
async def test_escape_leaves_a_control_and_then_stops() -> None:
    async with opened(FakeJobs(draw_holds_at=4)) as person:
        await generate(person)
        await person.press("enter")
        await person.sees(f"step 4/{STEPS}")
        await person.press("e", "escape")
        assert person.app.focused is None
        assert "stopped" not in person.screen
        await person.press("escape")
        await person.sees("stopped")


async def test_drawing_again_replaces_what_runs() -> None:
    async with opened(FakeJobs(draw_holds_at=4)) as person:
        await generate(person)
        await person.press("enter")
        await person.sees(f"step 4/{STEPS}")
        person.jobs.draw_holds_at = None
        await person.press("enter")
        await person.sees("0.05 s", "100%", "idle")


async def test_drawing_again_while_paused_is_not_paused() -> None:
    async with opened(FakeJobs(draw_holds_at=4)) as person:
        await generate(person)
        await person.press("enter")
        await person.sees(f"step 4/{STEPS}")
        await person.press("space")
        person.jobs.draw_holds_at = None
        await person.press("r")
        await person.sees("0.05 s", "seed 2 ·", "idle")


@pytest.mark.slow
async def test_the_arrows_scrub_from_noise_to_digit_and_back() -> None:
    async with opened() as person:
        await generate(person)
        await person.press("enter")
        await person.sees("0.05 s")
        finished, before = person.view.images, STEPS - 1
        await person.press("left")
        await person.sees(f"after step {before}/{STEPS} · noise → digit", f"{before / STEPS:.0%}")
        assert person.view.images != finished
        await person.press("home")
        await person.sees(f"after step 0/{STEPS} · noise", "0%")
        noise = person.view.images
        await person.press("left")
        assert person.view.images == noise
        await person.press("right", "right")
        await person.sees(f"after step 2/{STEPS}")
        await person.press("end")
        await person.sees(f"after step {STEPS}/{STEPS} · digit")
        assert person.view.images == finished


@pytest.mark.slow
async def test_a_resize_leaves_what_the_bar_says_of_scrubbing() -> None:
    async with opened(FakeJobs()) as person:
        await person.press("f3", "enter")
        await person.sees("0.05 s")
        screen = person.app.screen
        assert isinstance(screen, GenerateScreen)
        await person.pilot.resize_terminal(90, 30)
        await person.sees("0.05 s")
        screen.on_resize(events.Resize(screen.size, screen.size))  # the screen is laid out again, and before that is shown,
        screen.action_scrub(-1000)  # a key goes to the noise
        await person.settle()
        await person.sees("after step 0/")


async def test_space_replays_a_finished_drawing_and_holds_it() -> None:
    async with opened() as person:
        await generate(person)
        await person.press("enter")
        await person.sees("0.05 s")
        await person.press("space")
        await person.sees("noise → digit")
        await person.press("space")
        held = person.view.images
        await person.pilot.pause(0.25)
        assert person.view.images == held
        await person.press("space")
        await person.sees(f"after step {STEPS}/{STEPS} · digit")


async def test_scrubbing_before_anything_is_drawn_does_nothing() -> None:
    async with opened() as person:
        await generate(person)
        await person.press("left", "home", "space", "x", "pagedown", "g")
        await person.is_told("Nothing to save: no drawing has finished yet.")
        await person.sees("enter draws")


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
async def test_saving_png_and_gif(size: tuple[int, int], home: Path) -> None:
    async with opened(size=size) as person:
        await generate(person)
        await set_field(person, "count", "4")
        await set_field(person, "classes", "0 1 2 3")
        await person.press("enter")
        await person.sees("0.05 s")
        await person.press("s")
        await person.is_told("digitty-0123-seed1.png")
        await person.press("g")
        await person.is_told("digitty-0123-seed1.gif")
    with Image.open(home / "data" / "pictures" / "digitty-0123-seed1.png") as picture:
        assert json.loads(picture.info["digitty"])["labels"] == [0, 1, 2, 3]
    with Image.open(home / "data" / "pictures" / "digitty-0123-seed1.gif") as animation:
        assert getattr(animation, "n_frames", 1) == STEPS + 1
        assert json.loads(animation.info["comment"])["sample"]["steps"] == STEPS


@pytest.mark.slow
async def test_what_does_not_fit_is_on_further_pages() -> None:
    async with opened() as person:
        await generate(person)
        await set_field(person, "count", "64")
        await person.press("enter")
        await person.sees("0.05 s", "page 1/")
        await person.press("pagedown")
        await person.sees("page 2/")
        await person.press("pageup")
        await person.sees("page 1/")


async def test_a_failing_drawing_says_so() -> None:
    jobs = FakeJobs()
    jobs.failures.append(RuntimeError("the network [is] gone"))
    async with opened(jobs, LARGE) as person:
        await generate(person)
        await person.press("enter")
        await person.sees("the network [is] gone", "idle")
        await person.press("enter")
        await person.sees("0.05 s")


async def ask(person: User, text: str, count: int = 4) -> None:
    await generate(person)
    await set_field(person, "count", str(count))
    await set_field(person, "classes", text)
    await person.press("enter")


def asked(person: User) -> tuple[Condition, ...]:
    (request,) = person.jobs.drawings
    conditions = request.conditions or ()
    assert tuple(condition.label for condition in conditions) == request.labels
    return conditions


async def test_a_phrase_is_drawn_as_often_as_the_count_says() -> None:
    jobs = FakeJobs()
    jobs.measured = (Measured((("slant", 3.0),), (), ("slant",)), *[Measured((("slant", -9.0),))] * 2)
    async with opened(jobs) as person:
        await ask(person, "a bold seven leaning left and a 3", 3)
        await person.sees("7 · bold · leaning left, 3 · seed 1 ·", "1 not as asked")
        first, plain, last = asked(person)
        assert (first, plain) == (last, Condition(3))
        assert (first.label, first.interval("slant")) == (7, Interval(high=-5))
        assert first.interval("thickness").low > 2
        assert jobs.drawings[0].sample.redraw_below > 0, "what is not as asked for is redrawn"


async def test_each_repeat_of_a_prompt_has_a_hand_of_its_own() -> None:
    async with opened() as person:
        await ask(person, "26 in one hand", 5)
        await person.sees("0.05 s")
        first, second, third = (hand_number(1, place) for place in range(3))
        assert [(each.label, each.hand) for each in asked(person)] == [
            *((2, HandSource(first)), (6, HandSource(first))),
            *((2, HandSource(second)), (6, HandSource(second))),
            (2, HandSource(third)),
        ]


@pytest.mark.parametrize(
    ("weights", "text", "told"),
    [
        ("shipped", "bolder", "changes the last answer on the Prompt screen"),
        ("shipped", "7 in the hand of answer 2", "is for the Prompt screen"),
        ("shipped", "a purple seven", "can't read 'purple'; did you mean"),
        ("shipped:labels", "a bold seven", "shipped can be asked for it: esc, then w"),
    ],
)
async def test_what_can_not_be_drawn_here_says_what_to_do(weights: str, text: str, told: str) -> None:
    async with opened(config=Config({"weights": weights})) as person:
        await ask(person, text)
        await person.until(lambda: told in " ".join(person.screen.split()))
        assert not person.jobs.drawings
        await set_field(person, "classes", "seven")
        await person.press("enter")
        await person.sees("0.05 s")


async def test_a_phrase_and_a_sampler_are_changed_together() -> None:
    async with opened(config=Config({"weights": "shipped:one-step"})) as person:
        await generate(person)
        person.app.screen.query_one("#sampler", Select).focus()
        person.app.screen.query_one("#sampler", Select).value = "dpmpp"
        await person.settle()
        await ask(person, "a bold seven")
        await person.sees("The weights are now shipped", "0.05 s")
        assert person.jobs.drawings[0].weights == "shipped"
        assert len(asked(person)) == 4


async def test_captions_of_a_folder_are_drawn_by_weights_that_learned_them() -> None:
    preset = PRESETS["quick"]
    data = replace(preset.data, class_names=(), digest="sha256:1", source="/a/folder", texts="sha256:2")
    model = replace(preset.model, conditions=ConditionConfig(text=True), text=TextConfig(("a", "red", "ring")), data=data)
    run = create_run("rings", replace(preset, model=model), ENGINE)
    run.best_path.parent.mkdir(exist_ok=True)
    run.best_path.touch()
    async with opened(config=Config({"weights": "rings"})) as person:
        await ask(person, "a red ring", 2)
        await person.sees("a red ring · seed", "0.05 s")
        assert asked(person) == (Condition(0, text="a red ring"),) * 2
