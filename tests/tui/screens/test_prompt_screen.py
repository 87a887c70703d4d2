"""Typing `seven` and watching a 7 come out of noise; and everything else that one may type."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from fake_pictures import digits
from fake_training import ENGINE
from fakes import FakeJobs
from PIL import Image
from textual.widgets import Input, Select
from user import LARGE, SIZES, SMALL, STEPS, User, opened

from engine.config.data import DataSpec
from engine.config.training import PRESETS
from engine.errors import CheckpointError, DeviceError
from engine.runs.manage import create_run
from tui.dialogs.help import HelpDialog
from tui.settings.config_file import Config
from tui.studio.sketcher import RETRY_AFTER
from tui.widgets.answer import Answer
from tui.widgets.image_view import ImageView


def typed(person: User) -> str:
    return person.app.screen.query_one("#prompt", Input).value


@pytest.mark.parametrize("size", SIZES)
async def test_seven_is_answered_with_a_seven_and_a_caption(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.sees("Type a digit", "Prompt", "cpu fp32", "idle")
        await person.enter("seven")
        await person.sees(
            "❯ seven", "7 · seven", "seed 1 · dpmpp · 14 steps", "guidance 1.4", "0.05 s · 200 steps/s", "shipped · step 4690 · average", "▀"
        )
        view = person.app.screen.query_one(ImageView)
        assert view.images is not None
        assert view.images.data == digits()[7]
        assert view.tile == (28 if size == SMALL else 56)
        assert typed(person) == ""


async def test_the_digit_emerges_from_noise_in_place() -> None:
    async with opened(FakeJobs(draw_holds_at=5)) as person:
        await person.enter("seven")
        await person.sees(f"step 5/{STEPS} · 100 steps/s", "drawing")
        view = person.app.screen.query_one(ImageView)
        halfway = view.images
        person.jobs.go_on_drawing.set()
        await person.sees("0.05 s")
        assert person.app.screen.query_one(ImageView) is view
        assert view.images != halfway


@pytest.mark.parametrize("size", SIZES)
async def test_what_cannot_be_read_gets_a_line_with_the_nearest(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.enter("sevn")
        await person.sees("did you mean 'seven'?", "'three sevens'", "'0-9'")
        assert typed(person) == "sevn", "it stays, to be mended"
        assert not person.jobs.drawings
        await person.press("left", "e")
        await person.press("enter")
        await person.sees("7 · seven")
        assert "did you mean" not in person.screen


@pytest.mark.slow
async def test_history_goes_up_and_down_and_from_one_start_to_the_next() -> None:
    async with opened() as person:
        await person.enter("three")
        await person.enter("seven")
        await person.press("up")
        assert typed(person) == "seven"
        await person.press("up", "up")
        assert typed(person) == "three"
        await person.press("down")
        assert typed(person) == "seven"
        await person.press("down")
        assert typed(person) == ""
    async with opened() as person:
        await person.press("up")
        assert typed(person) == "seven"
        await person.press("enter")
        await person.sees("❯ seven", "7 · seven")


async def test_keys_act_in_the_order_they_were_typed_however_fast() -> None:
    async with opened() as person:
        await person.enter("three")
        await person.sees("3 · three")
        person.burst(*"sevn", "enter", "up", *["backspace"] * 4, *"grid", "enter", *"seven", "enter", *"on")
        await person.sees("❯ seven", "0.05 s")
        await person.until(lambda: len(person.jobs.drawings) == 3)
        assert [request.labels for request in person.jobs.drawings] == [(3,), tuple(range(10)), (7,)]
        await person.until(lambda: typed(person) == "on")


@pytest.mark.parametrize("word", ["quit", "exit"])
async def test_quit_is_a_word(word: str) -> None:
    async with opened() as person:
        await person.enter(word)
        await person.until(lambda: not person.app.is_running)
        assert person.app.return_value == 0


async def test_help_is_a_word() -> None:
    async with opened() as person:
        await person.enter("help")
        await person.sees("two threes", "Everywhere", "F2 F3 F4 F5")
        assert isinstance(person.app.screen, HelpDialog)
        await person.press("escape")
        await person.sees("F1 help")


@pytest.mark.parametrize("size", SIZES)
async def test_grid_draws_the_ten_digits_from_one_noise(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.enter("grid")
        await person.sees("0 1 2 3 4 5 6 7 8 9", "0.05 s")
        request = person.jobs.drawings[0]
        assert request.labels == tuple(range(10))
        assert request.indices == (0,) * 10


async def test_saving_writes_a_png_that_holds_its_recipe(home: Path) -> None:
    async with opened() as person:
        await person.press("ctrl+s")
        await person.is_told("Nothing to save: no drawing has finished yet.")
        await person.enter("seven")
        await person.sees("0.05 s")
        await person.press("ctrl+s")
        await person.is_told("digitty-7-seed1.png")
        await person.press("ctrl+s")
        await person.is_told("digitty-7-seed1-2.png")
    with Image.open(home / "data" / "pictures" / "digitty-7-seed1.png") as picture:
        recipe = json.loads(picture.info["digitty"])
        assert picture.size == (224, 224)
    assert (recipe["labels"], recipe["sample"]["seed"], recipe["weights"]["name"]) == ([7], 1, "shipped")


async def test_saving_passes_over_a_name_that_is_a_dangling_link(home: Path) -> None:
    (home / "data" / "pictures").mkdir(parents=True)
    (home / "data" / "pictures" / "digitty-7-seed1.png").symlink_to("elsewhere.png")
    async with opened() as person:
        await person.enter("seven")
        await person.sees("0.05 s")
        await person.press("ctrl+s")
        await person.is_told("digitty-7-seed1-2.png")
    assert not (home / "data" / "pictures" / "elsewhere.png").exists()


async def test_pictures_are_saved_in_the_folder_of_config_toml(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "digits"
    async with opened(size=(200, 24), config=Config({"pictures": str(folder)})) as person:
        await person.enter("seven")
        await person.sees("0.05 s")
        await person.press("ctrl+s")
        await person.is_told(f"Saved {folder}/digitty-7-seed1.png")
    assert (folder / "digitty-7-seed1.png").exists()


async def test_a_folder_that_cannot_be_made_is_a_notice(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "pictures").write_text("a file")
    async with opened() as person:
        await person.enter("seven")
        await person.sees("0.05 s")
        await person.press("ctrl+s")
        await person.is_told("can't create the folder")
        await person.is_told('choose another with pictures = "…" under [screen] in config.toml')


async def test_a_folder_that_cannot_be_written_is_a_notice(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.storage.images.os.access", lambda *_: False)
    async with opened() as person:
        await person.enter("seven")
        await person.sees("0.05 s")
        await person.press("ctrl+s")
        await person.is_told("is not writable")
    assert not list((home / "data" / "pictures").glob("*.png"))


async def test_again_draws_the_same_with_a_new_seed() -> None:
    async with opened() as person:
        await person.press("ctrl+r")
        await person.is_told("Nothing to draw again yet. Type a prompt first.")
        await person.enter("3 1 4")
        await person.sees("seed 1")
        await person.press("ctrl+r")
        await person.sees("seed 2")
        await person.press("escape", "r")
        await person.sees("seed 3")
    assert [(request.labels, request.sample.seed) for request in person.jobs.drawings] == [((3, 1, 4), seed) for seed in (1, 2, 3)]


@pytest.mark.slow
async def test_escape_leaves_the_input_and_then_letters_act() -> None:
    async with opened() as person:
        await person.enter("seven")
        await person.sees("0.05 s")
        await person.press("escape", "s")
        await person.is_told("digitty-7-seed1.png")
        await person.press("i", *"s2")
        assert typed(person) == "s2", "within the input letters and digits are text"
        await person.press("escape", "2")
        await person.sees("count", "guidance")
        await person.press("1", "enter", "backspace")
        assert typed(person) == "s"
        await person.press("escape", "q")
        await person.until(lambda: not person.app.is_running)


async def test_a_second_escape_stops_what_is_drawn() -> None:
    async with opened(FakeJobs(draw_holds_at=3)) as person:
        await person.enter("seven")
        await person.sees(f"step 3/{STEPS}")
        await person.press("escape")
        assert "stopped" not in person.screen
        await person.press("escape")
        await person.sees("stopped", "idle")


async def test_what_is_entered_while_the_engine_loads_is_answered() -> None:
    jobs = FakeJobs()
    jobs.warm.clear()
    async with opened(jobs, LARGE) as person:
        await person.enter("seven")
        await person.sees("❯ seven", "waiting for the engine", "loading torch…")
        await person.enter("three")
        assert not jobs.drawings
        jobs.warm.set()
        await person.sees("3 · three", "cpu fp32", "idle")
        assert [request.labels for request in jobs.drawings] == [(7,), (3,)]


@pytest.mark.parametrize("failure", [DeviceError("cuda:0 ran out of memory; use --device cpu"), ZeroDivisionError("division by zero")])
async def test_a_failing_job_says_so_and_the_screen_lives(failure: Exception) -> None:
    jobs = FakeJobs()
    jobs.failures.append(failure)
    async with opened(jobs) as person:
        await person.enter("seven")
        await person.sees(str(failure)[:20])
        await person.is_told(str(failure))
        await person.enter("three")
        await person.sees("3 · three", "0.05 s")


@pytest.mark.slow
@pytest.mark.parametrize("size", [*SIZES, (60, 20), (40, 12)])
async def test_sixty_four_digits_at_most(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.enter("64 sevens")
        await person.sees("0.05 s")
        assert len(person.jobs.drawings[0].labels) == 64
        await person.enter("65 sevens")
        await person.sees("65", "64")
        await person.press("pageup", "pagedown")
        assert len(person.jobs.drawings) == 1


@pytest.mark.slow
async def test_brackets_are_only_text() -> None:
    async with opened() as person:
        await person.enter("[bold]x")
        await person.until(lambda: person.app.screen.query(".problem"))
        await person.press(*["backspace"] * 10)
        await person.enter("[7]")
        await person.pilot.pause(0.1)
        assert person.app.is_running


async def test_a_long_conversation_forgets_its_oldest_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.screens.answers.ANSWERS", 3)
    async with opened() as person:
        for text in ("1", "2", "3", "4"):
            await person.enter(text)
        await person.sees("4 · four")
        await person.until(lambda: len(person.app.screen.query(".answer")) == 3)


# --- sketches while typing --------------------------------------------------------------------------------------------

SKETCH = "a one-step sketch"


async def type_in(person: User, text: str) -> None:
    person.burst(*text)
    await person.settle()


@pytest.mark.parametrize("size", [*SIZES, (40, 12)])
async def test_digits_are_sketched_while_they_are_typed(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.sees("idle")
        await type_in(person, "seve")
        assert not person.jobs.sketches
        await type_in(person, "n")
        await person.sees(SKETCH, "❯ seven", "▀")
        (sketch,) = person.jobs.sketches
        assert (sketch.labels, sketch.weights, sketch.sample.sampler, sketch.sample.steps) == ((7,), "shipped:one-step", "one-step", 1)
        await type_in(person, "x")
        await person.sees_no_more(SKETCH)
        assert not person.jobs.drawings


async def test_enter_draws_the_sketch_properly_in_its_place_from_the_same_noise() -> None:
    async with opened() as person:
        await person.sees("idle")
        await type_in(person, "grid")
        await person.sees(SKETCH)
        await person.press("enter")
        await person.sees("0.05 s · 200 steps/s")
        assert SKETCH not in person.screen
        (sketch,), (drawing,) = person.jobs.sketches, person.jobs.drawings
        assert (sketch.sample.seed, sketch.labels, sketch.indices) == (drawing.sample.seed, drawing.labels, drawing.indices)
        assert person.screen.count("❯ grid") == 1


async def test_the_same_digits_in_other_words_are_not_sketched_again() -> None:
    async with opened() as person:
        await person.sees("idle")
        await type_in(person, "7")
        await person.sees(SKETCH)
        await type_in(person, ",")
        await person.sees("❯ 7,", SKETCH)
        assert len(person.jobs.sketches) == 1
        await type_in(person, "1")
        await person.sees("❯ 7,1", SKETCH)
        assert [sketch.labels for sketch in person.jobs.sketches] == [(7,), (7, 1)]


@pytest.mark.parametrize("text", ["random", "3 random", "help", "quit"])
async def test_what_is_random_or_no_digit_is_not_sketched(text: str) -> None:
    async with opened() as person:
        await person.sees("idle")
        await type_in(person, text)
        await person.sees(text)
        assert not [sketch for sketch in person.jobs.sketches if sketch.labels != (3,)]
        assert SKETCH not in person.screen


async def test_nothing_is_sketched_before_the_engine_is_ready_or_with_other_weights() -> None:
    jobs = FakeJobs()
    jobs.warm.clear()
    async with opened(jobs) as person:
        await person.sees("loading torch")
        await type_in(person, "seven")
        assert not jobs.sketches
        jobs.warm.set()
        await person.sees("idle", SKETCH)
        for others in ("seed-1", "shipped:seed", "shipped-2"):
            person.app.studio.change_settings(weights=others)
            await person.press("backspace", "n")
            assert len(jobs.sketches) == 1
        person.app.studio.change_settings(weights="shipped")
        await person.press("backspace", "n")
        await person.sees(SKETCH)


async def test_sketches_can_be_switched_off() -> None:
    async with opened(config=Config({"sketch": False})) as person:
        await person.sees("idle")
        await type_in(person, "seven")
        await person.sees("seven")
        assert not person.jobs.sketches


async def test_neither_s_nor_r_means_a_sketch() -> None:
    async with opened() as person:
        await person.sees("idle")
        await type_in(person, "seven")
        await person.sees(SKETCH)
        await person.press("ctrl+s")
        await person.is_told("Nothing to save: no drawing has finished yet.")
        await person.press("ctrl+r")
        await person.is_told("Nothing to draw again yet. Type a prompt first.")


async def test_a_student_that_can_not_be_read_is_told_of_once() -> None:
    jobs = FakeJobs()
    jobs.sketch_failure = CheckpointError("one-step.safetensors is damaged")
    async with opened(jobs) as person:
        await person.sees("idle")
        await type_in(person, "7")
        await person.is_told("is damaged")
        await type_in(person, "1 3")
        await person.press("enter")
        await person.sees("0.05 s")
        assert len(jobs.sketches) == 1
        assert person.notices.count("is damaged") == 1
        jobs.sketch_failure = None
        person.app.studio.sketcher._clock = lambda: time.monotonic() + RETRY_AFTER
        await type_in(person, "4")
        await person.sees(SKETCH)


@pytest.mark.parametrize("weights", ["shipped", "shipped:fashion"])
async def test_a_problem_goes_once_the_text_can_be_read(weights: str) -> None:
    async with opened() as person:
        await person.sees("idle")
        person.app.studio.change_settings(weights=weights)
        await type_in(person, "three qqq")
        await person.press("enter")
        await person.sees("can't read 'qqq'")
        await person.press("backspace")
        await person.sees("three qq", "can't read 'qqq'")
        await person.press("backspace", "backspace")
        await type_in(person, "random")
        await person.sees_no_more("can't read 'qqq'")


async def test_help_shows_prompts_for_the_chosen_weights() -> None:
    async with opened() as person:
        await person.sees("idle")
        await person.press("f1")
        await person.sees("two threes", "Everywhere")
        await person.press("escape")
        person.app.studio.change_settings(weights="shipped:fashion")
        await person.press("f1")
        await person.sees("T-shirt/top", "Everywhere")
        assert "sevens" not in person.screen


async def test_with_other_weights_a_quiet_line_says_why_nothing_is_sketched() -> None:
    async with opened() as person:
        await person.sees("idle")
        person.app.studio.change_settings(weights="shipped:seed")
        await type_in(person, "seve")
        assert "are sketched" not in person.screen
        await type_in(person, "n")
        await person.sees("Only digits of the shipped weights are sketched", "shipped:seed")
        await type_in(person, ", 3")
        await person.until(lambda: person.screen.count("are sketched") == 1)
        await person.press("enter")
        await person.sees("0.05 s")
        assert "are sketched" not in person.screen
        await type_in(person, "7")
        await person.sees("are sketched")
        await person.press("backspace")
        await person.sees_no_more("are sketched")


async def test_who_wants_no_sketches_is_not_told_why_there_are_none() -> None:
    async with opened(config=Config({"sketch": False, "weights": "shipped:seed"})) as person:
        await person.sees("idle")
        await type_in(person, "seven")
        await person.sees("seven")
        assert "are sketched" not in person.screen


@pytest.mark.slow
@pytest.mark.parametrize("size", [*SIZES, (40, 12)])
async def test_typing_after_page_up_shows_the_sketch(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        for count, text in enumerate(("three", "four", "five"), 1):
            await person.enter(text)
            await person.until(lambda count=count: len([answer for answer in person.app.screen.query(Answer) if answer.result]) == count)
        conversation = person.app.screen.query_one("#conversation")
        for keys in ("8", ","):
            while conversation.scroll_offset.y or not conversation.max_scroll_y:  # the layout is done when there is something to scroll
                await person.press("pageup")
                await person.pilot.pause(0.02)
            await type_in(person, keys)
            await person.sees(SKETCH)
            await person.until(lambda: conversation.scroll_offset.y == conversation.max_scroll_y > 0)


async def test_the_first_line_names_what_the_chosen_weights_draw(tmp_path: Path) -> None:
    spec = DataSpec("shapes", 28, 28, 1, ("square", "circle"), 90, -0.4, 0.7, "/data/shapes.npz", "sha256:00")
    create_run("shapes", PRESETS["quick"].with_data(spec), ENGINE)
    async with opened() as person:
        await person.sees("Type a digit and press enter.")
        person.app.studio.change_settings(weights="shapes")
        await person.sees("Type a class and press enter.", "a class: square")
        person.app.studio.change_settings(weights="shipped")
        await person.sees("Type a digit and press enter.")


# --- the seed -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_locked_seed_stays_until_it_is_unlocked_and_is_seen() -> None:
    async with opened(size=LARGE) as person:
        await person.enter("seven")
        await person.sees("seed 1 · dpmpp")
        await person.enter("three")
        await person.sees("seed 2 · dpmpp")
        await person.press("ctrl+g")
        await person.is_told("The random seed 2 is locked: every drawing takes it until ctrl+g unlocks it.")
        await person.sees("seed 2 locked")
        await person.enter("four")
        await person.sees("❯ four", "seed 2 (locked)")
        await person.press("ctrl+r")
        await person.until(lambda: len(person.jobs.drawings) == 4)
        await type_in(person, "5")
        await person.sees(SKETCH)
        assert person.jobs.sketches[-1].sample.seed == 2
        assert [request.sample.seed for request in person.jobs.drawings] == [1, 2, 2, 2]
    async with opened(size=LARGE) as person:
        await person.sees("seed 2 locked")
        await person.press("escape", "l")
        await person.is_told("The random seed is unlocked: each drawing takes the next.")
        await person.sees_no_more("seed 2 locked")
        await person.press("i")
        await person.enter("six")
        await person.enter("six")
        await person.until(lambda: len(person.jobs.drawings) == 2)
        assert [request.sample.seed for request in person.jobs.drawings] == [2, 3]


@pytest.mark.slow
async def test_the_lock_holds_on_the_other_screens_and_in_the_options() -> None:
    async with opened(size=LARGE) as person:
        await person.press("escape", "o")
        await person.until(lambda: person.app.screen.query_one("#lock_seed", Select))
        person.app.screen.query_one("#lock_seed", Select).value = True
        seed = person.app.screen.query_one("#seed", Input)
        seed.value = "41"
        seed.focus()
        await person.press("enter")
        await person.until(lambda: person.app.studio.settings.lock_seed)
        await person.press("f4")
        await person.sees("seed 41 (locked)")
        await person.press("r")
        await person.until(lambda: len(person.jobs.drawings) == 2)
        assert {request.sample.seed for request in person.jobs.drawings} == {41}
        await person.is_told("The random seed 41 is locked, so that the same noise is drawn again; ctrl+g on the Prompt screen unlocks it.")
