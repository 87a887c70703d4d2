"""A picture is enlarged by a key or a click, with its recipe; its neighbours and its denoising are a key away, and it can be saved."""

from __future__ import annotations

import json

import pytest
from fake_pictures import blend, digits
from fakes import FakeJobs, finished_run
from PIL import Image
from user import SIZES, STEPS, User, opened

from engine.config.training import TrainConfig
from engine.protocol.recipe import Images
from engine.storage import paths
from tui.dialogs.enlarged import EnlargedDialog, Subject, nearest_frame
from tui.terminal.capabilities import Terminal
from tui.widgets.image_view import ImageView
from tui.widgets.job_bar import JobBar


async def drawn_grid(person: User) -> None:
    await person.press("f4")
    await person.sees("enter enlarges")


def shown(person: User) -> bytes:
    """The enlarged picture."""
    assert isinstance(person.app.screen, EnlargedDialog)
    images = person.app.screen.query_one(ImageView).images
    assert images is not None
    assert len(images) == 1
    return images[0]


async def enlarge_first(person: User) -> None:
    """Press enter once a drawing is finished. Until the pictures are laid out, there is none to enlarge."""
    await person.until(lambda: person.app.screen.query_one("#bar", JobBar).fraction == 1.0)
    while not isinstance(person.app.screen, EnlargedDialog):
        await person.press("enter")


@pytest.mark.parametrize("size", [(40, 12), *SIZES, (200, 60)])
async def test_enter_enlarges_and_escape_closes_at_any_size(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.press("f4")
        await enlarge_first(person)
        await person.sees("0 · zero", "1 of 10", "esc close")
        assert shown(person) == digits()[0]
        view = person.app.screen.query_one(ImageView)
        assert view.tile is not None
        assert view.tile >= {40: 10, 80: 28, 120: 56, 200: 112}[size[0]]
        assert person.app.screen.region.contains_region(view.region)
        assert view.region.size == (view.tile, view.tile // 2)
        await person.press("escape")
        await person.until(lambda: not isinstance(person.app.screen, EnlargedDialog))


@pytest.mark.parametrize("size", [(40, 12), *SIZES])
async def test_a_notice_hides_neither_the_keys_nor_the_progress(size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await person.press("f4")
        await enlarge_first(person)
        await person.sees("esc close", "after step")
        person.app.notify("a notice to read", severity="warning")
        await person.sees("! a notice to read", "esc close", "after step")


async def test_neighbours_and_denoising() -> None:
    async with opened() as person:
        await drawn_grid(person)
        await person.press("z", "left")
        assert shown(person) == digits()[0], "there is none before the first"
        await person.press("right", "right", "up", "up")
        await person.sees("2 · two", "3 of 10", f"after step {STEPS - 2}/{STEPS}")
        assert shown(person) == blend(2, 1, 0, (STEPS - 2) / STEPS)
        await person.press("right")
        assert shown(person) == blend(3, 1, 0, (STEPS - 2) / STEPS), "the neighbour at the same step"
        await person.press("home")
        assert shown(person) == blend(3, 1, 0, 0.0)
        await person.press("end", *["right"] * 20)
        assert shown(person) == digits()[9]
        await person.press("escape", "z")
        await person.sees("9 · nine"), "the one that was looked at last"


async def test_space_replays_and_stops_at_the_end() -> None:
    async with opened() as person:
        await drawn_grid(person)
        await person.press("z", "space")
        await person.sees(f"after step 3/{STEPS}")
        await person.sees(f"after step {STEPS}/{STEPS}")
        assert shown(person) == digits()[0]


async def test_what_is_saved_is_the_enlarged_picture_and_its_recipe() -> None:
    async with opened() as person:
        await drawn_grid(person)
        await person.press("z", "right", "right", "right", "s")
        await person.until(lambda: list(paths.pictures_dir().glob("*.png")))
    (path,) = paths.pictures_dir().glob("*.png")
    with Image.open(path) as picture:
        recipe = json.loads(picture.info["digitty"])
        small = picture.resize((28, 28), Image.Resampling.NEAREST)
    assert (recipe["labels"], recipe["indices"], recipe["sample"]["seed"]) == ([3], [0], 1)
    assert small.tobytes() == digits()[3]


async def test_images_of_shared_noise_that_were_redrawn_are_saved_together() -> None:
    """A recipe of one alone would not draw it again."""
    async with opened(FakeJobs(again=2)) as person:
        person.jobs.end()
        await drawn_grid(person)
        await person.press("z", "s")
        await person.until(lambda: list(paths.pictures_dir().glob("*.png")))
    (path,) = paths.pictures_dir().glob("*.png")
    with Image.open(path) as picture:
        assert json.loads(picture.info["digitty"])["labels"] == list(range(10))


@pytest.mark.slow
async def test_a_click_enlarges_the_tile_below_it() -> None:
    async with opened(size=(120, 40)) as person:
        await drawn_grid(person)
        view = person.view
        for index in (0, 4, 7):
            place = next((x, y) for y in range(view.size.height) for x in range(view.size.width) if view.index_at(x, y) == index)
            await person.pilot.click("#view", offset=place)
            await person.sees(f"{index + 1} of 10")
            assert shown(person) == digits()[index]
            await person.pilot.click(ImageView)
            await person.until(lambda: not isinstance(person.app.screen, EnlargedDialog))
        await person.pilot.click("#view", offset=(0, 0))
        await person.settle()
        assert not isinstance(person.app.screen, EnlargedDialog), "there is no image in the corner"


async def test_enter_draws_again_once_something_else_is_asked_for() -> None:
    async with opened() as person:
        await drawn_grid(person)
        person.app.studio.next_seed()
        await person.press("enter")
        await person.until(lambda: len(person.jobs.drawings) == 2)
        assert not isinstance(person.app.screen, EnlargedDialog)


@pytest.mark.slow
async def test_enter_on_generate_takes_the_controls_first() -> None:
    async with opened() as person:
        await person.press("f3", "enter")
        await person.sees("enter enlarges")
        await person.press("enter")
        await person.sees("1 of 16")
        await person.press("escape", "e")
        await person.press("backspace", "backspace", "4", "enter")
        await person.until(lambda: len(person.jobs.drawings) == 2)
        assert len(person.jobs.drawings[-1].labels) == 4


async def test_on_prompt_a_click_and_a_key_enlarge_an_answer() -> None:
    async with opened(size=(120, 40)) as person:
        await person.press("escape", "z")
        await person.is_told("Nothing to enlarge")
        await person.press("i")
        await person.enter("3 1 4")
        await person.sees("200 steps/s")
        view = person.app.screen.query_one(ImageView)
        await person.pilot.click(ImageView, offset=(view.size.width - 3, 3))
        await person.sees("4 · four", "3 of 3")
        await person.press("escape", "escape", "z")
        await person.sees("3 · three", "1 of 3")


async def test_the_bar_scrubs_where_it_is_clicked_and_dragged() -> None:
    async with opened(size=(120, 40)) as person:
        await drawn_grid(person)
        await person.pilot.click("#bar", offset=(1, 0))
        await person.sees(f"after step 0/{STEPS}")
        bar = person.app.screen.query_one("#bar", JobBar)
        await person.pilot.mouse_down("#bar", offset=(1, 0))
        await person.pilot.hover("#bar", offset=(20, 0))
        await person.sees(f"after step {STEPS // 2}/{STEPS}")
        await person.pilot.mouse_up("#bar", offset=(20, 0))
        await person.pilot.hover("#bar", offset=(40, 0))
        assert bar.fraction == 0.5, "once the button is up, moving does nothing"
        await person.pilot.click("#bar", offset=(100, 0))
        assert bar.fraction == 0.5, "beside the bar there is nothing to scrub"
        await person.press("z")
        await person.pilot.click("#denoising", offset=(1, 0))
        await person.sees(f"after step 0/{STEPS}")


async def test_pictures_without_a_recipe_frames_or_a_way_to_save() -> None:
    """As the best and worst of an evaluation, say."""
    async with opened() as person:
        dialog = EnlargedDialog(Terminal(), Subject(Images(digits()[4] + digits()[2], 2), notes=["read as 9"]), index=7)
        person.app.push_screen(dialog)
        await person.sees("2 of 2", "read as 9", "esc close")
        assert "denoising" not in person.screen
        assert "save" not in person.screen
        assert shown(person) == digits()[2]
        await person.press("up", "space", "s", "left")
        assert shown(person) == digits()[4]


def test_the_nearest_frame() -> None:
    assert [nearest_frame((0, 3, 7, 14), fraction) for fraction in (0.0, 0.1, 0.2, 0.5, 0.7, 0.8, 1.0)] == [0, 0, 1, 2, 2, 3, 3]
    assert nearest_frame((), 0.5) == 0


@pytest.mark.slow
async def test_a_preview_of_a_run_is_enlarged_by_a_click(tiny: TrainConfig) -> None:
    finished_run("old", tiny)
    async with opened(size=(120, 40)) as person:
        await person.press("f5")
        await person.sees("finished", "previews: step")
        await person.pilot.pause(0.2)
        view = person.app.screen.query_one("#previews", ImageView)
        images = view.images
        place = next((x, y) for y in range(view.size.height) for x in range(view.size.width) if view.index_at(x, y) == 6)
        gutter = view.gutter
        await person.pilot.click("#previews", offset=(place[0] + gutter.left, place[1] + gutter.top))
        await person.sees("6 · six", "7 of 10", "old, step ")
        assert images is not None
        assert shown(person) == images[6]
