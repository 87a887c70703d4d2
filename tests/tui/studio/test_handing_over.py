"""Keep training after quitting: a run is handed over to a background process, by key, by dialog, or on quitting."""

from __future__ import annotations

import asyncio

import pytest
from fakes import FakeJobs, finished_run
from textual.widgets import Select
from user import SIZES, User, opened, start

from engine.config.training import PRESETS
from engine.errors import DeviceError
from engine.protocol.requests import TrainRequest
from engine.runs.run import find_run

pytestmark = pytest.mark.slow


async def training(person: User, name: str = "mine") -> None:
    await start(person, name=name)
    await person.sees(name, "step 2/40")


@pytest.mark.parametrize("size", SIZES)
async def test_a_key_hands_the_run_over_and_shows_it_from_its_files(size: tuple[int, int]) -> None:
    jobs = FakeJobs(train_holds_at=2)
    jobs.go_on_detaching.clear()
    async with opened(jobs, size) as person:
        await training(person)
        await person.press("d")
        await person.sees("mine  detaching: starting a process…", "detaching")
        assert (find_run("mine").state(), find_run("mine").states()[-1][0]) == ("stopped", 3)
        for key, told in (("d", "already being detached"), ("x", "Press x when it is training again"), ("n", "mine is being detached")):
            await person.press(key)
            await person.is_told(told)
        jobs.train_holds_at = 4
        jobs.go_on_detaching.set()
        await person.is_told("mine is now training in the background and continues after you quit.")
        await person.sees("mine  training on", "step 4/40", "training mine 10%")
        assert person.app.studio.training_runs() == []
        await person.press("q")
        await person.until(lambda: not person.app.is_running)  # nothing to ask
    run = find_run("mine")
    assert jobs.detachments == [TrainRequest(run.config(), resume="mine")]
    assert run.state() == "finished"


async def test_where_it_cannot_begin_it_is_stopped_and_saved() -> None:
    jobs = FakeJobs(train_holds_at=2)
    jobs.detach_failures.append(DeviceError("cuda is not here"))
    async with opened(jobs) as person:
        await training(person)
        await person.press("d")
        await person.is_told("Could not detach: cuda is not here. mine is stopped and saved. Press c on the Train screen to continue it.")
        await person.sees("mine  stopped", "idle", "c continue")
        assert find_run("mine").states()[-1][0] == 3
        jobs.go_on_training.set()
        await person.press("c")
        await person.sees("mine  finished", "step 40/40")


async def test_the_dialog_starts_it_detached_at_once() -> None:
    jobs = FakeJobs(train_holds_at=2)
    async with opened(jobs) as person:
        await person.press("f5", "down", "down", "down", "n")
        await person.sees("keep training after you quit")
        dialog = person.app.screen
        dialog.query_one("#detach", Select).value = "yes"
        dialog.query_one("#epochs").focus()
        await person.press("enter")
        await person.sees("seed-1  training on", "step 2/40", "training seed-1 5%")
        assert not jobs.trainings
        assert jobs.detachments == [TrainRequest(PRESETS["seed"])]


async def test_a_new_run_that_cannot_begin_says_why() -> None:
    jobs = FakeJobs()
    jobs.detach_failures.append(DeviceError("cuda is not here"))
    async with opened(jobs) as person:
        await person.press("f5")
        person.app.studio.training.start_detached(TrainRequest(PRESETS["quick"]))
        await person.is_told("Could not detach: cuda is not here")
        await person.sees("No run yet", "idle", "n new")


async def test_a_run_that_has_not_begun_is_handed_over_as_it_was_asked_for() -> None:
    jobs = FakeJobs(train_holds_at=2)
    jobs.go_on_starting.clear()
    async with opened(jobs) as person:
        await start(person, name="mine")
        await person.sees("reading MNIST…")
        await person.press("d")
        await person.until(lambda: jobs.detachments)
        jobs.go_on_starting.set()
        await person.sees("mine  training on")
        assert jobs.detachments[0].run == "mine"


async def test_a_run_that_ends_meanwhile_needs_no_process() -> None:
    jobs = FakeJobs(train_holds_at=40)
    async with opened(jobs) as person:
        await start(person, name="mine")
        await person.sees("step 40/40")
        await person.press("d")
        await person.is_told("mine has finished training")
        await person.sees("finished", "idle")
        assert not jobs.detachments


# --- quitting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [*SIZES, (60, 20)])
async def test_quitting_asks_what_becomes_of_the_run(size: tuple[int, int]) -> None:
    async with opened(FakeJobs(train_holds_at=2), size) as person:
        await training(person)
        for quits in ("q", "ctrl+q", "ctrl+c"):
            await person.press(quits)
            await person.sees("mine is training. Quit?", "save and quit", "keep training in the background", "stay")
            for stays in ("escape", "n", "enter"):
                await person.press(stays)
                await person.sees("step 2/40")
                await person.press(quits)
                await person.sees("Quit?")
            await person.press("escape")
            await person.sees("step 2/40")
    assert person.app.is_running is False


@pytest.mark.parametrize(("again", "keys"), [("s", ()), ("y", ()), ("q", ()), ("ctrl+q", ()), ("ctrl+c", ()), ("enter", ("up", "up"))])
async def test_a_second_time_means_stop_and_save(again: str, keys: tuple[str, ...]) -> None:
    jobs = FakeJobs(train_holds_at=2)
    async with opened(jobs) as person:
        await training(person)
        await person.press("q", *keys, again)
        await person.until(lambda: not person.app.is_running)
        assert person.app.return_value == 0
    assert (find_run("mine").state(), find_run("mine").states()[-1][0]) == ("stopped", 2)
    assert not jobs.detachments


async def test_leaving_the_run_to_a_process_of_its_own() -> None:
    jobs = FakeJobs(train_holds_at=2)
    jobs.go_on_detaching.clear()
    async with opened(jobs) as person:
        await training(person)
        await person.press("f2", "ctrl+q")
        await person.sees("Quit?")
        await person.press("d")
        await person.is_told("Quitting as soon as mine is detached. Press ctrl+q to quit now.")
        await person.sees("detaching")
        assert person.app.is_running
        jobs.train_holds_at = 3
        jobs.go_on_detaching.set()
        await person.until(lambda: not person.app.is_running)
        assert person.app.studio.last_words == ["mine keeps training in the background. To follow it, open digitty or run: digitty watch mine"]
        assert find_run("mine").state() == "running"


async def test_where_that_fails_one_stays_and_is_told() -> None:
    jobs = FakeJobs(train_holds_at=2)
    jobs.detach_failures.append(DeviceError("cuda is not here"))
    async with opened(jobs) as person:
        await training(person)
        await person.press("q", "d")
        await person.is_told("Could not detach: cuda is not here. mine is stopped and saved")
        await person.sees("mine  stopped", "idle")
        assert person.app.is_running


async def test_quitting_again_does_not_wait_for_the_process_to_begin() -> None:
    jobs = FakeJobs(train_holds_at=2)
    jobs.go_on_detaching.clear()
    async with opened(jobs) as person:
        await training(person)
        await person.press("q", "d")
        await person.sees("starting a process…")
        await person.press("q")
        await person.until(lambda: not person.app.is_running)
        assert jobs.detachments[0].resume == "mine"


async def test_what_was_to_be_handed_over_is_though_the_application_ends_before() -> None:
    jobs = FakeJobs(train_holds_at=2)
    async with opened(jobs) as person:
        await training(person)
        person.app.studio.training._handover_due = True  # asked for, and nothing of it done yet
        person.app.exit(0)
        await person.until(lambda: not person.app.is_running)
        assert not jobs.detachments
        assert await asyncio.to_thread(person.app.studio.finish, 10)  # as the command does, or a signal
        assert jobs.detachments == [TrainRequest(find_run("mine").config(), resume="mine")]
        assert find_run("mine").states()[-1][0] == 2


async def test_weights_that_were_chosen_follow_a_run_that_is_renamed() -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        person.app.studio.change_settings(weights="mine:best")
        person.app.studio.on_run_moved("mine", "yours")
        assert person.app.studio.settings.weights == "yours:best"
        person.app.studio.on_run_moved("other", None)
        assert person.app.studio.settings.weights == "yours:best"
        person.app.studio.on_run_moved("yours", None)
        assert person.app.studio.settings.weights == "shipped"
