"""Folders of pictures: their order, favourites and the trash, also when two programs use them at once or something is damaged."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from test_pictures import random_images

from engine.errors import OutputError, StorageError
from engine.protocol.recipe import Images
from engine.storage import gallery as store
from engine.storage.contact_sheet import SIDE, Exhibit, save_sheet, thumbnail
from engine.storage.gallery import FAVOURITES, KEEP_DAYS, TRASH, Gallery, delete_pictures, set_favourite


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, c the newest."""
    (tmp_path / "pictures").mkdir()
    for age, name in enumerate(("c.png", "b.gif", "a.png")):
        path = tmp_path / "pictures" / name
        path.write_text(name)
        os.utime(path, ns=(10**18 - age, 10**18 - age))
    return tmp_path / "pictures"


def names(gallery: Gallery) -> list[str]:
    return [entry.path.name for entry in gallery.entries()]


def test_the_newest_come_first_and_other_files_do_not_count(folder: Path) -> None:
    (folder / "notes.txt").write_text("")
    (folder / ".hidden.png").write_text("")
    (folder / "sheets").mkdir()
    (folder / "folder.png").mkdir()
    (folder / "dangling.png").symlink_to("nowhere.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "long.png").symlink_to("x" * 1000)
    os.mkfifo(folder / "pipe.png")
    assert names(Gallery([folder])) == ["c.png", "b.gif", "a.png"]


def test_a_missing_folder_is_empty(tmp_path: Path) -> None:
    gallery = Gallery([tmp_path / "none"])
    assert gallery.entries() == []
    assert gallery.favourites() == frozenset()
    assert gallery.restore() is None
    assert gallery.empty_trash() == 0
    assert not list(tmp_path.iterdir()), "looking creates nothing"


def test_a_folder_that_cannot_be_read_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(store.os, "scandir", refuse)
    with pytest.raises(StorageError, match="make it readable, or choose another folder"):
        Gallery([folder]).entries()


def test_files_and_folders_may_be_mixed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "d.png"
    other.write_text("")
    gallery = Gallery([folder, other, folder / "a.png"])
    assert sorted(names(gallery)) == ["a.png", "b.gif", "c.png", "d.png"]
    assert gallery.folders() == [folder, tmp_path]


# --- favourites -------------------------------------------------------------------------------------------------------


def test_favourites_are_kept_in_the_folder(folder: Path) -> None:
    set_favourite(folder / "a.png", True)
    set_favourite(folder / "c.png", True)
    set_favourite(folder / "a.png", False)
    assert Gallery([folder]).favourites() == {folder / "c.png"}


def test_favourites_of_several_threads_are_all_kept(folder: Path) -> None:
    paths = [folder / f"{n}.png" for n in range(20)]
    threads = [threading.Thread(target=set_favourite, args=(path, True)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Gallery([folder]).favourites() == set(paths)


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"names": 7}', "[" * 10_000, '{"names": [1, null]}'])
def test_a_damaged_list_is_never_overwritten_unless_it_is_valid(folder: Path, content: str) -> None:
    (folder / FAVOURITES).write_text(content)
    assert Gallery([folder]).favourites() == frozenset()
    if content.startswith('{"names": ['):
        set_favourite(folder / "a.png", True)
        assert Gallery([folder]).favourites() == {folder / "a.png"}
        return
    with pytest.raises(StorageError, match="it is damaged, or no list of favourites; correct or delete it"):
        set_favourite(folder / "a.png", True)
    assert (folder / FAVOURITES).read_text() == content


# --- trash ------------------------------------------------------------------------------------------------------------


def test_deleted_pictures_come_back_in_reverse_order(folder: Path) -> None:
    delete_pictures([folder / "a.png"])
    delete_pictures([folder / "c.png", folder / "gone.png"])
    gallery = Gallery([folder])  # a later session
    assert names(gallery) == ["b.gif"]
    assert gallery.trash_size() == 2
    assert gallery.restore() == folder / "c.png"
    assert gallery.restore() == folder / "a.png"
    assert gallery.restore() is None
    assert names(gallery) == ["c.png", "b.gif", "a.png"], "they are as old as before"
    assert (folder / "a.png").read_text() == "a.png"


def test_a_deleted_favourite_comes_back_as_one(folder: Path) -> None:
    set_favourite(folder / "a.png", True)
    delete_pictures([folder / "a.png"])
    set_favourite(folder / "c.png", True)
    gallery = Gallery([folder])
    gallery.restore()
    assert folder / "a.png" in gallery.favourites()


def test_a_name_that_is_taken_is_not_overwritten(folder: Path) -> None:
    delete_pictures([folder / "a.png"])
    (folder / "a.png").write_text("new")
    (folder / "a-2.png").symlink_to("nowhere.png")
    assert Gallery([folder]).restore() == folder / "a-3.png"
    assert (folder / "a.png").read_text() == "new"
    assert (folder / "a-3.png").read_text() == "a.png"


def test_two_pictures_of_one_name_can_both_be_brought_back(folder: Path) -> None:
    delete_pictures([folder / "a.png"])
    (folder / "a.png").write_text("second")
    delete_pictures([folder / "a.png"])
    gallery = Gallery([folder])
    assert gallery.restore() == folder / "a.png"
    assert (folder / "a.png").read_text() == "second"
    assert gallery.restore() == folder / "a-2.png"


@pytest.mark.parametrize("name", ["x" * 251 + ".png", "é" * 125 + ".png", "x" * 232 + ".gif"])
def test_a_picture_with_the_longest_name_is_deleted_and_comes_back(folder: Path, name: str) -> None:
    gallery = Gallery([folder])
    for content in ("first", "second"):
        (folder / name).write_text(content)
        assert delete_pictures([folder / name]) == 1
    assert name not in names(gallery)
    assert gallery.trash_size() == 2
    assert gallery.restore() == folder / name
    again = gallery.restore()
    assert again is not None
    assert again.name.endswith(f"-2{again.suffix}")
    assert again.name[:100] == name[:100]
    assert ((folder / name).read_text(), again.read_text()) == ("second", "first")
    assert not list((folder / TRASH).iterdir())
    delete_pictures([again])
    assert gallery.empty_trash() == 1
    assert not list((folder / TRASH).iterdir())


def test_the_trash_forgets_after_a_month_or_when_it_is_told_to(folder: Path) -> None:
    delete_pictures([folder / "a.png", folder / "b.gif"])
    (old,) = (folder / TRASH).glob("*-a.png")
    old.rename(old.with_name(f"{time.time_ns() - int((KEEP_DAYS + 1) * 86400e9)}-a.png"))
    (folder / TRASH / "note.txt").write_text("not ours")
    gallery = Gallery([folder])
    assert gallery.empty_trash(KEEP_DAYS) == 1
    assert gallery.trash_size() == 1
    assert gallery.empty_trash() == 1
    assert gallery.trash_size() == 0
    assert [path.name for path in (folder / TRASH).iterdir()] == ["note.txt"]


def test_a_trash_of_another_program_is_left_alone(folder: Path) -> None:
    """Obsidian has a folder .trash too, and opening the gallery of a folder empties its trash of what is old."""
    foreign = [
        "2024-05-01.png",
        "20240501-photo.png",
        "1-a.gif",
        "1700000000000-in-milliseconds.png",
        f"{10**18}-note.md",
        f"{10**18}-.png.txt",
        "a.png",
    ]
    (folder / TRASH).mkdir()
    for name in foreign:
        (folder / TRASH / name).write_text(name)
    gallery = Gallery([folder])
    assert gallery.trash_size() == 0
    assert gallery.empty_trash() == 0
    assert gallery.restore() is None
    delete_pictures([folder / "a.png"])
    assert gallery.empty_trash() == 1
    assert sorted(os.listdir(folder / TRASH)) == sorted(foreign)


def test_what_could_not_be_removed_is_not_counted(folder: Path) -> None:
    delete_pictures([folder / "a.png"])
    (folder / TRASH / f"{10**18}-folder.png").mkdir()
    assert Gallery([folder]).empty_trash() == 1


def test_a_folder_that_cannot_be_written_keeps_its_pictures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StorageError, match="Read-only file system"):
        delete_pictures([folder / "a.png"])
    assert (folder / "a.png").exists()


# --- thumbnails and contact sheets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "channels"), [(1, 1), (2, 1), (16, 1), (64, 3), (1000, 1)])
def test_a_thumbnail_is_a_square_that_shows_everything(count: int, channels: int) -> None:
    shown = thumbnail(random_images(count, height=20, width=32, channels=channels))
    assert (shown.count, shown.height, shown.width, shown.channels) == (1, SIDE, SIDE, channels)
    assert max(shown.data) > 100


def test_one_digit_is_enlarged_to_the_pixel() -> None:
    digit = random_images(1)
    shown = thumbnail(Images(bytes([255]) + digit.data[1:], 1))
    assert bytes(shown.data[y * 2 * SIDE + x * 2] for y in range(28) for x in range(28))[1:] == digit.data[1:]


def test_a_contact_sheet_has_every_picture(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    exhibits = [Exhibit(Images(bytes([100 + i]) * 784 * count, count), (f"picture {i}", "boot 靴 " * 30)) for i, count in enumerate((1, 3, 16))]
    save_sheet(path, exhibits, 3)
    with Image.open(path) as sheet:
        greys = {grey for _, (grey, green, blue) in sheet.getcolors(100_000) or [] if grey == green == blue}  # type: ignore[misc]
    assert {100, 101, 102} <= greys
    with pytest.raises(OutputError):
        save_sheet(tmp_path / "none" / "sheet.png", exhibits, 3)


def test_a_contact_sheet_needs_one_picture_at_a_time_and_leaves_no_room_for_missing_ones(tmp_path: Path) -> None:
    alive: list[weakref.ref[Exhibit]] = []

    def exhibits() -> Iterator[Exhibit]:
        for i in range(4):
            assert sum(each() is not None for each in alive) <= 1
            exhibit = Exhibit(Images(bytes([100 + i]) * 784, 1), ("a", "b"))
            alive.append(weakref.ref(exhibit))
            yield exhibit

    assert save_sheet(tmp_path / "sheet.png", exhibits(), 100) == 4
    assert save_sheet(tmp_path / "row.png", exhibits(), 5) == 4
    with Image.open(tmp_path / "sheet.png") as sheet, Image.open(tmp_path / "row.png") as row:
        assert sheet.size == row.size
    assert save_sheet(tmp_path / "none.png", iter(()), 5) == 0
    assert not (tmp_path / "none.png").exists()
