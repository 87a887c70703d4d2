"""Compare: runs side by side from their files; settings and samplers of one model from the same noise; what can't be done is said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_training import ENGINE, cut_off, log_step, with_epochs_of
from fakes import FakeJobs, finished_run
from PIL import Image
from textual.widgets import Input
from user import SIZES, User, opened

from engine.config.condition import Condition
from engine.config.serialize import with_changes
from engine.config.training import PRESETS
from engine.errors import RunError
from engine.protocol.measured import Measured
from engine.runs.manage import create_run, delete_run
from engine.runs.run import find_run
from engine.runs.writer import open_writer
from tui.dialogs.new_run import NewRunDialog
from tui.screens.compare import CompareScreen
from tui.screens.compare_runs import NO_RUNS
from tui.screens.train import TrainScreen
from tui.widgets.run_picker import RunPicker
from tui.widgets.run_pictures import RunPictures
from tui.widgets.sheet_view import SheetView

WIDE = (160, 50)


@pytest.fixture
def two_runs() -> None:
    """Which differ in their learning rate and batch size."""
    finished_run("first", PRESETS["quick"])
    finished_run("second", with_changes(PRESETS["quick"], lr=0.002, batch_size=64))


def picker(person: User) -> RunPicker:
    return person.app.screen.query_one(RunPicker)


def screen(person: User) -> CompareScreen:
    assert isinstance(person.app.screen, CompareScreen)
    return person.app.screen


def places_of(view: SheetView, index: int) -> list[tuple[int, int]]:
    """The cells of the view that this tile covers."""
    return [(x, y) for y in range(view.size.height) for x in range(view.size.width) if view.index_at(x, y) == index]


# --- runs -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_without_runs_it_says_how_to_get_some() -> None:
    async with opened() as person:
        await person.press("f6")
        await person.sees("digitty sweep PROMPT --guidance 1,1.4,2")  # it opens with what needs no run
        await person.press("c", "c")
        await person.sees("There is no run to compare yet.", "digitty train --preset quick --name first")
        await person.press("enter")
        await person.is_told("There is no run to compare yet. n starts one; c compares settings of one model instead.")
        finished_run("late", PRESETS["quick"])
        await person.sees("[x]", "late", "loss by step", "n new run")


@pytest.mark.slow
@pytest.mark.parametrize("trained_before", [False, True])
async def test_n_asks_on_the_train_screen_what_to_train(trained_before: bool) -> None:
    async with opened() as person:
        if trained_before:
            finished_run("only", PRESETS["quick"])
        await person.press("f6")
        if not trained_before:
            await person.press("c", "c")
        await person.until(lambda: "n new run" in person.footer)
        await person.press("n")
        await person.until(lambda: isinstance(person.app.screen, NewRunDialog))
        await person.press("escape")
        assert isinstance(person.app.screen, TrainScreen)


async def test_what_the_empty_page_tells_to_run_can_be_run(command: Callable[..., tuple[int, str, str]]) -> None:
    for line in NO_RUNS.splitlines():
        if line.strip().startswith("digitty "):
            code, _, err = command(*line.split()[1:], "--epochs", "0")
            assert (code, "epochs 0 is outside" in err) == (2, True), err  # the rest of the line is no error


@pytest.mark.slow
async def test_the_two_newest_are_compared_at_once(two_runs: None) -> None:
    async with opened(size=WIDE) as person:
        await person.press("f6")
        await person.sees("[x] ● second", "[x] ▲ first", "loss by step, logarithmic")
        await person.sees("lr ", "0.005", "0.002", "batch_size", "128", "64")
        assert "optimizer" not in person.screen, "what does not differ is not shown"
        await person.sees("● second  step", "▲ first  step")  # drawn by each, without being asked
        (request,) = person.jobs.sweeps
        assert [cell.weights for cell in request.cells] == ["second", "first"]
        assert len({cell.sample.seed for cell in request.cells}) == 1
        assert request.labels == tuple(range(10))


@pytest.mark.slow
async def test_a_click_goes_to_another_mode(two_runs: None) -> None:
    async with opened() as person:
        await person.press("f6")
        await person.sees("loss by step")
        for mode, words in (("Race", "starts the race"), ("Sweep", "e edits the lists"), ("Runs", "loss by step")):
            place = person.screen.splitlines()[1].index(mode)
            await person.pilot.click("#fields", offset=(place, 0))
            await person.sees(words)
            assert screen(person).mode == mode.lower()


@pytest.mark.slow
async def test_before_the_first_drawing_each_run_has_its_place(two_runs: None) -> None:
    jobs = FakeJobs()
    jobs.warm.clear()
    async with opened(jobs, size=WIDE) as person:
        await person.press("f6")
        await person.sees("● second  not drawn yet", "▲ first  not drawn yet", "waiting for the engine")
        jobs.warm.set()
        await person.sees("● second  step", "▲ first  step")


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
async def test_space_and_a_click_choose_and_leave_out(two_runs: None, size: tuple[int, int]) -> None:
    finished_run("third", PRESETS["quick"])
    async with opened(size=size) as person:
        await person.press("f6")
        await person.sees("[x] ● third", "[x] ▲ second", "[ ]   first")
        await person.press("down", "down", "space")
        await person.sees("[x] ■ first")
        await person.press("home", "space")
        await person.sees("[ ]   third")
        await person.until(lambda: picker(person).chosen == {"second": 1, "first": 2})
        await person.pilot.click(RunPicker, offset=(2, 0))
        await person.sees("[x] ● third")  # the free colour and mark again


@pytest.mark.slow
async def test_more_than_eight_are_refused() -> None:
    for i in range(9):
        cut_off(f"run-{i}")
    async with opened() as person:
        await person.press("f6")
        await person.sees("run-0")
        picker(person).choose([f"run-{i}" for i in range(8)])
        await person.press("home")
        place = next(i for i, line in enumerate(person.screen.splitlines()) if "run-8" in line) - 2
        await person.press(*["down"] * place, "space")
        await person.is_told("At most eight runs can be compared")
        assert len(picker(person).chosen) == 8


@pytest.mark.slow
async def test_axes_and_scales(two_runs: None) -> None:
    async with opened(size=WIDE) as person:
        await person.press("f6")
        for alignment in ("step", "time", "epoch", "step"):
            await person.sees(f"loss by {alignment}, logarithmic")
            await person.press("t")
        await person.press("l")
        await person.sees("loss by time, linear")


@pytest.mark.slow
async def test_a_small_screen_shows_one_view_after_another(two_runs: None) -> None:
    async with opened() as person:
        await person.press("f6")
        await person.sees("loss by step", "[x] ● second")
        await person.press("v")
        await person.sees("batch_size", "lr ")
        await person.sees_no_more("loss by step")
        assert not person.jobs.sweeps, "nothing is drawn that is not shown"
        await person.press("v")
        await person.sees("● second  step", "▲ first  step")
        await person.press("v")
        await person.sees("loss by step")
        await person.pilot.resize_terminal(*WIDE)
        await person.sees("loss by step", "batch_size", "▲ first  step")


async def test_a_run_that_trains_elsewhere_is_followed() -> None:
    finished_run("done", PRESETS["quick"])
    run = create_run("live", with_epochs_of(PRESETS["quick"], 4), ENGINE)
    with open_writer(run) as writer:
        writer.event("started", 0)
        log_step(writer, 1)
        writer.flush()
        async with opened() as person:
            await person.press("f6")
            await person.sees("[x] ● live", "● 0.5000")
            for step in (2, 3):
                log_step(writer, step)
            writer.flush()
            await person.sees("● 0.2500")


@pytest.mark.slow
async def test_what_is_deleted_is_left_out(two_runs: None) -> None:
    async with opened(size=WIDE) as person:
        await person.press("f6")
        await person.sees("▲ first  step")
        delete_run(find_run("first"))
        await person.until(lambda: picker(person).chosen == {"second": 0})
        await person.sees("Only one run is chosen.")
        await person.until(lambda: [row.run_name for row in person.app.screen.query(RunPictures)] == ["second"])


@pytest.mark.slow
async def test_one_run_that_can_not_draw_does_not_stop_the_others(two_runs: None) -> None:
    async with opened(size=WIDE) as person:
        person.jobs.failures.append(RunError("run second has no checkpoint yet"))
        await person.press("f6")
        await person.sees("● second  run second has no checkpoint yet", "▲ first  step", "1 drawing in")


@pytest.mark.slow
async def test_a_prompt_that_can_not_be_read_keeps_the_focus(two_runs: None) -> None:
    async with opened(size=WIDE) as person:
        await person.press("f6", "e")
        await person.enter("nonsense")
        await person.sees("! can't read 'nonsense'")
        field = person.app.screen.query_one("#what", Input)
        assert person.app.focused is field, "to be corrected at once"
        field.select_all()
        await person.enter("20 sevens")
        await person.sees("names 20 images; at most 16 can be compared")
        field.select_all()
        person.burst(*"three")
        await person.sees_no_more("! ")


@pytest.mark.slow
async def test_runs_that_draw_other_classes_than_the_prompt_say_so(two_runs: None) -> None:
    async with opened(size=WIDE) as person:
        await person.press("f6")
        await person.sees("● second  step")
        screen(person).runs.asked = "sneaker"  # of a run that was chosen before
        screen(person).runs.plan = None
        screen(person).runs._draw_if_shown()
        await person.is_told("can't read 'sneaker'")


async def test_captions_and_phrases_are_read_as_on_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.runs.prompts.caption_words_of", lambda model: ("red", "seven"))
    async with opened() as person:
        await person.press("f6")
        await person.sees("enter draws the prompt")
        await person.press("e", "ctrl+u")
        await person.enter("three red sevens")
        await person.until(lambda: bool(person.jobs.sweeps))
    (request,) = person.jobs.sweeps
    assert request.conditions == (Condition(7, text="red seven"),) * 3
    assert request.labels == (7,) * 3


async def test_typed_letters_are_text_in_the_field_and_esc_leaves_it(two_runs: None) -> None:
    async with opened(size=WIDE) as person:
        await person.press("f6", "e")
        field = person.app.screen.query_one("#what", Input)
        field.select_all()
        await person.enter("three sevens")
        await person.until(lambda: person.jobs.sweeps and person.jobs.sweeps[-1].labels == (7, 7, 7))
        assert isinstance(person.app.focused, RunPicker)
        await person.press("e", "c", "escape")
        assert field.value.endswith("c")
        assert screen(person).mode == "runs"


# --- one model --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("size", [*SIZES, WIDE])
async def test_a_sweep_draws_every_combination_from_one_noise(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.press("f6")
        await person.sees("enter draws the prompt", "guidance", "steps")
        await person.press("enter")
        await person.sees("9 drawings", "guidance × steps", "shipped · step 4690", "8 steps: ")
        (request,) = person.jobs.sweeps
        assert [(cell.sample.guidance, cell.sample.steps) for cell in request.cells] == [(g, s) for g in (1, 1.4, 2) for s in (4, 8, 14)]
        assert {(cell.sample.seed, cell.sample.redraw_below, cell.weights) for cell in request.cells} == {(1, 0.0, "shipped")}
        view = person.app.screen.query_one("#sweep SheetView", SheetView)
        assert view.images is not None
        assert len(view.images) == 9


@pytest.mark.slow
async def test_settings_whose_pictures_are_not_as_asked_for_are_named() -> None:
    jobs = FakeJobs()
    jobs.measured = (Measured((("thickness", 1.5),), (), ("thickness",)), Measured((("thickness", 4.0),)))
    async with opened(jobs, size=(160, 50)) as person:
        await person.press("f6")
        await person.sees("enter draws the prompt")
        await person.press("e", "ctrl+u")
        await person.enter("two bold sevens")
        await person.sees("9 of 18 digits are not as asked for: guidance 1, 4 steps (1 of 2); guidance 1, 8 steps")


async def test_the_lists_can_be_edited_and_a_bad_one_is_told() -> None:
    async with opened(size=WIDE) as person:
        await person.press("f6", "e", "tab", "tab")
        steps = person.app.screen.query_one("#steps", Input)
        await person.until(lambda: person.app.focused is steps)
        steps.select_all()
        await person.enter("2,x")
        await person.sees("! steps 'x' is not a whole number; write a list such as 4,8,14")
        assert not person.jobs.sweeps
        assert person.app.focused is steps
        steps.select_all()
        await person.enter("2,3")
        await person.sees("6 drawings", "guidance 1.4, 3 steps: 3 evaluations, 0.05 s")


@pytest.mark.slow
async def test_new_noise_other_weights_and_prompts() -> None:
    async with opened(size=WIDE) as person:
        await person.press("f6", "enter")
        await person.sees("9 drawings", "seed 1")
        await person.press("r")
        await person.sees("seed 2")
        person.app.studio.change_settings(weights="shipped:seed")
        await person.press("e")
        person.app.screen.query_one("#what", Input).select_all()
        await person.enter("three 5")
        await person.sees("shipped:seed · step")
        assert person.jobs.sweeps[-1].labels == (3, 5)
        assert {cell.weights for cell in person.jobs.sweeps[-1].cells} == {"shipped:seed"}


@pytest.mark.slow
async def test_a_click_or_a_key_enlarges_a_drawing(two_runs: None) -> None:
    async with opened(size=WIDE) as person:
        await person.press("f6", "c", "enter")
        await person.sees("9 drawings")
        view = person.app.screen.query_one("#sweep SheetView", SheetView)
        await person.until(lambda: places_of(view, 5))
        await person.pilot.click(view, offset=places_of(view, 5)[0])
        await person.sees("7 · seven", "14 steps", "guidance 1.4", "denoising", "esc close")
        await person.press("escape", "z")
        await person.sees("7 · seven", "4 steps", "guidance 1 ")
        await person.press("escape", "z")
        await person.sees("8 steps")
        await person.press("escape", "c", "c", "enter")
        await person.sees("● second  step", "▲ first  step", "idle")
        row = list(person.app.screen.query("RunPictures SheetView").results(SheetView))[1]
        await person.until(lambda: places_of(row, 3))
        await person.pilot.click(row, offset=places_of(row, 3)[0])
        await person.sees("3 · three", "4 of 10", "first · step")


@pytest.mark.slow
async def test_the_samplers_race() -> None:
    async with opened(FakeJobs(draw_holds_at=20), size=WIDE) as person:
        await person.press("f6", "c")
        await person.sees("enter starts the race")
        await person.press("enter")
        await person.sees("dpmpp, 14 steps", "14 evaluations, 0.05 s", "2 of 4 drawn")  # the others still draw
        assert person.jobs.sweeps[0].side_by_side
        person.jobs.go_on_drawing.set()
        await person.sees("ddpm, 1000 steps", "1000 evaluations, 0.05 s", "4 drawings", "first", "second", "third", "fourth")
        await person.sees("Guided steps take two evaluations: those at noise levels 0.5 to 4.")


@pytest.mark.slow
async def test_a_student_races_alone() -> None:
    async with opened(size=WIDE) as person:
        await person.press("escape", "w", "end", "up", "up", "enter")  # the student
        await person.sees("shipped:one-step")
        await person.press("f6", "c", "enter")
        await person.sees("one-step, 1 step", "1 evaluation, 0.05 s · first")
        assert "ddpm" not in person.screen
        await person.press("c", "c", "enter")  # its steps have other bounds
        await person.sees("! steps 8 is outside 1 to 4")


@pytest.mark.slow
@pytest.mark.parametrize("key", ["x", "escape"])
async def test_it_can_be_stopped(key: str) -> None:
    async with opened(FakeJobs(draw_holds_at=2), size=WIDE) as person:
        await person.press("f6", "enter")
        await person.sees("0 of 9 drawn")
        await person.press(key)
        await person.sees("stopped", "idle")
        person.jobs.go_on_drawing.set()
        await person.press("enter")
        await person.sees("9 drawings")


@pytest.mark.slow
async def test_a_sweep_does_not_keep_other_drawings_waiting() -> None:
    async with opened(FakeJobs(pace=0.002), size=WIDE) as person:
        await person.press("f6", "c", "enter")
        await person.sees("of 4 drawn")
        await person.press("f2")
        await person.enter("seven")
        await person.sees("7 · seven", "0.05 s", "comparing")
        await person.press("escape", "f6", "x")
        await person.sees("stopped")


@pytest.mark.slow
async def test_the_sheet_is_saved_with_its_recipes(home: Path) -> None:
    async with opened(size=WIDE) as person:
        await person.press("f6", "s")
        await person.is_told("Nothing to save")
        await person.press("escape", "enter")
        await person.sees("9 drawings")
        await person.press("s", "s")
        await person.is_told("digitty-sweep-2.png")
    with Image.open(home / "data" / "pictures" / "digitty-sweep.png") as picture:
        held = json.loads(picture.text["digitty"])  # type: ignore[attr-defined]
    assert held["format"] == "digitty-sweep"
    assert [cell["caption"] for cell in held["cells"]][:2] == ["guidance 1, 4 steps", "guidance 1, 8 steps"]


@pytest.mark.slow
async def test_an_idle_screen_draws_nothing(two_runs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(size=WIDE) as person:
        await person.press("f6")
        await person.sees("▲ first  step", "100%", "idle")
        updates: list[object] = []
        monkeypatch.setattr(type(person.app), "_display", lambda self, screen, renderable: updates.append(renderable))
        for _ in range(20):  # the footer is made anew now and then
            updates.clear()
            await asyncio.sleep(0.5)
            if not updates:
                break
        await asyncio.sleep(2.6)  # several reads of the runs' files, and one look for other runs
        assert updates == []
        await person.press("l")
        await person.until(lambda: updates)
