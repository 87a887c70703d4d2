"""Held-out losses of a run: in its history, the chart, the crosshair, the numbers, and in `digitty watch`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_training import ENGINE

from engine.cli.reporters import TrainReporter
from engine.cli.watch import RunLine
from engine.config.data import MNIST
from engine.config.training import PRESETS, TrainConfig
from engine.protocol.events import EpochDone, TrainDone, TrainStarted
from engine.protocol.recipe import WeightsInfo
from engine.protocol.validated import COPYING, Validated
from engine.runs.manage import create_run
from engine.runs.metrics_log import encode
from engine.runs.run import Run
from engine.runs.weights_names import locate_weights, weights_of
from tui.dialogs.weights import WeightsDialog
from tui.render.loss_plot import View, draw
from tui.runs.history import RunHistory
from tui.runs.loss_series import LossSeries
from tui.widgets.fact_line import BETWEEN, select_fitting
from tui.widgets.run_facts import NONE_HELD_OUT, Status, losses_of, numbers_of

FASHION = replace(MNIST, name="Fashion-MNIST", source="fashion-mnist", digest="sha256:1", test_images=10_000)
TEN_A_EPOCH = replace(PRESETS["seed"], limit=10 * PRESETS["seed"].batch_size)


def steps(first: int, last: int) -> list[dict[str, Any]]:
    return [{"step": n, "loss": 1 / (1 + n), "lr": 1e-3, "rate": 8.0, "time": 0.0} for n in range(first, last + 1)]


def validation(step: int, loss: float, **more: Any) -> dict[str, Any]:
    return {"step": step, "validation": loss, "best": True, "seconds": 0.1, **more}


def event(name: str, step: int) -> dict[str, Any]:
    return {"event": name, "step": step, "time": 0.0}


def run_with(records: list[dict[str, Any]], config: TrainConfig = TEN_A_EPOCH, name: str = "one") -> Run:
    run = create_run(name, config, ENGINE)
    run.metrics_path.write_bytes(b"".join(map(encode, records)))
    return run


def history_of(run: Run) -> RunHistory:
    history = RunHistory(run)
    history.update(None)
    return history


def texts(history: RunHistory, width: int = 200) -> str:
    return BETWEEN.join(fact.text for fact in select_fitting(losses_of(history, Status()), width))


# --- history ----------------------------------------------------------------------------------------------------------


def test_a_run_that_went_back_loses_the_validations_after_its_save() -> None:
    lines = [*steps(1, 5), validation(5, 0.3), *steps(6, 10), validation(10, 0.1), event("started", 5)]
    history = history_of(run_with(lines))
    assert history.series.validations == [(5, 0.3)]
    assert history.best_validation is not None
    assert history.best_validation.step == 5
    with history.run.metrics_path.open("ab") as file:
        file.write(b"".join(map(encode, [*steps(6, 10), validation(10, 0.2, copying=True, distance_ratio=0.5)])))
    history.update(None)
    assert history.series.validations == [(5, 0.3), (10, 0.2)]
    assert history.copying


def test_what_is_no_number_is_skipped_and_losses_stay_as_they_are() -> None:
    with_it = history_of(run_with([*steps(1, 5), validation(5, 0.3), {"step": 5, "validation": "low"}, *steps(6, 9)]))
    without = history_of(run_with(steps(1, 9), name="two"))
    assert with_it.series.columns(9, 1, 9) == without.series.columns(9, 1, 9)
    assert with_it.now == without.now
    assert with_it.best_validation is not None
    assert without.best_validation is None
    assert not without.copying


# --- the chart --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("braille", "mark"), [(True, "●"), (False, "o")])
@pytest.mark.parametrize("log", [True, False])
def test_validations_are_marked_at_their_step_and_value_with_a_legend(braille: bool, mark: str, log: bool) -> None:
    series = LossSeries()
    series.extend(range(1, 1001), [0.1] * 1000)
    series.add_validation(250, 0.2)
    series.add_validation(750, 0.05)
    drawing = draw(series, View(80, 12, log, braille=braille))
    marks = [(x, y) for y, line in enumerate(drawing.lines) for x, (char, role) in enumerate(cells(line)) if (char, role) == (mark, "held-out")]
    legend = [place for place in marks if place[1] == 0 and place[0] > 65]
    (first, high), (last, low) = sorted(set(marks) - set(legend))
    assert (first, last) == (drawing.column_of(250), drawing.column_of(750))
    assert high < low, "0.2 lies above 0.05"
    assert f"{mark} held out" in "".join(text for text, _ in drawing.lines[0])


def test_a_chart_without_validations_is_as_before() -> None:
    series = LossSeries()
    series.extend(range(1, 1001), [0.1] * 1000)
    lines = draw(series, View(80, 12, True)).lines
    assert not [1 for line in lines for _, role in line if role == "held-out"]
    assert "held out" not in "".join(text for line in lines for text, _ in line)


@pytest.mark.parametrize("size", [(16, 2), (20, 5), (40, 12), (160, 50)])
def test_any_size_is_filled_and_never_more(size: tuple[int, int]) -> None:
    series = LossSeries()
    series.extend(range(1, 101), [1 / n for n in range(1, 101)])
    for step in range(1, 101, 3):
        series.add_validation(step, 2 / step)
    for log in (True, False):
        lines = draw(series, View(*size, log)).lines
        assert len(lines) == size[1]
        assert {sum(len(text) for text, _ in line) for line in lines} == {size[0]}


def cells(line: Any) -> list[tuple[str, str]]:
    return [(char, role) for text, role in line for char in text]


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_numbers_name_the_held_out_loss_and_the_lowest() -> None:
    history = history_of(run_with([*steps(1, 10), validation(5, 0.3), validation(10, 0.4)]))
    assert "held out 0.4000  lowest 0.3000 at 5" in texts(history)
    assert "held out 0.4000" in texts(history, 76)
    history = history_of(run_with([*steps(1, 10), validation(10, 0.2)], name="two"))
    assert "held out 0.2000" in texts(history)
    assert "lowest" not in texts(history)


def test_a_run_that_copies_says_so_at_80_columns() -> None:
    history = history_of(run_with([*steps(1, 10), validation(10, 0.4, copying=True, distance_ratio=0.5)]))
    assert texts(history, 78).startswith("loss 0.0909  this run is copying; more images or fewer steps  held out 0.4000")


def test_a_data_set_without_held_out_images_says_so() -> None:
    for test_images, said in ((0, True), (14, False)):
        history = history_of(run_with(steps(1, 10), TrainConfig().with_data(replace(FASHION, test_images=test_images)), f"r-{test_images}"))
        assert (NONE_HELD_OUT in texts(history)) is said


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "one  Fashion-MNIST  60,000 images, 10 classes  "),
        ({"train_images": 1, "class_names": ("bag",)}, "one  Fashion-MNIST  1 image, 1 class  "),
        ({"class_names": ()}, "one  Fashion-MNIST  60,000 images  "),
    ],
)
def test_the_runs_line_names_other_data_than_mnist(changes: dict[str, Any], named: str) -> None:
    config = TrainConfig(batch_size=1).with_data(replace(FASHION, **changes))
    numbers = numbers_of(history_of(run_with(steps(1, 10), config)), Status())
    assert BETWEEN.join(fact.text for fact in numbers if fact.text).startswith(named)
    numbers = numbers_of(history_of(run_with(steps(1, 10), name="two")), Status())
    assert "MNIST" not in BETWEEN.join(fact.text for fact in numbers)


# --- commands ---------------------------------------------------------------------------------------------------------


def test_watch_shows_the_newest_validation_once_there_is_one() -> None:
    run = run_with(steps(1, 10))
    line = RunLine(run)
    assert "held out" not in line.line()
    with run.metrics_path.open("ab") as file:
        file.write(b"".join(map(encode, [*steps(11, 90), validation(90, 0.25)])))
    assert "held out 0.2500" in line.line()
    with run.metrics_path.open("ab") as file:
        file.write(b"".join(map(encode, [*steps(91, 99), validation(99, 0.5, copying=True)])))
    assert f"held out 0.5000  {COPYING}" in line.line()
    with run.metrics_path.open("ab") as file:
        file.write(b"".join(map(encode, [event("started", 90), *steps(91, 95)])))
    assert "held out 0.2500" in line.line()


def test_watch_says_why_a_run_is_not_validated(command: Callable[..., tuple[int, str, str]]) -> None:
    run_with([*steps(1, 10), event("finished", 10)], TrainConfig().with_data(replace(FASHION, test_images=0)))
    code, out, err = command("watch", "one")
    assert (code, "held out" in out) == (0, False)
    assert "is not validated, since it holds out no images; new runs do with --hold-out 10%" in err
    run_with([*steps(1, 10), event("finished", 10)], name="mnist")
    assert "hold" not in "".join(map(str, command("watch", "mnist")))


def test_training_says_once_that_it_copies_and_in_the_end_which_weights_are_best(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = TrainReporter()
    told = [
        TrainStarted("one", TEN_A_EPOCH, ENGINE, 0, 1),
        Validated(5, 0.2, True, 0.1, 0.9),
        EpochDone(1, 10, 0.1, 1.0, True),
        Validated(10, 0.3, False, 0.1, 0.6, True),
        Validated(15, 0.4, False, 0.1, 0.5, True),
        TrainDone("one", 20, 5.0),
    ]
    for each in told:
        reporter.report(each)
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if COPYING in line] == [f"step 10: {COPYING}", COPYING]
    assert lines[-2] == "held out 0.4000; the lowest was 0.2000 at step 5, kept as one:best-validation"


# --- names of weights -------------------------------------------------------------------------------------------------


def test_the_best_by_validation_has_a_name_everywhere() -> None:
    run = run_with(steps(1, 10))
    run.best_validation_path.parent.mkdir(exist_ok=True)
    run.best_validation_path.write_bytes(b"weights")
    assert locate_weights("one:best-validation") == (run.best_validation_path, "one", "best-validation")
    assert weights_of(WeightsInfo("one", 5, "best-validation", "sha256:0"), "dpmpp", Path()) == "one:best-validation"
    assert ("one:best-validation", "one:best-validation best on held-out images") in WeightsDialog("shipped", [])._choices()
