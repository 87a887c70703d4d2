"""The progress line: the time left shows at every width, and the bar when there is room for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from engine.cli.progress import BAR, ProgressLine, fitted
from engine.cli.reporters import JsonReporter, TrainReporter
from engine.config.compute import ComputeInfo
from engine.config.serialize import to_dict
from engine.config.training import PRESETS
from engine.protocol.events import TrainStarted, TrainStep

TEXT = "epoch 3/10  step 1100/4690  loss 0.0231  0.67 steps/s  86 img/s  left 1:29:17"
Line = Callable[[int], str]


@pytest.mark.parametrize("bar", ["━─", ""])
@pytest.mark.parametrize("text", [TEXT, "epoch 1/100000  step 1/4690000  loss 0.0231  130.67 steps/s  1286 img/s  left 41d 1:29:17"])
def test_the_time_left_shows_at_every_width_from_twenty_columns_on(text: str, bar: str) -> None:
    for width in range(19, 200):
        line = fitted(text, 0.235, width, bar)
        assert len(line) <= width
        assert line.endswith(text.split("  ")[-1])


def test_facts_go_from_the_right_and_the_bar_shrinks_before_it_goes() -> None:
    shown = {width: fitted(TEXT, 0.5, width) for width in (200, 100, 79, 60, 30, 19)}
    assert shown[200] == f"{'━' * (BAR // 2)}{'─' * (BAR // 2)}  50%  {TEXT}"
    assert shown[100].endswith(f"  50%  {TEXT}")
    assert shown[79].endswith("  50%  epoch 3/10  step 1100/4690  loss 0.0231  left 1:29:17")
    assert shown[60].endswith("  50%  epoch 3/10  step 1100/4690  left 1:29:17")
    assert all(10 <= shown[width].count("━") + shown[width].count("─") <= BAR for width in (200, 100, 79, 60))
    assert shown[30] == " 50%  epoch 3/10  left 1:29:17"
    assert shown[19] == " 50%  left 1:29:17"


def test_words_without_a_fraction_are_cut_and_nothing_else() -> None:
    assert fitted("reading MNIST", None, 80) == "reading MNIST"
    assert fitted("reading MNIST", None, 10) == "reading MN"


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    """The progress line of a training step on a terminal of so many columns."""

    def shown(columns: int) -> str:
        said: list[str] = []
        monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((columns, 24)))
        monkeypatch.setattr("engine.cli.progress.write_stderr", said.append)
        reporter = TrainReporter()
        reporter.report(TrainStarted("mine", PRESETS["seed"], ComputeInfo("cpu", "fp32", "contiguous"), 0, 1))
        reporter._bar._tty = True
        reporter.report(TrainStep(100, 1, 0.5, 1e-3, 1.0, 128.0, 0))
        return said[-1].removeprefix("\r\x1b[K")

    return shown


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
def test_a_training_step_on_a_terminal(columns: int, line: Line) -> None:
    shown = line(columns)
    assert "left 1:16:30" in shown
    assert len(shown) < columns


def test_no_columns_means_that_nobody_knows(line: Line) -> None:
    assert line(0) == line(80)


def test_foreign_text_does_not_leave_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("engine.cli.progress.write_stderr", said.append)
    bar = ProgressLine()
    bar._tty = True
    bar.show("reading \x1b[31m\nmore")
    assert said == ["\r\x1b[Kreading ·[31m·more"]


def test_json_has_the_configuration_as_the_run_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    JsonReporter().report(TrainStarted("mine", PRESETS["seed"], ComputeInfo("cpu", "fp32", "contiguous"), 0, 1))
    config = json.loads(capsys.readouterr().out)["config"]
    assert config == json.loads(json.dumps(to_dict(PRESETS["seed"])))
    assert (config["model"]["image_size"], config["model"]["classes"]) == (28, 10)


@pytest.mark.parametrize("seconds", [0, 9, 11])
def test_quick_work_leaves_no_line_of_its_progress(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    said: list[object] = []
    now = [1000.0]
    monkeypatch.setattr("engine.cli.progress.print_status", said.append)
    monkeypatch.setattr("engine.cli.progress.time.monotonic", lambda: now[0])
    bar = ProgressLine()
    bar._tty = False
    bar.show("loading torch")
    now[0] += 15  # a slow start
    bar.wait()
    now[0] += seconds
    bar.show("1 of 6 pictures", 1 / 6)
    assert said == ["loading torch", *["1 of 6 pictures"] * (seconds > 10)]
