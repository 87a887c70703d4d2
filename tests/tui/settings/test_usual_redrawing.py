"""What is redrawn where nobody asked for it: only pictures of data whose reader is good. What the user chose wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fake_training import ENGINE
from safetensors.torch import save_file
from textual.widgets import Input
from user import User, opened

from engine.cli.entry import run
from engine.config.data import DataSpec
from engine.config.sampling import with_sampler
from engine.config.training import PRESETS
from engine.errors import SettingError
from engine.jobs.jobs import Jobs
from engine.protocol.requests import DrawRequest
from engine.runs.manage import create_run
from engine.runs.readers import cached_path, reads_well, usual_redraw_below
from engine.runs.weights_names import SHIPPED
from engine.storage import paths
from tui.cli.main import digitty
from tui.settings.config_file import Config
from tui.settings.remembered import Settings

SHAPES = DataSpec("shapes", 8, 8, 1, ("square", "circle"), 90, -0.4, 0.7, "/data/shapes.npz", "sha256:00")


@pytest.fixture
def reader(home: Path) -> Callable[[str], Path]:
    """Writes the file of a reader with this accuracy, and makes the run `shapes`."""
    create_run("shapes", replace(PRESETS["best"], model=replace(PRESETS["best"].model, data=SHAPES)), ENGINE)

    def write(accuracy: str) -> Path:
        path = cached_path(SHAPES, "reader")
        paths.ensure_folder(path.parent)
        save_file({"x": torch.zeros(1)}, path, {"test_accuracy": accuracy})
        return path

    return write


@pytest.mark.parametrize(("accuracy", "good"), [("0.99", True), ("1.0", True), ("0.9899", False), ("", False), ("nan", False), ("inf", False)])
def test_a_reader_is_good_from_99_percent(reader: Callable[[str], Path], accuracy: str, good: bool) -> None:
    reader(accuracy)
    assert reads_well(SHAPES) == good
    assert usual_redraw_below("shapes", "dpmpp") == (0.9 if good else 0)
    assert usual_redraw_below("shapes", "one-step") == (0.5 if good else 0)


@pytest.mark.parametrize("content", [None, b"", b"\xff" * 40, b"\2\0\0\0\0\0\0\0[]", b"\2\0\0\0\0\0\0\0{}"])
def test_a_missing_or_damaged_reader_is_not_good(reader: Callable[[str], Path], content: bytes | None) -> None:
    path = reader("1.0")
    path.unlink() if content is None else path.write_bytes(content)
    assert not reads_well(SHAPES)


def test_what_draws_digits_redraws_as_ever() -> None:
    for weights in SHIPPED:
        if weights != "shipped:fashion":
            assert (usual_redraw_below(weights, "dpmpp"), usual_redraw_below(weights, "one-step")) == (0.9, 0.5)
            assert Settings(weights=weights).redraw_below == 0.9


@pytest.mark.parametrize(
    ("config", "options", "threshold"),
    [("", "", 0), ("", "--redraw-below 0.9", 0.9), ("redraw_below = 0.9", "", 0.9), ("redraw_below = 0.9", "--redraw-below 0.2", 0.2)],
)
def test_on_the_command_line_what_was_asked_for_wins(
    reader: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, config: str, options: str, threshold: float
) -> None:
    got: list[DrawRequest] = []

    def catch(self: Jobs, request: DrawRequest) -> None:
        got.append(request)
        raise SettingError("caught")

    monkeypatch.setattr(Jobs, "draw", catch)
    reader("0.93")
    (paths.ensure_folder(paths.config_dir()) / "config.toml").write_text(f"[draw]\n{config}\n")
    assert run(digitty, ["generate", "circle", "--weights", "shapes", *options.split()]) == 2
    assert got[0].sample.redraw_below == threshold


def test_on_the_screens_too_and_going_to_other_weights_and_back_changes_nothing(reader: Callable[[str], Path]) -> None:
    reader("0.93")
    digits, shapes = Settings(), Settings(weights="shapes")
    assert (digits.redraw_below, shapes.redraw_below) == (0.9, 0)
    assert replace(shapes, sample=with_sampler(shapes.sample, "one-step")).redraw_below == 0
    for threshold in (0.0, 0.3, 0.9):
        chosen = shapes.with_redrawing(threshold)
        assert chosen.redraw_below == threshold
        assert replace(chosen, weights="shipped").redraw_below == threshold
        assert digits.with_redrawing(threshold).redraw_below == threshold
    assert replace(digits.with_redrawing(0.9), weights="shapes").redraw_below == 0, "it was the default"
    assert shapes.overridden_by(Config({"redraw_below": 0.9})).redraw_below == 0.9


async def _choose(person: User, value: str | None) -> None:
    person.app.screen.set_focus(None)
    await person.press("o")
    await person.sees("How to draw")
    if value is not None:
        person.app.screen.query_one("#redraw_below", Input).value = value
    await person.press("ctrl+s")
    await person.settle()


@pytest.mark.slow
async def test_the_options_show_the_default_of_the_weights_and_keep_it_a_default(reader: Callable[[str], Path]) -> None:
    reader("0.93")
    async with opened() as person:
        studio = person.app.studio
        studio.change_settings(weights="shapes")
        await _choose(person, None)
        assert studio.settings.redraw_below == 0
        assert replace(studio.settings, weights="shipped").redraw_below == 0.9
        await _choose(person, "0.9")
        assert studio.settings.redraw_below == 0.9
