"""The list of runs: what it says of each, showing, renaming and deleting."""

from __future__ import annotations

import threading
import time

import pytest
from fake_training import ENGINE, cut_off, log_step
from fakes import FakeJobs, finished_run
from textual.widgets import Input, OptionList
from user import LARGE, SIZES, User, opened, start

from engine.config.training import PRESETS
from engine.errors import StorageError
from engine.runs.control import Command, send_command
from engine.runs.manage import create_run
from engine.runs.run import Run, all_runs
from engine.runs.summary import run_facts
from engine.runs.writer import open_writer
from tui.dialogs.choice import ChoiceDialog
from tui.dialogs.runs import RunsDialog
from tui.runs import text as run_words


async def listed(person: User) -> None:
    await person.press("f5", "v")
    await person.until(lambda: isinstance(person.app.screen, RunsDialog))


def row(person: User, name: str) -> list[str]:
    """The cells of a run's line."""
    return next((line.strip(" │").split() for line in person.screen.splitlines() if f"│ {name} " in line), [])


def names(person: User) -> list[str | None]:
    return [option.id for option in person.app.screen.query_one(OptionList).options]


@pytest.mark.parametrize("size", SIZES)
async def test_state_progress_loss_age_and_size(size: tuple[int, int]) -> None:
    finished_run("done", PRESETS["quick"])
    cut_off("dead")
    create_run("bare", PRESETS["quick"], ENGINE)
    (create_run("broken", PRESETS["quick"], ENGINE).path / "config.json").write_text("{}")
    async with opened(size=size) as person:
        await listed(person)
        await person.until(lambda: row(person, "done")[1:5] == ["finished", "8/8", "0.1111", "now"])
        assert row(person, "done")[6] in ("kB", "B")
        await person.until(lambda: row(person, "dead")[1:4] == ["interrupted", "6/8", "0.1429"])
        await person.until(lambda: row(person, "bare")[1:4] == ["interrupted", "0/938", "-"])
        await person.sees("broken", "can't be read")
        assert row(person, "run") == list(run_words.COLUMNS)


@pytest.mark.slow
async def test_a_run_that_stops_is_listed_so_until_it_has() -> None:
    jobs = FakeJobs(train_holds_at=3)
    jobs.go_on_ending.clear()
    async with opened(jobs) as person:
        await start(person, name="mine")
        await person.sees("step 3/")
        await listed(person)
        await person.until(lambda: row(person, "mine")[1:2] == ["running"])
        await person.press("escape", "x", "v")
        await person.until(lambda: row(person, "mine")[1:2] == ["stopping…"])
        jobs.go_on_ending.set()
        await person.until(lambda: row(person, "mine")[1:2] == ["stopped"])


async def test_a_run_of_another_process_is_listed_with_what_it_was_told() -> None:
    """By any process, until it has done so. A command to an earlier process counts no more."""
    run = create_run("theirs", PRESETS["quick"], ENGINE)
    send_command(run.control_path, Command.STOP)
    time.sleep(0.002)  # the times are in milliseconds
    with open_writer(run) as writer:
        log_step(writer, 1)
        async with opened() as person:
            await listed(person)
            await person.until(lambda: row(person, "theirs")[1:2] == ["running"])
            for command, state in ((Command.PAUSE, "pausing"), (Command.STOP, "stopping"), (Command.RUN, "running")):
                send_command(run.control_path, command)
                await person.until(lambda state=state: row(person, "theirs")[1:2] == [state])
                assert run_facts(run)["state"] == "running"  # what programs read


async def test_the_list_is_there_before_the_folders_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    finished_run("mine", PRESETS["quick"])
    reading = threading.Event()
    size = Run.size

    def slow(run: Run) -> int:
        assert reading.wait(10)
        return size(run)

    monkeypatch.setattr(Run, "size", slow)
    async with opened() as person:
        await listed(person)
        await person.sees("mine")
        assert "finished" not in person.app.screen.query_one(OptionList).options[0].prompt
        await person.press("down", "up")
        reading.set()
        await person.until(lambda: row(person, "mine")[1:2] == ["finished"])


@pytest.mark.slow
async def test_a_run_is_deleted_once_one_is_sure() -> None:
    finished_run("older", PRESETS["quick"])
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        await listed(person)
        for keeps in ("escape", "n", "enter"):
            await person.press("delete")
            await person.sees("Delete mine (", "permanently", "keep it")
            await person.press(keeps)
            await person.until(lambda: isinstance(person.app.screen, RunsDialog))
        await person.press("delete")
        await person.until(lambda: isinstance(person.app.screen, ChoiceDialog))
        await person.press("y")
        await person.until(lambda: names(person) == ["older"])
        assert [run.name for run in all_runs()] == ["older"]
        await person.press("escape")
        await person.sees("older  finished")  # it was the one shown
        await person.press("v", "delete")
        await person.until(lambda: isinstance(person.app.screen, ChoiceDialog))
        await person.press("y")
        await person.sees("No runs yet")
        await person.press("escape")
        await person.sees("No run yet. Choose what to train")
        assert not all_runs()


async def test_what_cannot_be_deleted_stays_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    finished_run("mine", PRESETS["quick"])

    def refuse(run: Run) -> None:
        raise StorageError(f"can't move {run.name}: Read-only file system")

    monkeypatch.setattr("tui.dialogs.runs.delete_run", refuse)
    async with opened() as person:
        await listed(person)
        await person.press("delete")
        await person.until(lambda: isinstance(person.app.screen, ChoiceDialog))
        await person.press("y")
        await person.sees("can't move mine: Read-only file system")
        assert names(person) == ["mine"]


async def test_a_run_is_renamed_and_a_bad_name_is_refused_in_place() -> None:
    finished_run("other", PRESETS["quick"])
    finished_run("mine", PRESETS["quick"])
    async with opened(size=LARGE) as person:
        person.app.studio.change_settings(weights="mine")
        await listed(person)
        await person.press("r")
        await person.sees("New name for mine")
        field = person.app.screen.query_one("#name", Input)
        assert (field.value, field.has_focus) == ("mine", True)
        for name, told in (("a/b", "a run can't be named"), ("shipped", "a run can't be named"), ("other", "run other already exists")):
            field.value = name
            await person.press("enter")
            await person.sees(told)
            assert {run.name for run in all_runs()} == {"mine", "other"}
        field.value = "better"
        await person.press("enter")
        await person.until(lambda: row(person, "better")[1:3] == ["finished", "8/8"])
        assert names(person) == ["better", "other"]
        assert {run.name for run in all_runs()} == {"better", "other"}
        assert person.app.studio.settings.weights == "better"
        await person.press("r", "x", "escape")  # a letter is text; escape leaves the name, not the dialog
        assert isinstance(person.app.screen, RunsDialog)
        await person.press("escape")
        await person.sees("better  finished")


@pytest.mark.slow
async def test_a_run_that_is_trained_is_left_alone() -> None:
    async with opened(FakeJobs(train_holds_at=2)) as person:
        await start(person, name="mine")
        await person.sees("step 2/40")
        await listed(person)
        await person.until(lambda: row(person, "mine")[1:2] == ["running"])
        for key in ("r", "delete", "backspace"):
            await person.press("up")
            person.app.screen._show_problem()
            await person.press(key)
            await person.sees("mine is being trained by")
            assert isinstance(person.app.screen, RunsDialog)
            assert not person.app.screen.query_one("#name", Input).display


def test_who_asks_is_not_taken_for_a_trainer() -> None:
    """Asking takes the lock for a moment: two who ask at the same time must not see each other."""
    run = create_run("mine", PRESETS["quick"], ENGINE)
    with open_writer(run):
        pass  # the lock is there from now on
    seen: list[bool] = []

    def ask() -> None:
        seen.extend(run.running() for _ in range(200))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [False] * 800
    with open_writer(run) as writer:
        log_step(writer, 1)
        assert run.running()


def test_long_names_keep_the_columns() -> None:
    finished_run("a-name-that-is-as-long-as-names-may-well-be-in-this-world", PRESETS["quick"])
    line = run_words.describe_run(all_runs()[0])
    assert line.startswith("a-name-that-is-as… finished")
    assert len(line) == len(run_words.heading())
