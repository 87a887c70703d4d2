"""Lists of runs and weights say what each run trains on and its size; of MNIST, which all would say, they say nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import finished_run
from textual.widgets import Input
from user import opened

from engine.cli.runs import run_line
from engine.config.data import MNIST, DataSpec
from engine.config.training import PRESETS
from engine.runs.summary import run_facts
from engine.runs.weights_names import model_of
from tui.dialogs.runs import RunsDialog
from tui.dialogs.weights import WeightsDialog
from tui.runs.text import describe_run

FLAGS = DataSpec("flags", 20, 32, 3, ("red", "green"), 9000, -0.4, 0.7, "/data/flags.npz", "sha256:00")


def test_short_names() -> None:
    assert FLAGS.short_name == "flags 20x32"
    assert replace(FLAGS, width=20).short_name == "flags 20"
    assert MNIST.short_name == ""
    assert replace(MNIST, height=32, width=32).short_name == "MNIST 32"
    assert replace(FLAGS, name="a" * 60).short_name == "a" * 23 + "… 20x32"


@pytest.mark.slow
async def test_lists_of_runs_and_weights_say_which_data() -> None:
    preset = PRESETS["quick"]
    digits = finished_run("digits", preset)
    flags = finished_run("flags-1", replace(preset, model=replace(preset.model, data=FLAGS)))
    assert run_line(run_facts(flags)).endswith("  flags 20x32")
    assert run_line(run_facts(digits)).endswith("B")
    assert "MNIST" not in describe_run(digits)
    choices = dict(WeightsDialog("shipped", [])._choices())
    assert choices["flags-1"].endswith("step 8, flags 20x32")
    assert choices["flags-1:best"].endswith("best epoch, flags 20x32")
    assert choices["digits:best"].endswith("best epoch")
    assert model_of("flags-1")
    async with opened(size=(80, 24)) as person:
        await person.press("f5", "v")
        await person.until(lambda: isinstance(person.app.screen, RunsDialog))
        await person.sees("trained on flags 20x32")
        await person.press("escape", "n")
        await person.sees("a new run")
        await person.press("escape", "c")
        await person.sees("trained on flags 20x32")
        person.app.screen.query_one("#epochs", Input).value = "3"
        await person.sees("Start trains flags-1 (flags 20x32)")
