"""Escape sequences in what digitty reads: each source on the screen, and the common filter by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_training import ENGINE, log_step
from rich.segment import Segment
from textual._compositor import LayoutUpdate
from textual.color import Color
from textual.geometry import Region
from textual.strip import Strip
from user import User, opened

from engine.config.compute import ComputeInfo
from engine.config.serialize import with_changes
from engine.config.training import PRESETS
from engine.runs import liveness
from engine.runs.manage import create_run
from engine.runs.run import FORMAT, VERSION
from engine.runs.writer import open_writer, write_config
from engine.storage import paths
from engine.storage.atomic import read_checksummed, write_checksummed
from tui.settings import config_file
from tui.terminal.literal import Harmless, harmless
from tui.terminal.screen_diff import ScreenDiff

HOSTILE = ("\x1b[31mred", "\x1b]0;title\x07", "\x9b31m", "\x90q\x9c", "a\nb\rc", "\u202eright to left", "\u2066x\u2069", "a\u2028b", "\x00\x7f")
ALL = "".join(HOSTILE)


def controls(text: str) -> list[str]:
    """The characters that control a terminal."""
    return [char for char in text if not char.isprintable()]


def assert_harmless(person: User) -> None:
    for strip in person.app.screen._compositor.render_strips():
        assert not controls(strip.text), strip.text


# --- each source ------------------------------------------------------------------------------------------------------


async def test_what_a_run_says_of_its_trainer_its_engine_and_its_saves() -> None:
    config = with_changes(PRESETS["quick"], epochs=1)
    run = create_run("mine", config, ENGINE)
    with open_writer(run) as writer:
        claim = liveness.newest_owner(run.path)
        assert claim is not None
        owner = claim.folder / "owner.json"
        write_checksummed(owner, {**read_checksummed(owner), "host": f"h{ALL}", "pid": f"p{ALL}"})
        write_config(run, config, ComputeInfo(device=f"d{ALL}", precision=f"e{ALL}", layout=f"l{ALL}"))  # type: ignore[arg-type]
        writer.event("started", 0)
        log_step(writer, 1)
        writer.flush()
        async with opened(size=(250, 40)) as person:
            await person.press("f5")
            await person.sees("mine", "training on h·[31mred", "d·[31mred")
            assert_harmless(person)
            await person.press("v", "delete")
            await person.sees("is being trained by h·[31mred")
            assert_harmless(person)
            await person.press("escape")
            writer.event("unsaved", 1, message=f"no room {ALL}")
            await person.sees("not saved yet: no room ·[31mred")
            assert_harmless(person)


async def test_a_config_json_of_odd_keys() -> None:
    run = create_run("mine", PRESETS["quick"], ENGINE)
    write_checksummed(run.path / "config.json", {"format": FORMAT, "version": VERSION, "engine": {f"k{ALL}": 1}, "config": {}, "created": 0.0})
    async with opened(size=(250, 40)) as person:
        await person.press("f5")
        await person.is_told("mine has a config.json that can't be read")
        await person.sees("k·[31mred")
        assert_harmless(person)


@pytest.mark.slow
async def test_the_history_and_config_toml(home: Path) -> None:
    paths.ensure_folder(paths.config_dir())
    (paths.config_dir() / "history").write_text(f"seven {ALL}\n", encoding="utf-8")
    section = "".join(f"\\u{ord(char):04x}" for char in ALL)
    config_file.location().write_text(f'["x{section}"]\n[draw]\nweights = "w{section}"\n')
    async with opened(size=(250, 40), config=config_file.load()) as person:
        await person.sees("x·[31mred")
        assert_harmless(person)
        await person.press("up")
        await person.until(lambda: person.app.screen.query_one("#prompt").value)  # type: ignore[attr-defined]
        assert_harmless(person)


# --- the filter behind them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*HOSTILE, "\ud8ff", *(chr(code) for code in (*range(32), *range(127, 160)))])
def test_no_cell_ever_holds_a_control_character(text: str) -> None:
    """Whatever text a widget gives. The text after it stays in its column."""
    strip = Strip([Segment("left "), Segment(text), Segment(f"{text}三"), Segment("⣀"), Segment("right")])
    width = strip.cell_length
    diff = ScreenDiff()
    diff.set_wanted(LayoutUpdate([[strip]], Region(0, 0, width, 1)))
    cells = [char for char, _ in diff._wanted_rows[0]]
    assert not controls("".join(cells))
    assert len(cells) == width
    assert "".join(cells).endswith("三⣀right")
    (_, sent), *_ = diff.due_rows()
    assert not controls("".join(part.partition("m")[2] or part.partition("H")[2] for part in sent.split("\x1b")))
    sent.encode()


def test_emoji_and_accents_stay_whole() -> None:
    text = "👩‍👩‍👧 e\N{COMBINING ACUTE ACCENT} 三"
    assert harmless(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_browser_gets_no_control_character_either(text: str) -> None:
    (shown,) = Harmless().apply([Segment(f"left {text}三 right")], Color(0, 0, 0))
    assert not controls(shown.text)
    assert shown.cell_length == Segment(f"left {text}三 right").cell_length
