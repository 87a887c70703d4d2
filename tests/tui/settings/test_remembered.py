"""Remembered settings and prompts: with several screens at once, damaged or hostile files, and disks that refuse."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from user import opened

from engine.storage import atomic as files
from engine.storage import paths, shared_file
from tui.settings import prompt_history as prompts
from tui.settings import remembered as settings
from tui.settings.prompt_history import MAX_PROMPTS
from tui.settings.remembered import Settings


@pytest.fixture
def file() -> Path:
    """The path of settings.json."""
    return paths.ensure_folder(paths.config_dir()) / "settings.json"


def changed(**sample: object) -> Settings:
    return Settings().with_sample(**sample)


# --- several screens --------------------------------------------------------------------------------------------------


def test_two_screens_do_not_undo_each_others_changes(file: Path) -> None:
    first = second = settings.load()[0]
    settings.save(first, first := replace(first, theme="nord"))
    settings.save(second, second := replace(second, weights="mine"))
    settings.save(first, first := first.with_sample(guidance=3.0))
    settings.save(second, second := second.with_sample(seed=7, steps=20))
    settings.save(first, first.with_sample(guidance=Settings().sample.guidance, eta=0.5))
    assert settings.load() == (replace(changed(seed=7, steps=20, eta=0.5), theme="nord", weights="mine"), [])


def test_nothing_is_written_where_nothing_changed(file: Path) -> None:
    settings.save(Settings(), Settings())
    assert not file.exists()


async def test_prompts_of_all_screens_are_kept() -> None:
    async with opened() as person:
        await person.enter("one")
        prompts.remember("three")  # on another screen
        await person.enter("two")
        await person.enter("two")
    assert prompts.load() == (["one", "three", "two"], "")


def test_prompts_that_are_remembered_at_the_same_moment() -> None:
    def screen(name: str) -> None:
        for n in range(50):
            prompts.remember(f"{name} {n}")

    threads = [threading.Thread(target=screen, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(prompts.load()[0]) == sorted(f"{name} {n}" for name in "abcd" for n in range(50))


def test_the_file_of_prompts_does_not_grow_forever() -> None:
    for n in range(1200):
        prompts.remember(f"{n} " + "x" * 900)
    assert prompts.path().stat().st_size < files.LARGEST
    found, problem = prompts.load()
    assert not problem
    assert [line.split()[0] for line in found] == [str(n) for n in range(1200 - len(found), 1200)]
    assert MAX_PROMPTS // 3 < len(found) <= MAX_PROMPTS


def test_a_line_that_was_cut_short_spoils_no_other() -> None:
    prompts.remember("one")
    with prompts.path().open("ab") as out:
        out.write(b"tw")
    prompts.remember("three")
    assert prompts.load()[0] == ["one", "tw", "three"]


# --- locks and disks --------------------------------------------------------------------------------------------------


def remember_all() -> None:
    prompts.remember("seven")
    settings.save(Settings(), changed(seed=7))


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_systems_without_locks(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    remember_all()
    assert (prompts.load(), settings.load()) == ((["seven"], ""), (changed(seed=7), []))


def test_the_wait_for_a_lock_that_is_never_released_ends(file: Path) -> None:
    with shared_file.locked(prompts.path()), shared_file.locked(file):
        began = time.monotonic()
        remember_all()
        assert 2 * shared_file.WAIT <= time.monotonic() - began < 10 * shared_file.WAIT
    assert (prompts.load(), settings.load()) == ((["seven"], ""), (changed(seed=7), []))


async def test_a_disk_that_refuses_costs_only_the_memory(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")

    def refuse(*_: object, **__: object) -> int:
        raise full

    async with opened() as person:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", refuse)
            patch.setattr(os, "fsync", refuse)
            await person.enter("seven")
            await person.sees("7 · seven", "steps/s")
        await person.press("ctrl+r")
        await person.until(lambda: person.app.studio.settings.sample.seed == 3)


def test_a_folder_that_cannot_be_made(home: Path) -> None:
    home.write_text("in the way")
    remember_all()
    assert settings.load()[0] == Settings()
    assert prompts.load()[0] == []


# --- damaged and hostile files ----------------------------------------------------------------------------------------

UNREADABLE = {
    "no JSON": b"{",
    "a list": b"[1]",
    "nested": b"[" * 100_000,
    "a long number": b'{"count": ' + b"9" * 5000 + b"}",
    "NUL": b"\0" * 100,
    "no UTF-8": b'{"theme": "\xff"}',
    "empty": b"",
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_settings_that_cannot_be_read_are_reported_and_keep_their_defaults(data: bytes, file: Path) -> None:
    file.write_bytes(data)
    found, (problem,) = settings.load()
    assert found == Settings()
    assert str(file) in problem
    settings.save(Settings(), changed(seed=7))
    assert settings.load() == (changed(seed=7), [])


WRONG: dict[str, object] = {
    "theme": "no such theme",
    "weights": "a\0b",
    "count": 65,
    "classes": "\x1b[31m",
}


@pytest.mark.parametrize("name", [*WRONG, "sample"])
def test_one_value_that_is_wrong_costs_no_other(name: str, file: Path) -> None:
    right = {"theme": "nord", "weights": "mine", "count": 9, "classes": "3", "sample": {"seed": 7}, "later": 1}
    file.write_text(json.dumps({**right, name: WRONG.get(name, "x")}))
    found, (problem,) = settings.load()
    assert str(file) in problem
    assert name in problem
    usual = Settings()
    for other in ("theme", "weights", "count", "classes"):
        assert getattr(found, other) == (getattr(usual, other) if other == name else right[other])
    assert found.sample == (usual.sample if name == "sample" else changed(seed=7).sample)
    settings.save(found, replace(found, count=3))
    assert settings.load() == (replace(found, count=3), [])
    assert json.loads(file.read_text())["later"] == 1, "what a later digitty wrote"


@pytest.mark.parametrize("value", [0, 1001, "14", None, [1], {"a": 1}, 1e400, -1, True])
def test_a_number_of_steps_that_is_none(value: object, file: Path) -> None:
    file.write_text(json.dumps({"sample": {"steps": value, "seed": 7, "nonsense": 1}}))
    found, (problem,) = settings.load()
    assert found == changed(seed=7)
    assert "steps" in problem
    assert "nonsense" in problem


@pytest.mark.parametrize("name", ["settings.json", "history"])
def test_only_a_small_regular_file_is_read(name: str, file: Path) -> None:
    target = file.with_name(name)

    def load() -> str:
        return "".join([*settings.load()[1], prompts.load()[1]])

    with target.open("wb") as sparse:
        sparse.truncate(1 << 32)
    assert str(target) in load()
    target.unlink()
    os.mkfifo(target)
    assert str(target) in load()
    remember_all()
    target.unlink()
    target.mkdir()
    assert str(target) in load()
    remember_all()


async def test_the_screen_reports_files_that_it_cannot_read(file: Path) -> None:
    file.write_text('{"theme": 7}')
    file.with_name("history").mkdir()
    async with opened() as person:
        await person.is_told(f"{file} has invalid values; the defaults are used for: theme")
        await person.is_told("history can't be read")
        await person.enter("seven")
        await person.sees("7 · seven", "steps/s")
