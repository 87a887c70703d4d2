"""Which picture is selected while others come, go and are filtered."""

from __future__ import annotations

from pathlib import Path

from engine.storage.gallery import Entry
from tui.studio.picture_list import PictureList


def entries(names: str) -> list[Entry]:
    return [Entry(Path(name), 0, 0) for name in names]


def listed(names: str, favourites: str = "") -> PictureList:
    pictures = PictureList()
    pictures.update(entries(names), map(Path, favourites))
    return pictures


def selected(pictures: PictureList) -> str:
    return pictures.selected.path.name if pictures.selected else ""


def test_the_selected_picture_stays_selected() -> None:
    pictures = listed("abcd")
    pictures.move(2)
    pictures.update(entries("xyabcd"), [])
    assert selected(pictures) == "c"
    pictures.update(entries("xyabd"), [])
    assert selected(pictures) == "d", "the next one takes its place"
    pictures.update(entries("x"), [])
    assert selected(pictures) == "x"
    pictures.update([], [])
    assert selected(pictures) == ""


def test_moving_ends_at_both_ends() -> None:
    pictures = listed("abc")
    assert not pictures.move(-1)
    assert pictures.move(10)
    assert selected(pictures) == "c"
    assert not pictures.move(1)
    assert not listed("").move(1)


def test_the_filter_keeps_what_is_selected_if_it_can() -> None:
    pictures = listed("abcd", "bd")
    pictures.move(3)
    pictures.toggle_filter()
    assert [entry.path.name for entry in pictures.shown] == ["b", "d"]
    assert selected(pictures) == "d"
    pictures.toggle_filter()
    assert selected(pictures) == "d"
    pictures.favourites = frozenset()
    pictures.toggle_filter()
    assert pictures.selected is None


def test_the_marked_ones_are_chosen_or_else_the_selected_one() -> None:
    pictures = listed("abc")
    assert [entry.path.name for entry in pictures.chosen()] == ["a"]
    pictures.move(2)
    pictures.toggle_mark()
    pictures.move(-1)
    pictures.toggle_mark()
    assert [entry.path.name for entry in pictures.chosen()] == ["b", "c"]
    pictures.update(entries("ac"), [])
    assert [entry.path.name for entry in pictures.chosen()] == ["c"], "what is gone is no longer marked"
    pictures.select(Path("c"))
    pictures.toggle_mark()
    assert [entry.path.name for entry in pictures.chosen()] == ["c"]
    pictures.update([], [])
    assert pictures.chosen() == []
