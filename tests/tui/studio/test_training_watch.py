"""The header shows the run that trains on this machine, whichever process trains it: its per cent, time left, and whether it is paused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from fake_training import ENGINE, log_step, with_epochs_of
from fakes import FakeJobs
from user import User, opened, start

from engine.config.serialize import with_changes
from engine.config.training import PRESETS
from engine.runs.manage import create_run
from engine.runs.run import find_run
from engine.runs.writer import Writer, open_writer
from tui.studio.training_watch import Intervals, TrainingWatch
from tui.terminal.paced_app import PacedApp

CONFIG = with_changes(with_epochs_of(PRESETS["quick"], 10), epochs=100)
FAST = Intervals(read=0.05, search=0.2)


@pytest.fixture
def other() -> Iterator[Writer]:
    """The writer of a run that another process seems to train."""
    with open_writer(create_run("theirs", CONFIG, ENGINE)) as writer:
        writer.event("started", 0)
        log_step(writer, 200)
        writer.flush()
        yield writer


def header(person: User) -> str:
    return person.screen.splitlines()[0]


async def shows(person: User, *texts: str) -> None:
    await person.until(lambda: all(text in header(person) for text in texts))


def hurry(person: User) -> None:
    person.app.studio.watch._intervals = FAST
    person.app.studio.watch.look()


@pytest.mark.parametrize("key", ["f2", "f3", "f4", "f5"])
async def test_every_screen_shows_a_run_that_another_process_trains(other: Writer, key: str) -> None:
    async with opened(size=(160, 50)) as person:
        await person.press(key)
        await shows(person, "training theirs 20% · 1:40 left")
        hurry(person)
        log_step(other, 500)
        other.flush()
        await shows(person, "training theirs 50% · 1:03 left")
        other.event("paused", 500)
        other.flush()
        await shows(person, "theirs paused at 50%")
        assert "training" not in header(person)
        other.event("resumed", 500)
        other.event("finished", 1000)
        other.flush()
        await shows(person, "idle")


async def test_a_run_that_another_process_begins_appears(other: Writer) -> None:
    async with opened(size=(160, 50)) as person:
        await shows(person, "theirs")
        hurry(person)
        with open_writer(create_run("second", CONFIG, ENGINE)) as writer:
            log_step(writer, 10)
            writer.flush()
            await shows(person, "training theirs 20% · 1:40 left +1")
        await person.until(lambda: "+1" not in header(person))


async def test_per_cent_and_time_left_stay_at_every_width(other: Writer) -> None:
    async with opened(size=(160, 50)) as person:
        for width in (160, 120, 80, 60, 40):
            await person.pilot.resize_terminal(width, 24)
            await shows(person, "20%", "1:40")


@pytest.mark.slow
async def test_the_own_run_shows_whether_it_trains_or_waits_while_one_draws() -> None:
    jobs = FakeJobs(train_holds_at=6, draw_holds_at=3, steps_per_epoch=10)
    async with opened(jobs, size=(160, 50)) as person:
        await shows(person, "idle")
        await start(person, name="mine", epochs="10")
        await shows(person, "training mine", "left")
        await person.press("space")
        await shows(person, "mine paused at")
        assert "training" not in header(person)
        await person.press("f3", "enter")
        await shows(person, "drawing + mine paused at")
        jobs.go_on_drawing.set()
        await person.until(lambda: "drawing" not in header(person))
        await person.press("f5", "space")
        await shows(person, "training mine")
        await person.press("x")
        await shows(person, "idle")
        assert find_run("mine").state() == "stopped"


@pytest.mark.slow
async def test_a_detached_run_is_shown_as_training() -> None:
    jobs = FakeJobs(train_holds_at=6, steps_per_epoch=10)
    async with opened(jobs, size=(160, 50)) as person:
        await start(person, name="mine", epochs="10")
        await shows(person, "training mine")
        await person.press("d")
        await person.is_told("mine is now training in the background")
        await shows(person, "training mine")


@pytest.mark.slow
@pytest.mark.parametrize(("end", "announced"), [("finished", ["theirs has finished training"]), ("stopped", [])])
async def test_the_end_of_a_run_is_announced(other: Writer, monkeypatch: pytest.MonkeyPatch, end: str, announced: list[str]) -> None:
    alerts: list[str] = []
    monkeypatch.setattr(PacedApp, "alert", lambda app, text, how: alerts.append(text))
    async with opened(size=(160, 50)) as person:
        await shows(person, "theirs")
        hurry(person)
        other.event(end, 200)
        other.flush()
        await shows(person, "idle")
        assert alerts == announced


async def test_a_long_drawing_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    alerts: list[str] = []
    monkeypatch.setattr(PacedApp, "alert", lambda app, text, how: alerts.append(text))
    async with opened() as person:
        await person.enter("seven")
        await person.sees("7 · seven", "steps/s")
        assert alerts == []
        monkeypatch.setattr("tui.studio.studio.LONG_DRAWING", 0.001)
        await person.enter("eight")
        await person.sees("8 · eight", "steps/s")
        await person.until(lambda: set(alerts) == {"The drawing is finished, after 0:00"})  # and of the sketch


async def test_an_idle_watch_looks_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    look = TrainingWatch.look

    def count(self: TrainingWatch, search: bool = True) -> None:
        nonlocal looks
        looks += 1
        look(self, search)

    monkeypatch.setattr(TrainingWatch, "look", count)
    async with opened() as person:
        await shows(person, "idle")
        await asyncio.sleep(0.5)
        assert looks == 1
        assert person.app.studio.watch._intervals.search >= 10
        person.app.studio.watch.search_if_stale()  # it has just looked
        assert looks == 1
