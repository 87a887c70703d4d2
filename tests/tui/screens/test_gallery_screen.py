"""Saved pictures: looked through, drawn again, changed, marked, deleted and brought back."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any, cast

import pytest
from fake_pictures import blend
from fake_training import ENGINE
from fakes import FakeJobs
from PIL import Image
from user import SIZES, SMALL, User, opened

from engine.config.condition import Condition, Interval
from engine.config.sampling import SampleConfig
from engine.config.sweep import plan_sweep
from engine.errors import DeviceError
from engine.jobs.jobs import Jobs
from engine.protocol.events import DrawDone
from engine.protocol.recipe import Images, Recipe, WeightsInfo
from engine.storage.gallery import FAVOURITES, TRASH, Gallery
from engine.storage.images import save_drawing
from engine.storage.pictures import load_picture
from engine.storage.sheet import save_sheet
from tui.app import DigittyApp
from tui.dialogs.enlarged import EnlargedDialog
from tui.settings.config_file import Config
from tui.settings.keymap import FIRST_KEY, SCREEN_NAMES
from tui.terminal.clipboard import text_sequence
from tui.widgets.thumbnails import Thumbnails

GALLERY = f"f{FIRST_KEY + SCREEN_NAMES.index('gallery')}"


@pytest.fixture
def folder(home: Path) -> Path:
    path = home / "data" / "pictures"
    path.mkdir(parents=True)
    return path


def save(
    folder: Path, *labels: int, seed: int = 1, name: str = "", weights: str = "shipped", age: int = 0, conditions: tuple[Condition, ...] | None = None
) -> Path:
    """A picture that the fake engine would draw again to the pixel; `age` in seconds."""
    info = WeightsInfo(weights, 4690, "average", "sha256:0")
    recipe = Recipe(labels, tuple(range(len(labels))), SampleConfig(steps=3, seed=seed), info, ENGINE, conditions=conditions)
    images = Images(b"".join(blend(label, seed, index, 1.0) for index, label in enumerate(labels)), len(labels))
    path = folder / (name or f"digitty-{''.join(map(str, labels))}-seed{seed}.png")
    save_drawing(path, recipe, images, [images])
    os.utime(path, (1_700_000_000 - age,) * 2)
    return path


def thumbnails(person: User) -> Thumbnails:
    return person.app.screen.query_one(Thumbnails)


async def shows(person: User, *captions: str) -> None:
    """Waits until these thumbnails are on the page, the selected one with an arrow."""

    def is_shown() -> bool:
        view = thumbnails(person)
        found = [("> " if i == view._selected else "") + each.caption for i, each in enumerate(view._thumbnails)]
        return found == list(captions) and all(each.note != "…" for each in view._thumbnails)

    await person.until(is_shown)


async def to_gallery(person: User) -> None:
    await person.press("escape", GALLERY)
    await person.sees("Gallery", " · ")
    await person.until(lambda: person.app.screen.query_one("#where"))


# --- looking through them ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [*SIZES, (160, 50), (40, 12)])
async def test_pictures_are_shown_newest_first_with_their_recipe(folder: Path, size: tuple[int, int]) -> None:
    save(folder, 7, age=2)
    save(folder, 3, 1, 4, age=1)
    save(folder, 8, seed=5)
    async with opened(size=size) as person:
        await to_gallery(person)
        if size[0] >= 80:
            await shows(person, "> 8-seed5", "314-seed1", "7-seed1")
            await person.sees("3 pictures", "digitty-8-seed5.png", "8 · eight", "seed 5", "weights shipped", "cpu · fp32")
        await person.press("right")
        await person.sees("digitty-314-seed1.png")
        await person.press("end")
        await person.sees("digitty-7-seed1.png", "▸" if size[0] >= 80 else "▸7-seed1")


@pytest.mark.parametrize("size", [*SIZES, (200, 60), (40, 12)])
async def test_no_pictures_yet_shows_examples_and_says_how_to_save_one(home: Path, size: tuple[int, int]) -> None:
    async with opened(size=size) as person:
        await to_gallery(person)
        await person.sees("No pictures yet.", "0 pictures", "first picture" if size[0] >= 80 else "with s on")
        await person.until(lambda: [each.picture for each in thumbnails(person)._thumbnails].count(None) == 0)
        assert {each.caption for each in thumbnails(person)._thumbnails} == {"example"}
        await person.press(*"redfuxzD", "space", "left", "down", "pagedown", "escape")
        await person.sees("0 pictures")
        assert person.app.is_running
    assert not person.jobs.drawings
    assert not (home / "data" / "pictures").exists(), "looking creates nothing"


@pytest.mark.slow
@pytest.mark.parametrize("by", ["enter", "click"])
async def test_a_first_picture_is_drawn_and_saved(home: Path, by: str) -> None:
    async with opened() as person:
        await to_gallery(person)
        await person.sees("No pictures yet.")
        await (person.press("enter") if by == "enter" else person.pilot.click(Thumbnails, offset=(3, 3)))
        seed = person.app.studio.settings.sample.seed
        await shows(person, f"> 0123456789-seed{seed}")
        await person.sees("1 picture ", "enter enlarge r again")
        (drawing,) = person.jobs.drawings
        assert drawing.labels == tuple(range(10))
        await person.press("r")  # and all else that one can do with a picture
        await person.sees("the same picture, to the pixel")
    (path,) = (home / "data" / "pictures").iterdir()
    assert load_picture(path).recipe.labels == drawing.labels


async def test_a_first_picture_that_cannot_be_saved_is_not_lost(home: Path) -> None:
    folder = home / "data" / "pictures"
    async with opened() as person:
        await to_gallery(person)
        await person.sees("No pictures yet.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.write_text("in the way")
        await person.press("enter")
        await person.is_told("can't create the folder")
        assert person.view.images
        folder.unlink()
        await person.press("escape", "s")  # the first dismisses the error
        await person.is_told("Saved")
    assert len(list(folder.iterdir())) == 1


async def test_a_first_drawing_can_be_stopped(home: Path) -> None:
    jobs = FakeJobs(draw_holds_at=2)
    async with opened(jobs) as person:
        await to_gallery(person)
        await person.sees("No pictures yet.")
        await person.press("enter")
        await person.sees("step 2/", "Drawing your first picture: 0-9")
        await person.press("escape")
        await person.sees("stopped")
        await person.press("escape")
        await person.sees("No pictures yet.", "first picture")
    assert not (home / "data" / "pictures").exists()


async def test_an_empty_folder_that_the_command_named_offers_no_first_picture(tmp_path: Path) -> None:
    """It would be saved elsewhere."""
    jobs, empty = FakeJobs(), tmp_path / "empty"
    empty.mkdir()
    app = DigittyApp(cast(Jobs, jobs), first="gallery", pictures=[empty])
    async with app.run_test(size=SMALL) as pilot:
        person = User(app, pilot, jobs)
        await person.sees("No pictures here.")
        await person.press("enter")
        await person.is_told("No picture here yet.")
        assert "first picture" not in person.footer
        assert not jobs.drawings
    assert app.studio.worker.close(10)


@pytest.mark.slow
async def test_what_is_saved_elsewhere_is_there_on_the_way_back(folder: Path) -> None:
    save(folder, 7, age=9)
    async with opened() as person:
        await to_gallery(person)
        await shows(person, "> 7-seed1")
        await person.press("f2")
        await person.enter("three")
        await person.sees("0.05 s")
        await person.press("ctrl+s", "escape", GALLERY)
        await shows(person, "3-seed1", "> 7-seed1")
        (folder / "digitty-7-seed1.png").unlink()
        await person.press("f2", "escape", GALLERY)
        await shows(person, "> 3-seed1")


@pytest.mark.slow
async def test_damaged_and_foreign_files_are_shown_as_such(folder: Path) -> None:
    path = save(folder, 7, age=1)
    (folder / "broken.png").write_bytes(path.read_bytes()[:200])
    (folder / "note.gif").write_text("no picture")
    async with opened(size=(120, 40)) as person:
        await to_gallery(person)
        await person.sees("unreadable", "3 pictures")
        await person.press("home")
        await person.sees("can't use note.gif: it is", "neither a PNG nor a GIF")
        await person.press("right")
        await person.sees("can't use broken.png: it is", "truncated")
        await person.press("r")
        await person.is_told("can't use")
        await person.press("enter", "escape")
        assert person.app.is_running


async def test_many_pictures_are_read_a_page_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.screens import gallery

    first = save(folder, 7).read_bytes()
    for n in range(300):
        (folder / f"digitty-{n}.png").write_bytes(first)
    read: list[Path] = []
    read_item = gallery.read_item
    monkeypatch.setattr(gallery, "read_item", lambda entry: (read.append(entry.path), read_item(entry))[1])
    async with opened() as person:
        await to_gallery(person)
        await person.sees("301 pictures", "page 1/")
        await person.until(lambda: all(each.picture for each in thumbnails(person)._thumbnails))
        per_page = len(thumbnails(person)._thumbnails)
        assert len(read) == per_page < 20
        await person.press("pagedown")
        await person.sees("page 2/")
        await person.until(lambda: all(each.picture for each in thumbnails(person)._thumbnails))
        await person.press("pageup")
        await person.sees("page 1/")
        assert len(read) == 2 * per_page, "what was read is kept"


@pytest.mark.slow
async def test_a_click_selects_and_a_second_one_enlarges(folder: Path) -> None:
    save(folder, 7, age=1)
    save(folder, 3)
    async with opened() as person:
        await to_gallery(person)
        await shows(person, "> 3-seed1", "7-seed1")
        second = thumbnails(person).grid(2).place(1)
        for _ in range(2):
            await person.pilot.click(Thumbnails, offset=(second[0] + 2, second[1] + 2))
            await person.settle()
        await person.until(lambda: person.view.images is not None)
        assert person.view.images is not None
        assert person.view.images.data == blend(7, 1, 0, 1.0)


async def test_enter_enlarges_and_arrows_go_on(folder: Path) -> None:
    save(folder, 7, age=1)
    save(folder, 3, 1)
    async with opened() as person:
        await to_gallery(person)
        await shows(person, "> 31-seed1", "7-seed1")
        await person.press("enter")
        await person.until(lambda: person.view.images is not None and person.view.images.count == 2)
        await person.press("right")
        await person.until(lambda: person.view.images is not None and person.view.images.data == blend(7, 1, 0, 1.0))
        await person.press("escape")
        await shows(person, "31-seed1", "> 7-seed1")


@pytest.mark.slow
async def test_a_single_image_is_enlarged_by_z_or_a_click(folder: Path) -> None:
    save(folder, 3, 1)
    (folder / "broken.png").write_text("")
    os.utime(folder / "broken.png", (0, 0))
    async with opened(size=(120, 40)) as person:
        await to_gallery(person)
        await shows(person, "> 31-seed1", "broken")
        await person.press("z")
        await person.sees("esc close", "← → others", "3 · three")
        await person.press("right")
        await person.sees("1 · one")
        await person.press("escape", "end", "z")
        await person.is_told("can't use broken.png")
        await person.press("home", "enter")
        await person.until(lambda: person.view.images is not None and person.view.images.count == 2)
        for _ in range(20):  # its place is known only once it is laid out
            left, top = person.view.region.offset
            await person.pilot.click(offset=(left + person.view.region.width // 4, top + person.view.region.height // 2))
            await person.settle()
            if isinstance(person.app.screen, EnlargedDialog):
                break
        await person.sees("3 · three   1 of 2")


# --- drawing again ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_drawing_again_compares(folder: Path) -> None:
    asked = Condition(3, (("slant", Interval(20, 20)),)), Condition(1)
    save(folder, 3, 1, seed=4, conditions=asked)
    async with opened(size=(120, 40)) as person:
        await to_gallery(person)
        await shows(person, "> 31-seed4")
        await person.press("r")
        await person.sees("the same picture, to the pixel", "3, slant 20°; 1")
        (request,) = person.jobs.drawings
        stored = load_picture(folder / "digitty-31-seed4.png").recipe
        assert (request.labels, request.indices, request.sample, request.weights) == (stored.labels, stored.indices, stored.sample, "shipped")
        assert (request.like, request.conditions) == (stored.engine, asked)
        await person.press("s")
        await person.is_told(f"Saved {folder}")
        await person.press("escape")
        await shows(person, "31-seed4-2", "> 31-seed4")


@pytest.mark.slow
async def test_one_thing_is_changed(folder: Path) -> None:
    save(folder, 3, seed=4)
    async with opened(size=(120, 40)) as person:
        await to_gallery(person)
        await shows(person, "> 3-seed4")
        await person.press("e")
        await person.sees("Change one thing", "guidance", "weights")
        await person.press(*"x9", "enter")
        await person.sees("guidance 'x9' is not a number")
        await person.press("backspace", "backspace", "2", "tab", "tab", "5", "enter")
        await person.sees("guidance 2 instead of 1.4; seed 5 instead of 4")
        (request,) = person.jobs.drawings
        assert (request.sample.guidance, request.sample.seed, request.sample.steps) == (2.0, 5, 3)
        assert person.app.studio.settings.sample == SampleConfig(), "the shared settings stay"


@pytest.mark.slow
async def test_weights_that_are_gone_are_named_and_others_can_be_chosen(folder: Path) -> None:
    save(folder, 3, weights="lost-1")
    async with opened(size=(120, 40)) as person:
        await to_gallery(person)
        await shows(person, "> 3-seed1")
        await person.press("r")
        await person.is_told("the weights lost-1 (average, step 4690) are not here; to draw with others, press e and name them")
        await person.press("e")
        await person.sees("Change one thing")
        await person.press("enter")
        await person.sees("name weights")
        await person.press(*"shipped", "enter")
        await person.sees("weights shipped", "instead of lost-1")


@pytest.mark.slow
async def test_a_failed_drawing_is_a_message_and_esc_stops_one(folder: Path) -> None:
    save(folder, 3)
    jobs = FakeJobs(draw_holds_at=1)
    jobs.failures.append(DeviceError("the device ran out of memory"))
    async with opened(jobs, size=(120, 40)) as person:
        await to_gallery(person)
        await shows(person, "> 3-seed1")
        await person.press("r")
        await person.sees("the device ran out of memory")
        await person.press("escape", "r")
        await person.sees("step 1/3")
        await person.press("escape")
        await person.sees("stopped")
        await person.press("escape")
        await shows(person, "> 3-seed1")


async def test_leaving_a_picture_ends_its_drawing(folder: Path) -> None:
    save(folder, 7, age=1)
    save(folder, 3)
    async with opened(FakeJobs(draw_holds_at=1), size=(120, 40)) as person:
        await to_gallery(person)
        await shows(person, "> 3-seed1", "7-seed1")
        await person.press("r")
        await person.sees("step 1/3")
        await person.press("right")
        await person.until(lambda: person.view.images is not None and person.view.images.data == blend(7, 1, 0, 1.0))
        await person.sees("idle")


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_favourites_are_kept_and_filtered(folder: Path) -> None:
    save(folder, 7, age=1)
    path = save(folder, 3)
    async with opened() as person:
        await to_gallery(person)
        await shows(person, "> 3-seed1", "7-seed1")
        await person.press("f")
        await shows(person, "> * 3-seed1", "7-seed1")
        await person.press("F")
        await shows(person, "> * 3-seed1")
        await person.sees("1 favourite")
    assert Gallery([folder]).favourites() == {path}
    async with opened() as person:
        await to_gallery(person)
        await shows(person, "> * 3-seed1", "7-seed1")
        await person.press("f", "F")
        await person.sees("No favourites yet")


async def test_a_damaged_list_of_favourites_is_a_message(folder: Path) -> None:
    save(folder, 3)
    (folder / FAVOURITES).write_text("{")
    async with opened() as person:
        await to_gallery(person)
        await shows(person, "> 3-seed1")
        await person.press("f")
        await person.is_told("correct or delete it")


@pytest.mark.slow
@pytest.mark.parametrize("key", ["d", "delete"])
async def test_deleting_and_bringing_back_also_in_a_later_session(folder: Path, key: str) -> None:
    for n in range(4):
        save(folder, n, age=n)
    async with opened() as person:
        await to_gallery(person)
        await shows(person, "> 0-seed1", "1-seed1", "2-seed1", "3-seed1")
        await person.press("right", key)
        await person.is_told("Deleted digitty-1-seed1.png. u brings it back, for 30 days.")
        await shows(person, "0-seed1", "> 2-seed1", "3-seed1")
        await person.press("space", "right", "space", "d")
        await person.is_told("Deleted 2 pictures.")
        await shows(person, "> 0-seed1")
    async with opened() as person:
        await to_gallery(person)
        await person.press("u", "u", "u")
        await shows(person, "> 0-seed1", "1-seed1", "2-seed1", "3-seed1")
        await person.press("u")
        await person.is_told("There is no deleted picture to bring back.")


@pytest.mark.slow
async def test_the_trash_is_emptied_only_after_a_question(folder: Path) -> None:
    save(folder, 3)
    async with opened() as person:
        await to_gallery(person)
        await shows(person, "> 3-seed1")
        await person.press("D")
        await person.is_told("No deleted pictures.")
        await person.press("d")
        await person.sees("0 pictures", "u brings back")
        await person.press("D", "enter")
        assert list((folder / TRASH).iterdir())
        await person.press("D", "y")
        await person.is_told("Removed 1 deleted picture for good.")
    assert not list((folder / TRASH).iterdir())


@pytest.mark.slow
async def test_contact_sheets(folder: Path) -> None:
    save(folder, 7, age=1)
    save(folder, 3)
    (folder / "broken.png").write_text("")
    async with opened(size=(120, 40)) as person:
        await to_gallery(person)
        await person.sees("3 pictures", "unreadable")
        await person.press("x")
        await person.sees("Write a contact sheet of", "all that are shown (3)")
        assert "favourites (" not in person.screen
        await person.press("a")
        await person.is_told("(without 1 that can't be read)")
        await person.press("end", "space", "x", "m")
        await person.until(lambda: len(list((folder / "sheets").glob("*.png"))) == 2)
        await person.sees("3 pictures")


async def test_a_folder_that_is_a_file_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with opened(config=Config({"pictures": str(tmp_path / "file" / "x")}), size=(120, 40)) as person:
        await person.press("escape", GALLERY)
        await person.sees("can't read", "make it readable")


async def test_the_command_opens_the_gallery_of_other_files(tmp_path: Path) -> None:
    path, jobs = save(tmp_path, 5), FakeJobs()
    app = DigittyApp(cast(Jobs, jobs), first="gallery", pictures=[path])
    async with app.run_test(size=SMALL) as pilot:
        person = User(app, pilot, jobs)
        await shows(person, "> 5-seed1")
        await person.press("f2")
        await person.sees("Type a digit")
    assert app.studio.worker.close(10)


# --- to the user's terminal -------------------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the terminal beside the screen."""
    for name in ("TMUX", "STY", "TERM_PROGRAM", "LC_TERMINAL", "KITTY_WINDOW_ID", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    sequences: list[str] = []
    monkeypatch.setattr("tui.terminal.paced_app.PacedApp.send_sequence", lambda _, sequence: sequences.append(sequence))
    return sequences


async def test_the_path_is_copied(folder: Path, sent: list[str]) -> None:
    path = save(folder, 3)
    async with opened() as person:
        await to_gallery(person)
        await shows(person, "> 3-seed1")
        await person.press("y")
        await person.is_told(f"Sent the path to the clipboard, if the terminal allows it: {path}")
        assert person.app.clipboard == str(path)
    assert sent == [text_sequence(str(path), {})]


async def test_what_was_just_saved_is_copied_from_its_screen(folder: Path, sent: list[str]) -> None:
    async with opened() as person:
        await person.press("escape", "y")
        await person.is_told("No picture to copy yet: save one with s first.")
        await person.press("i")
        await person.enter("seven")
        await person.sees("0.05 s")
        await person.press("ctrl+s", "escape", "y")
        await person.is_told(f"if the terminal allows it: {folder / 'digitty-7-seed1.png'}")


async def test_the_picture_is_sent_to_a_terminal_that_takes_it(folder: Path, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(folder, 3)
    monkeypatch.setenv("LC_TERMINAL", "iTerm2")
    async with opened() as person:
        await to_gallery(person)
        await shows(person, "> 3-seed1")
        await person.press("Y")
        await person.is_told("Sent digitty-3-seed1.png to your terminal: look in its downloads")
        path.unlink()
        await person.press("Y")
        await person.is_told("can't read")
    assert sent[0].startswith("\x1b]1337;File=name=")


async def test_another_terminal_gets_the_command_that_fetches_it(folder: Path, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(folder, 3)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.9 50000 10.0.0.1 22")
    async with opened(size=(200, 24)) as person:
        await to_gallery(person)
        await shows(person, "> 3-seed1")
        await person.press("Y")
        await person.is_told("This terminal takes no files. Sent a command for your machine to its clipboard: scp ")
        assert person.app.clipboard.startswith("scp ")
        assert person.app.clipboard.endswith(f"@10.0.0.1:{path} .")


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_lists_without_a_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from engine.cli.entry import run
    from tui.cli.main import digitty

    save(folder, 7, age=1)
    save(folder, 3)
    (folder / "broken.png").write_text("")

    def ran(*arguments: str) -> tuple[int, Any]:
        code = run(digitty, list(arguments))
        return code, capsys.readouterr()

    code, told = ran("gallery")
    assert code == 0
    broken, three, seven = told.out.splitlines()
    assert "neither a PNG nor a GIF" in broken
    assert " · 3 · seed 1 · dpmpp · 3 steps · guidance 1.4 · shipped · " in three
    assert seven.endswith("digitty-7-seed1.png")
    code, told = ran("gallery", "--plain", str(folder / "digitty-7-seed1.png"))
    assert "·" not in told.out
    assert len(told.out.splitlines()) == 1
    assert ran("gallery", str(folder / "none.png"))[0] == 2
    bold = Condition(7, (("thickness", Interval(low=3.5)), ("slant", Interval(-20, -20))), (("crossed", True),))
    path = save(folder, 7, name="bold.png", conditions=(bold,))
    assert ", 7, thickness 3.5 px or more, slant -20°, crossed, seed 1, dpmpp, " in ran("gallery", "--plain", str(path))[1].out
    assert json.dumps(ran("gallery", "--empty-trash")[1].err) == json.dumps("removed 0 deleted pictures\n")


@pytest.mark.slow
async def test_the_sheet_of_a_sweep_is_shown_and_says_what_it_compares(folder: Path) -> None:
    plan = plan_sweep({"guidance": (1.0, 2.0), "steps": (4, 8)}, SampleConfig(), "shipped")
    cells = []
    for cell in plan.cells:
        images = Images(blend(7, 1, 0, 1.0), 1)
        cells.append(DrawDone(Recipe((7,), (0,), cell.sample, WeightsInfo("shipped", 1, "average"), ENGINE), images, (), (), 0.1, 1.0, 0, (), 4.0))
    save_sheet(folder / "sweep.png", "seven", plan, cells)
    async with opened(size=SMALL) as person:
        await person.press(GALLERY)
        await shows(person, "> sweep")
        await person.sees("guidance × steps", "4 drawings", "weights shipped")
        assert all(each.picture for each in thumbnails(person)._thumbnails)
        await person.press("r")
        await person.is_told("This is the sheet of a sweep.")
        assert not person.jobs.drawings
        await person.press("escape", "enter")
        await person.until(lambda: person.view.images is not None)
        with Image.open(folder / "sweep.png") as sheet:
            assert (person.view.images.width, person.view.images.height) == sheet.size  # type: ignore[union-attr]
        await person.press("escape", "x", "a")
        await person.is_told("Saved")


@pytest.mark.parametrize(("size", "columns"), [((80, 24), 3), ((120, 40), 3), ((200, 60), 3)])
async def test_thumbnails_use_the_room_beside_the_recipe(folder: Path, size: tuple[int, int], columns: int) -> None:
    for seed in range(6):
        save(folder, 7, seed=seed)
    async with opened(size=size) as person:
        await person.press(GALLERY)
        await person.sees("6 pictures", "dpmpp")
        grid = thumbnails(person)._grid
        assert grid is not None
        assert grid.columns >= columns
        assert grid.pages == 1
        recipe = person.app.screen.query_one("#recipe")
        assert recipe.region.x - thumbnails(person).region.right <= 2
        assert recipe.region.right <= size[0]
        await person.until(lambda: thumbnails(person).size.width == thumbnails(person)._grid.width)  # type: ignore[union-attr]  # none is cut off


# --- a hostile folder, a full disk --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [b"\x1b]2;owned\x07\x1b[31m.png", b"new\nline.png", b"\xff\xfe.png", b"x" * 251 + b".png", b"[red]b[.png", "\u202egnp.png".encode()]
)
async def test_a_file_of_any_name_is_shown_marked_deleted_and_brought_back(folder: Path, name: bytes) -> None:
    path = folder / os.fsdecode(name)
    save(folder, 7).rename(path)
    (folder / "self.png").symlink_to("self.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.png")
    async with opened() as person:
        await to_gallery(person)
        await person.sees("1 picture ", "7 · seven")
        await person.press("f")
        await person.sees("* favourite")
        await person.press("d")
        await person.sees("0 pictures")
        assert not path.exists()
        await person.press("u")
        await person.sees("1 picture ", "* favourite")
        assert path.exists()
        assert [character for character in person.screen.replace("\n", "") if not character.isprintable()] == []


@pytest.mark.slow
async def test_a_full_disk_is_a_message_and_a_later_try_succeeds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(folder, 7)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with opened() as person:
        await to_gallery(person)
        await person.sees("7 · seven")
        await person.press("r")
        await person.sees("the same picture, to the pixel")
        with monkeypatch.context() as patch:
            patch.setattr("engine.storage.atomic.os.fsync", full)
            for key, count in (("s", 1), ("g", 2), ("f", 3)):
                await person.press(key)
                await person.until(lambda count=count: person.notices.count("No space left on device; free some space") >= count)
        assert [path.name for path in folder.iterdir() if path.suffix == ".png"] == ["digitty-7-seed1.png"]
        assert not [path.name for path in folder.iterdir() if path.name.endswith(".part")]
        await person.press("escape", "s", "f")
        await person.is_told("digitty-7-seed1-2.png")
        await person.sees("* favourite")
