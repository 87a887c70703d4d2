"""A run in the Train screen: started, watched, paused, stopped, continued; or trained by somebody else."""

from __future__ import annotations

import asyncio

import pytest
from fakes import ENGINE, FakeJobs, finished_run, log_step, preview
from pilots import LARGE, SIZES, Person, opened
from textual.widgets import Input, Select

from engine import runs
from engine.config import PRESETS, changed
from engine.events import Images
from tui.screens.new_run import NewRunDialog
from tui.widgets.digit_view import DigitView


async def start(person: Person, **fields: str) -> None:
    """F5, n, the fields, enter."""
    await person.press("f5", "n")
    await person.sees("preset", "epochs", "Start")
    for name, text in fields.items():
        field = person.app.screen.query_one(f"#{name}", Input)
        field.focus()
        field.select_all()
        person.burst(*text)
        await person.settle()
    person.app.screen.query_one("#steps", Input).focus()
    await person.press("enter")


def previews(person: Person) -> Images | None:
    return person.app.screen.query_one("#previews", DigitView).images


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_is_started_watched_and_finishes(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.press("f5")
        await person.sees("No run yet: n starts one")
        await start(person, epochs="3", name="mine")
        await person.sees("mine", "finished", "epoch 3/3", "step 12/12", "loss 0.0769", "best 0.0769")
        await person.sees("previews: step 12", "epoch  average", "1   0.2000    0:02 *", "3   0.0769", "batch 128 · adam 0.001 cosine")
        await person.is_told("mine is trained; w chooses it to draw with")
        assert "100%" in person.screen
        assert previews(person) is not None
    assert runs.find("mine").state() == "finished"


async def test_numbers_while_it_trains() -> None:
    async with opened(FakeJobs(train_holds_at=6), LARGE) as person:
        await start(person)
        await person.sees(
            "seed-1", "training", "epoch 2/10", "step 6/40", "8.00 it/s", "1024 img/s", "lr 1.0e-03", "left 0:04", "300 MB", "15%", "50%"
        )


async def test_pause_and_go_on() -> None:
    async with opened(FakeJobs(train_holds_at=2)) as person:
        await start(person, epochs="1")
        await person.sees("step 2/4")
        await person.press("space")
        await person.sees("paused")
        person.jobs.go_on_training.set()
        await person.pilot.pause(0.1)
        assert "step 2/4" in person.screen
        await person.press("space")
        await person.sees("finished", "step 4/4")


async def test_stop_saves_and_the_dialog_continues_it() -> None:
    jobs = FakeJobs(train_holds_at=6)
    async with opened(jobs) as person:
        await start(person, epochs="3", name="mine")
        await person.sees("step 6/12")
        await person.press("n")
        await person.is_told("a run trains here already")
        await person.press("x")
        await person.sees("stopped", "idle")
        run = runs.find("mine")
        assert (run.state(), run.states()[-1][0]) == ("stopped", 6)

        await person.press("n")
        dialog = person.app.screen
        assert isinstance(dialog, NewRunDialog)
        await person.until(lambda: dialog.focused)
        dialog.query_one("#resume", Select).focus()
        await person.press("enter")
        await person.until(lambda: dialog.query_one("#resume", Select).expanded)
        await person.press("down", "enter")
        await person.until(lambda: dialog.query_one("#resume", Select).value == "mine")
        await person.until(lambda: dialog.query_one("#epochs", Input).value == "3")
        assert dialog.query_one("#preset").disabled
        dialog.query_one("#epochs", Input).focus()
        jobs.go_on_training.set()
        await person.press("enter")
        await person.sees("finished", "step 12/12", "epoch 3/3")
        assert (jobs.trainings[1].resume, jobs.trainings[1].config.epochs) == ("mine", 3)


async def test_a_run_of_another_process_is_followed_live() -> None:
    config = changed(PRESETS["quick"], limit=128 * 4)
    run = runs.create("theirs", config, ENGINE)
    with runs.writing(run) as writer:
        writer.event("started", 0)
        log_step(writer, 1)
        writer.flush()
        async with opened() as person:
            await person.press("f5")
            await person.sees("theirs", "training in another process", "step 1/8", "loss 0.5000")
            assert previews(person) is None
            for step in (2, 3):
                log_step(writer, step)
            writer.flush()
            pictures = preview(writer, 3)
            await person.sees("step 3/8", "loss 0.2500", "previews: step 3")
            assert previews(person) == pictures
            await person.press("x")
            await person.is_told("no run trains in this process")
            assert person.app.training_runs() == []


async def test_a_run_that_was_killed_says_interrupted() -> None:
    run = runs.create("dead", PRESETS["quick"], ENGINE)
    with runs.writing(run) as writer:
        log_step(writer, 1)
        writer.flush()
    async with opened() as person:
        await person.press("f5")
        await person.sees("dead", "interrupted")


async def test_earlier_previews_log_scale_and_recent_window() -> None:
    finished_run("mine", PRESETS["seed"], steps=8)
    async with opened() as person:
        await person.press("f5")
        await person.sees("mine", "previews: step 8")
        latest = previews(person)
        await person.press("left")
        await person.sees("previews: step 4", "1/2")
        assert previews(person) != latest
        await person.press("left", "right")
        await person.sees("previews: step 8")
        assert previews(person) == latest
        await person.sees("idle")  # the engine's start would still change the top line
        await asyncio.sleep(1.5)  # and the screen's own looks at the run, twice a second, what they find
        whole = person.screen
        await person.press("l")
        await person.until(lambda: person.screen != whole)
        await person.press("l")
        await person.until(lambda: person.screen == whole)
        await person.press("t", "t")
        await person.until(lambda: person.screen == whole)


async def test_another_run_is_chosen() -> None:
    finished_run("older", PRESETS["quick"])
    finished_run("newer", PRESETS["seed"])
    async with opened() as person:
        await person.press("f5")
        await person.sees("newer", "seed · batch 128")
        await person.press("v")
        await person.sees("Show a run", "finished")
        await person.press("down", "enter")
        await person.sees("older", "quick · batch 128")


async def test_quitting_asks_while_a_run_trains() -> None:
    jobs = FakeJobs(train_holds_at=2)
    async with opened(jobs) as person:
        await start(person, name="mine")
        await person.sees("step 2/40")
        await person.press("q")
        await person.sees("mine is training. Leave?")
        await person.press("n")
        await person.sees("step 2/40")
        await person.press("ctrl+q")
        await person.sees("mine is training. Leave?")
        await person.press("y")
        await person.until(lambda: not person.app.is_running)
    run = runs.find("mine")  # the worker is closed now
    assert (run.state(), run.states()[-1][0]) == ("stopped", 2)


async def test_quitting_does_not_ask_when_nothing_would_be_lost() -> None:
    async with opened() as person:
        await start(person, epochs="1")
        await person.sees("finished")
        await person.press("q")
        await person.until(lambda: not person.app.is_running)


async def test_a_drawing_goes_before_the_training() -> None:
    async with opened(FakeJobs(train_holds_at=2)) as person:
        await start(person)
        await person.sees("step 2/40")
        await person.press("f2")
        await person.sees("training")
        await person.enter("seven")
        await person.sees("7 · seven", "0.05 s", "training")
        person.jobs.go_on_training.set()
        await person.press("f5")
        await person.sees("finished", "step 40/40")


async def test_leaving_the_screen_loses_nothing() -> None:
    async with opened(FakeJobs(pace=0.01)) as person:
        await start(person, epochs="5")
        await person.press("f3", "f4", "f5")
        await person.sees("finished", "step 20/20")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"epochs": "0"}, "epochs 0 is outside 1 to"),
        ({"epochs": "x"}, "epochs 'x' is not a whole number"),
        ({"name": "a/b"}, "no name for a run"),
        ({"name": "[bold]"}, "'[bold]' is no name for a run"),
        ({"name": "mine"}, "run mine exists"),
    ],
)
async def test_the_dialog_says_what_is_wrong(fields: dict[str, str], told: str) -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        await start(person, **fields)
        await person.sees(told)
        assert not person.jobs.trainings
        await person.press("escape")
        await person.sees("mine", "finished")
