"""The dialog that starts a run, or continues one."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_training import ENGINE, log_step, save
from fakes import finished_run
from PIL import Image
from textual.widgets import Input, Select
from user import opened

from engine.config.data_choice import DataChoice
from engine.config.preset_hints import PRESET_HINTS
from engine.config.serialize import with_changes
from engine.config.training import PRESETS
from engine.runs.manage import create_run
from engine.runs.run import find_run
from engine.runs.writer import open_writer
from tui.dialogs.new_run import NewRunDialog
from tui.studio.source_check import complete_source


@pytest.mark.slow
async def test_whatever_can_go_on_is_offered() -> None:
    """A run that ended, one that died before it said so though all was done, one that never saved; not one that is being trained."""
    config = with_changes(PRESETS["quick"], limit=128 * 4, epochs=1)
    finished_run("finished", config)
    for name, last in (("ended", 4), ("begun", 0), ("trained", 2)):
        create_run(name, config, ENGINE)
        with open_writer(find_run(name)) as writer:
            writer.event("started", 0)
            for step in range(1, last + 1):
                log_step(writer, step)
                save(writer, step)
    assert find_run("ended").state() == find_run("begun").state() == "interrupted"
    with open_writer(find_run("trained")):
        async with opened() as person:
            await person.press("f5", "n", "s")
            await person.until(lambda: isinstance(person.app.screen, NewRunDialog) and person.app.screen.query(Select))
            dialog = person.app.screen
            choice = dialog.query_one("#resume", Select)
            assert {value for _, value in choice._options} == {"a new run", "finished", "ended", "begun"}
            choice.value = "ended"
            await person.until(lambda: dialog.query_one("#epochs").value == "1")  # type: ignore[attr-defined]
            await person.press("ctrl+s")
            await person.until(lambda: person.jobs.trainings)
            assert (person.jobs.trainings[0].resume, person.jobs.trainings[0].config) == ("ended", config)
            await person.sees("finished")
    assert find_run("ended").state() == "finished"


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
async def test_every_preset_says_what_it_is_and_starts(preset: str) -> None:
    async with opened() as person:
        await person.press("f5", "n")
        await person.until(lambda: isinstance(person.app.screen, NewRunDialog) and person.app.screen.query(Select))
        dialog = person.app.screen
        dialog.query_one("#preset", Select).value = preset
        await person.sees(PRESET_HINTS[preset])  # type: ignore[index]
        await person.until(lambda: dialog.query_one("#epochs").value == str(PRESETS[preset].epochs))  # type: ignore[attr-defined,index]
        await person.press("ctrl+s")
        await person.until(lambda: person.jobs.trainings)
        assert person.jobs.trainings[0].config.preset == preset


async def test_it_opens_in_its_first_field_where_enter_starts_nothing() -> None:
    async with opened() as person:
        await person.press("f5", "n")
        await person.until(lambda: isinstance(person.app.screen, NewRunDialog) and person.app.screen.query(Select))
        assert person.app.focused is person.app.screen.query_one("#resume")
        await person.press("enter")
        await person.until(lambda: person.app.screen.query_one("#resume", Select).expanded)
        assert not person.jobs.trainings


@pytest.mark.slow
async def test_an_existing_run_takes_the_place_of_preset_and_name() -> None:
    finished_run("mine", PRESETS["quick"])
    async with opened() as person:
        await person.press("f5", "n")
        await person.sees(PRESET_HINTS["quick"], "next free name")
        person.app.screen.query_one("#resume", Select).value = "mine"
        await person.sees("in all; 8 of 8 steps are done")
        await person.sees_no_more(PRESET_HINTS["quick"])
        assert "next free name" not in person.screen
        person.app.screen.query_one("#resume", Select).value = "a new run"
        await person.sees(PRESET_HINTS["quick"], "next free name", "passes over the training images")


@pytest.mark.parametrize("preset", ["quick", "best"])
async def test_a_new_run_begins_with_the_preset_of_the_run_that_is_shown(preset: str) -> None:
    finished_run("mine", PRESETS[preset])  # type: ignore[index]
    async with opened() as person:
        await person.press("f5", "n")
        await person.sees(PRESET_HINTS[preset], "next free name")  # type: ignore[index]


@pytest.mark.slow
async def test_it_says_how_long_what_it_starts_would_take() -> None:
    """As typed: 4,690 steps of seed at 0.8 s, 469 steps, and minutes, which come before epochs."""
    async with opened(size=(120, 40)) as person:
        await person.press("f5", "down", "down", "down", "n")
        await person.sees("Start trains seed for 4,690 steps: about 63 min on this machine.")
        epochs = person.app.screen.query_one("#epochs", Input)
        epochs.value = "1"
        await person.sees("Start trains seed for 469 steps: about 6 min on this machine.")
        epochs.value = "x"
        await person.sees_no_more("Start trains")
        epochs.value = "1"
        person.app.screen.query_one("#minutes", Input).value = "45"
        await person.sees("Start trains seed for about 45 min: as many steps as fit on this machine.")
        await person.press("ctrl+s")
        await person.until(lambda: person.jobs.trainings)
        request = person.jobs.trainings[0]
        assert (request.minutes, request.config) == (45.0, PRESETS["seed"])


@pytest.mark.parametrize(("minutes", "told"), [("x", "minutes 'x' is not a number"), ("0", "minutes 0 is outside"), ("nan", "minutes nan is not")])
async def test_minutes_are_checked(minutes: str, told: str) -> None:
    async with opened() as person:
        await person.press("f5", "n")
        await person.sees("Start trains")
        person.app.screen.query_one("#minutes", Input).value = minutes
        await person.press("ctrl+s")
        await person.sees(told)
        assert not person.jobs.trainings


@pytest.mark.slow
async def test_beside_another_run_it_would_take_longer() -> None:
    run = create_run("theirs", PRESETS["quick"], ENGINE)
    async with opened(size=(120, 40)) as person:
        await person.press("f5", "n")
        await person.until(lambda: isinstance(person.app.screen, NewRunDialog) and person.app.screen.query(Select))
        person.app.screen.query_one("#preset", Select).value = "seed"
        await person.sees("about 63 min on this machine.")
        await person.press("escape")
        with open_writer(run):
            await person.press("n", "s")
            await person.until(lambda: isinstance(person.app.screen, NewRunDialog) and person.app.screen.query(Select))
            person.app.screen.query_one("#preset", Select).value = "seed"
            await person.sees("about 63 min on this machine, and", "longer while another run trains.")


@pytest.mark.slow
async def test_snapshots_may_be_asked_for() -> None:
    async with opened(size=(120, 40)) as person:
        await person.press("f5", "down", "down", "down", "n")
        await person.sees("keep the weights every N epochs")
        person.app.screen.query_one("#keep_every", Input).value = "0"
        await person.press("ctrl+s")
        await person.sees("keep-every 0 is outside 1 to 100000")
        person.app.screen.query_one("#keep_every", Input).value = "2"
        await person.press("ctrl+s")
        await person.until(lambda: person.jobs.trainings)
        assert person.jobs.trainings[0].config == with_changes(PRESETS["seed"], keep_every=2)


@pytest.mark.slow
async def test_other_data_is_looked_at_and_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (40, 30), (i * 40, 0, 0)).save(folder / name / f"{i}.png")
    async with opened() as person:
        await person.press("f5", "n")
        await person.until(lambda: isinstance(person.app.screen, NewRunDialog) and person.app.screen.query(Select))
        data, size = (person.app.screen.query_one(f"#{name}", Input) for name in ("data", "size"))
        data.focus()
        person.burst(*str(tmp_path / "pet"))
        await person.sees("pet")
        person.burst("s")
        await person.sees("6 pictures of 2 classes: c")
        size.value = "32"
        await person.sees("Start prepares the pictures of")
        await person.press("ctrl+s")
        await person.until(lambda: person.jobs.trainings)
    (request,) = person.jobs.trainings
    assert request.data == DataChoice(str(folder), size="32")
    assert request.fit_epochs


@pytest.mark.slow
async def test_without_a_source_a_run_trains_on_mnist() -> None:
    async with opened() as person:
        await person.press("f5", "n")
        await person.until(lambda: isinstance(person.app.screen, NewRunDialog) and person.app.screen.query(Select))
        person.app.screen.query_one("#data", Input).value = "mnist"
        await person.press("ctrl+s")
        await person.until(lambda: person.jobs.trainings)
    assert person.jobs.trainings[0].data is None


def test_names_folders_and_files_are_completed(tmp_path: Path) -> None:
    (tmp_path / "Pets").mkdir()
    (tmp_path / "photos.npz").touch()
    assert complete_source("mni") == "mnist"
    assert complete_source("") is None
    assert complete_source(f"{tmp_path}/Pe") == f"{tmp_path}/Pets/"
    assert complete_source(f"{tmp_path}/pho") == f"{tmp_path}/photos.npz"
    assert complete_source(f"{tmp_path}/none") is None
    assert complete_source("\0/") is None
