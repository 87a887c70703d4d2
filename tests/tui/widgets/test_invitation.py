"""What the Train screen offers where there is no run, and for how long it would train here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fakes import SPEEDS, FakeJobs, finished_run
from textual.widgets import Select
from user import SIZES, opened, start

from engine.config.preset_hints import PRESET_RESULTS
from engine.config.training import PRESETS
from engine.formatting import format_roughly
from engine.runs.run import find_run
from engine.storage.examples import load_example
from tui.dialogs.enlarged import EnlargedDialog
from tui.dialogs.new_run import NewRunDialog
from tui.screens.train import TrainScreen
from tui.widgets.invitation import OFFERS, Example, Invitation, line_of, time_of

RESULTS = Path(__file__).parents[3] / "docs" / "results.md"


@pytest.mark.parametrize("size", [*SIZES, (40, 12)])
async def test_the_invitation_says_how_long_each_takes_here_and_enter_starts_quick(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.press("f5")
        await person.sees("quick", "30 minutes", "about 3 min", "about 31 min")
        assert person.jobs.trials == 1
        await person.press("enter")
        await person.sees("quick-1", "finished")
        assert not person.app.screen.query_one(Invitation).display
        request = person.jobs.trainings[0]
        assert (request.config.preset, request.minutes, request.resume) == ("quick", None, None)


async def test_half_an_hour_is_an_answer_too() -> None:
    async with opened() as person:
        await person.press("f5", "down", "enter")
        await person.until(lambda: person.jobs.trainings)
        request = person.jobs.trainings[0]
        assert (request.config, request.minutes) == (PRESETS["best"], 30.0)


@pytest.mark.parametrize(("downs", "preset"), [(0, "quick"), (2, "best"), (4, "one-step")])
async def test_more_settings_begins_with_what_is_selected(downs: int, preset: str) -> None:
    async with opened() as person:
        await person.press("f5", *["down"] * downs, "n")
        await person.until(lambda: isinstance(person.app.screen, NewRunDialog) and person.app.screen.query("#preset"))
        assert person.app.screen.query_one("#preset", Select).value == preset


@pytest.mark.parametrize(("size", "tile"), [((200, 60), 28), ((120, 40), 22), ((80, 24), None), ((40, 12), None)])
async def test_digits_of_the_weights_that_ship_are_shown_where_there_is_room(size: tuple[int, int], tile: int | None) -> None:
    """Each offer has its own; a click enlarges one."""
    async with opened(size=size) as person:
        await person.press("f5")
        example = person.app.screen.query_one(Example)
        for offer in OFFERS:
            await person.until(lambda offer=offer: example.images == load_example(offer.example))
            await person.until(lambda: example.tile == tile)
            assert (offer.about.split(":")[0] in person.screen) == bool(tile)
            await person.press("down")
        if tile:
            await person.pilot.click(Example, offset=(1, 1))
            await person.until(lambda: isinstance(person.app.screen, EnlargedDialog))
            await person.press("escape")
        await person.press("home", "enter")
        await person.sees("quick-1")


async def test_the_time_stays_near_the_name_on_a_wide_terminal() -> None:
    async with opened(size=(200, 60)) as person:
        await person.press("f5")
        await person.sees("about 3 min")
        line = next(text for text in person.screen.splitlines() if text.lstrip().startswith("quick"))
        assert len(line.rstrip()) <= 100


@pytest.mark.slow
async def test_a_click_starts_what_is_clicked() -> None:
    async with opened() as person:
        await person.press("f5")
        await person.sees("No run yet.", "about 3 min")
        line = next(y for y, text in enumerate(person.screen.splitlines()) if text.lstrip().startswith("seed"))
        await person.pilot.click(offset=(5, line))
        await person.until(lambda: person.jobs.trainings)
        assert person.jobs.trainings[0].config == PRESETS["seed"]


@pytest.mark.slow
async def test_the_trial_gives_way_and_starts_again_once_the_machine_is_free() -> None:
    """To a drawing; while it is under way, and while a run trains, no trial starts."""
    jobs = FakeJobs(draw_holds_at=2)
    jobs.go_on_measuring.clear()
    async with opened(jobs) as person:
        await person.press("f5")
        await person.sees("measuring…", "measuring speed")
        await person.press("f2")
        await person.enter("seven")
        await person.sees("step 2/")
        await person.press("f5")
        await person.pilot.pause(1.1)
        assert jobs.trials == 1
        assert "about 3 min" not in person.screen
        jobs.go_on_drawing.set()
        jobs.go_on_measuring.set()
        await person.sees("about 3 min")
        assert jobs.trials == 2


@pytest.mark.slow
async def test_no_trial_beside_a_run() -> None:
    jobs = FakeJobs(train_holds_at=2)
    async with opened(jobs) as person:
        await start(person, name="mine")
        await person.sees("mine", "step 2/40")
        trials = jobs.trials
        person.app.studio.speed._seconds.clear()
        person.app.studio.speed._left = 1
        person.app.studio.speed.request(ready=True)
        await person.pilot.pause(0.1)
        assert jobs.trials == trials


async def test_a_run_that_appears_takes_the_place_of_the_invitation_and_a_deleted_one_brings_it_back() -> None:
    async with opened() as person:
        await person.press("f5")
        await person.sees("No run yet.")
        run = finished_run("theirs", PRESETS["quick"])
        await person.sees("theirs  finished")
        assert isinstance(person.app.screen, TrainScreen)
        for path in sorted(run.path.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        run.path.rmdir()
        await person.is_told("theirs was renamed or deleted elsewhere.")
        await person.sees("No run yet.")


@pytest.mark.slow
async def test_before_the_first_step_the_screen_explains_what_it_will_show() -> None:
    jobs = FakeJobs(train_holds_at=2)
    jobs.go_on_starting.clear()
    async with opened(jobs) as person:
        await start(person, name="mine")
        await person.sees("mine  reading MNIST…", "The loss says how far", "A few images are drawn")
        jobs.go_on_starting.set()
        await person.sees("step 2/40", "previews: step 1")
        await person.sees_no_more("The loss says how far")
    assert find_run("mine").samples()[0][0] == 1


def test_what_a_preset_gives_is_what_was_measured() -> None:
    """Every figure of the table stands in docs/results.md, in a line that names the preset."""
    lines = RESULTS.read_text().splitlines()
    heading = next(line for line in lines if line.startswith("| what | 90% read correctly"))
    for preset, text in PRESET_RESULTS.items():
        named = [line for line in lines if f"`{preset}`" in line or f"`shipped:{preset}`" in line]
        for figure in re.findall(r"\d+(?:\.\d+)?%|\d+(?:\.\d+)? minutes", text):
            assert any(figure in line for line in (*named, heading)), (preset, figure)


def test_a_line_keeps_its_time_at_any_width() -> None:
    for width in (76, 60, 36, 26):
        line = line_of(OFFERS[0], "about 6 min", width)
        assert len(line) == width
        assert line.startswith("quick ")
        assert line.endswith(" about 6 min")


def test_the_words_for_a_time() -> None:
    quick, half_an_hour = OFFERS[:2]
    assert time_of(quick, None, pending=True) == "measuring…"
    assert time_of(quick, None, pending=False) == ""
    assert time_of(quick, SPEEDS["quick"] * quick.config.total_steps, pending=False) == "about 3 min"
    assert time_of(half_an_hour, 5.0, pending=True) == "about 30 min"
    assert [format_roughly(s) for s in (1, 42, 56, 3000, 5400, 12_600, 40_000, 200_000)] == [
        "5 s",
        "40 s",
        "1 min",
        "50 min",
        "1.5 h",
        "3.5 h",
        "11 h",
        "2 days",
    ]
