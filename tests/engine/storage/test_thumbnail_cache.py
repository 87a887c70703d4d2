"""Thumbnails are kept for the file as it is, in bounded number, and a cache that is damaged or can't be written does no harm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.protocol.recipe import Images
from engine.storage import thumbnail_cache
from engine.storage.gallery import Entry
from engine.storage.thumbnail_cache import FOLDER, ThumbnailCache

SIDE = 4
GREY = Images(bytes(range(SIDE * SIDE)), 1, SIDE, SIDE)
COLOUR = Images(bytes(range(SIDE * SIDE * 3)), 1, SIDE, SIDE, 3)
ENTRY = Entry(Path("/somewhere/seven.gif"), 1_700_000_000_000_000_001, 5000)


@pytest.fixture
def cache() -> ThumbnailCache:
    return ThumbnailCache(SIDE)


def kept(home: Path) -> list[Path]:
    return sorted((home / "cache" / FOLDER).glob("*"))


@pytest.mark.parametrize("images", [GREY, COLOUR])
def test_what_was_put_comes_back_in_a_later_session(cache: ThumbnailCache, images: Images) -> None:
    cache.put(ENTRY, images)
    assert ThumbnailCache(SIDE).get(ENTRY) == images


@pytest.mark.parametrize(
    "other",
    [
        Entry(ENTRY.path, ENTRY.modified_ns + 1, ENTRY.size),
        Entry(ENTRY.path, ENTRY.modified_ns, ENTRY.size + 1),
        Entry(ENTRY.path.with_name("seven.png"), ENTRY.modified_ns, ENTRY.size),
        Entry(Path(os.fsdecode(b"/somewhere/\xff\n.gif")), ENTRY.modified_ns, ENTRY.size),
    ],
)
def test_another_file_or_another_state_of_it_has_none(cache: ThumbnailCache, other: Entry) -> None:
    cache.put(ENTRY, GREY)
    assert cache.get(other) is None
    cache.put(other, COLOUR)
    assert (cache.get(ENTRY), cache.get(other)) == (GREY, COLOUR)
    assert ThumbnailCache(SIDE + 1).get(ENTRY) is None


@pytest.mark.parametrize("damage", [b"", b"no picture", None])
def test_a_damaged_one_counts_as_missing_and_is_replaced(cache: ThumbnailCache, home: Path, damage: bytes | None) -> None:
    cache.put(ENTRY, GREY)
    (path,) = kept(home)
    path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    assert cache.get(ENTRY) is None
    cache.put(ENTRY, GREY)
    assert cache.get(ENTRY) == GREY


@pytest.mark.parametrize("what", ["cache", f"cache/{FOLDER}"])
def test_a_folder_that_cannot_be_written_does_no_harm(cache: ThumbnailCache, home: Path, what: str) -> None:
    (home / what).parent.mkdir(parents=True)
    (home / what).write_text("a file in its place")
    cache.put(ENTRY, GREY)
    assert cache.get(ENTRY) is None


def test_the_oldest_are_removed_once_there_are_too_many(cache: ThumbnailCache, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnail_cache, "MOST", 10)
    entries = [Entry(Path(f"/{number}.png"), 1, 1) for number in range(30)]
    for age, entry in enumerate(entries):
        cache.put(entry, GREY)
        newest = max(kept(home), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (1_000_000 + age,) * 2)
    assert 10 <= len(kept(home)) <= 12
    assert cache.get(entries[0]) is None
    assert all(cache.get(entry) == GREY for entry in entries[-10:])
