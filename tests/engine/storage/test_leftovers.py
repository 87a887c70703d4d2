"""What a process that is killed while it writes leaves behind, and who removes it."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from engine.storage.atomic import write_atomic, write_text
from engine.storage.gallery import Gallery
from engine.storage.leftovers import remove_leftovers, temporary_name


@pytest.fixture(autouse=True)
def _looks_again() -> None:
    remove_leftovers.cache_clear()


def killed_while_writing(path: Path) -> Path:
    """Kills a process with SIGKILL while it writes; returns the file that it leaves."""
    before = set(path.parent.iterdir())
    if (pid := os.fork()) == 0:

        def write(file: BinaryIO) -> None:
            file.write(b"half")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

        write_atomic(path, write)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    (left,) = set(path.parent.iterdir()) - before
    assert left.read_bytes() == b"half"
    return left


def test_the_next_process_that_writes_in_a_folder_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    write_text(tmp_path / "settings.json", "old")
    for name in ("settings.json", "picture.gif", "a" * 200 + ".png"):
        remove_leftovers.cache_clear()
        left = killed_while_writing(tmp_path / name)
        assert (tmp_path / "settings.json").read_text() == "old"
        remove_leftovers.cache_clear()
        write_text(tmp_path / "other", "new")
        assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "settings.json"]


def test_a_file_that_another_process_is_writing_stays(tmp_path: Path) -> None:
    def write(file: BinaryIO) -> None:
        remove_leftovers.cache_clear()
        remove_leftovers(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
        file.write(b"whole")

    write_atomic(tmp_path / "file", write)
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_a_file_that_is_taken_for_a_leftover_before_it_is_locked_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = fcntl.flock, list[Path]()

    def late(file: Any, operation: int) -> None:
        if not seen:
            seen.extend(tmp_path.iterdir())
            remove_leftovers.cache_clear()
            remove_leftovers(tmp_path)
            assert not list(tmp_path.iterdir()), "nobody holds it yet"
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    write_text(tmp_path / "file", "whole")
    assert (tmp_path / "file").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_names_of_other_programs_links_and_pipes_stay(tmp_path: Path) -> None:
    names = (".x.png.0123abcd.part", "x.digitty-0123abcd.part", ".x.digitty-0123abcd.part.png", ".x.digitty-0123.part")
    for name in names:
        (tmp_path / name).write_bytes(b"theirs")
    kept = {tmp_path / name for name in names}
    for make in (lambda path: path.symlink_to(tmp_path / names[0]), os.mkfifo, os.mkdir):
        path = temporary_name(tmp_path / "x")
        make(path)
        kept.add(path)
    write_text(tmp_path / "y", "new")
    assert set(tmp_path.iterdir()) == {*kept, tmp_path / "y"}


def test_without_locks_files_are_written_and_leftovers_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = killed_while_writing(tmp_path / "x")
    remove_leftovers.cache_clear()

    def none(file: Any, operation: int) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    write_text(tmp_path / "x", "new")
    assert left.exists()
    assert (tmp_path / "x").read_text() == "new"


def test_a_gallery_removes_leftovers_in_its_folders(tmp_path: Path) -> None:
    left = killed_while_writing(tmp_path / "x.png")
    remove_leftovers.cache_clear()
    Gallery([tmp_path]).tidy()
    assert not left.exists()
