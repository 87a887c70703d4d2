"""Lines of facts that fit, and the table of epochs."""

from __future__ import annotations

import time

import pytest
from fake_training import ENGINE
from fakes import finished_run
from textual.app import App, ComposeResult

from engine.config.training import PRESETS
from engine.process.machine import GpuLoad, MachineLoad
from engine.runs.manage import create_run
from tui.runs.history import EpochRow, RunHistory
from tui.widgets import run_facts
from tui.widgets.fact_line import Fact, FactLine, select_fitting
from tui.widgets.run_facts import MAX_ROWS, Status, losses_of, numbers_of, readings_of, table_of

FACTS = (Fact("seed-2"), Fact("training", 2), Fact("step 1/10"), Fact("300 MB", 3), Fact(""))


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, "seed-2  training  step 1/10  300 MB"),
        (35, "seed-2  training  step 1/10  300 MB"),
        (34, "seed-2  training  step 1/10"),
        (27, "seed-2  training  step 1/10"),
        (26, "seed-2  step 1/10"),
        (5, "seed-2  step 1/10"),
    ],
)
def test_facts_that_do_not_fit_are_left_out_by_rank(width: int, expected: str) -> None:
    assert "  ".join(fact.text for fact in select_fitting(FACTS, width)) == expected


async def test_a_line_is_drawn_again_only_when_its_facts_or_its_width_change(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    render = FactLine.render

    def count_renders(line: FactLine) -> object:
        text = render(line)
        texts.append(text.plain)
        return text

    monkeypatch.setattr(FactLine, "render", count_renders)

    class One(App[None]):
        def compose(self) -> ComposeResult:
            yield FactLine()

    async with One().run_test(size=(40, 3)) as pilot:
        line = pilot.app.query_one(FactLine)
        line.facts = FACTS
        await pilot.pause()
        assert texts[-1] == "seed-2  training  step 1/10  300 MB"
        count = len(texts)
        line.facts = tuple(FACTS)
        await pilot.pause()
        assert len(texts) == count
        await pilot.resize_terminal(30, 3)
        await pilot.pause()
        assert texts[-1] == "seed-2  training  step 1/10"


def numbers(history: RunHistory, width: int, status: Status) -> str:
    return "  ".join(fact.text for fact in select_fitting(numbers_of(history, status), width))


def test_the_numbers_that_matter_stay_at_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_facts, "end_text", lambda seconds_left: "23:40")
    history = RunHistory(finished_run("seed-2", PRESETS["seed"]))
    history.update()
    own = Status("training", running=True, own=True, memory=300 << 20)
    whole = "seed-2  training  epoch 2/2  step 8/8  8.00 steps/s  1024 img/s  lr 1.0e-03  left 0:00  ends about 23:40  300 MB"
    assert numbers(history, 120, own) == whole
    assert numbers(history, 78, own) == "seed-2  epoch 2/2  step 8/8  8.00 steps/s  left 0:00  ends about 23:40"
    theirs = Status("training on gpubox (pid 4711)", running=True)
    assert numbers(history, 78, theirs) == "seed-2  training on gpubox (pid 4711)  epoch 2/2  step 8/8  left 0:00"
    assert numbers(history, 78, Status("stopped")) == "seed-2  stopped  epoch 2/2  step 8/8"
    history.now.paused = True
    assert numbers(history, 78, Status("paused", running=True, own=True)) == "seed-2  paused  epoch 2/2  step 8/8", (
        "it does not end while it is paused"
    )


def test_the_end_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        now = 1_760_000_000.0  # a Thursday, 08:53:20
        ends = [run_facts.end_text(seconds, now) for seconds in (0, 400, 3600, 20 * 3600, 5 * 86_400, 8 * 86_400)]
        assert ends == ["08:55", "09:00", "09:55", "Fri 04:55", "Tue 08:55", "Oct 17"]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_load_of_the_machine_in_words() -> None:
    assert run_facts.load_facts(None) == []
    assert run_facts.load_facts(MachineLoad(None, 5_100_000_000, 7_800_000_000)) == ["memory 5.1/7.8 GB"]
    gpu = GpuLoad(0.93, 12_000_000_000, 80_000_000_000, 61)
    assert run_facts.load_facts(MachineLoad(0.98, None, None, gpu)) == ["CPU 98%", "GPU 93%", "12.0/80.0 GB", "61 C"]
    assert run_facts.load_facts(MachineLoad(gpu=GpuLoad(0.0, 0, 1_000_000_000))) == ["GPU 0%", "0.0/1.0 GB"]


def test_a_warning_takes_the_place_of_what_matters_less() -> None:
    history = RunHistory(finished_run("seed-2", PRESETS["seed"]))
    history.update()
    facts = [fact.text for fact in losses_of(history, Status())]
    assert facts[:3] == ["loss 0.1111", "epoch 0.1364", "best 0.1111"]
    assert facts[-1] == "saved at step 8"
    assert [fact.text for fact in losses_of(history, Status(warning="not saved"))] == ["loss 0.1111", "not saved"]


def test_a_run_without_steps_has_no_losses() -> None:
    history = RunHistory(create_run("bare", PRESETS["quick"], ENGINE))
    history.update()
    assert [fact.text for fact in losses_of(history, Status())] == ["quick · batch 128 · muon 0.005 cosine", "cpu fp32 contiguous"]


def test_the_table_shows_the_latest_epochs() -> None:
    rows = [EpochRow(n, 10 * n, 0.5, 61.0, n == 1) for n in range(1, MAX_ROWS + 51)]
    lines = table_of(rows, "step 7 2/3").plain.splitlines()
    assert lines[:3] == ["previews: step 7 2/3", "epoch  average  time", "  250  0.5000    1:01"]
    assert lines[-2:] == ["   51  0.5000    1:01", "and 50 earlier epochs"]
    assert table_of(rows[:1], "").plain.splitlines() == ["epoch  average  time", "    1  0.5000    1:01 *"]


def test_below_each_caption_is_what_was_read_in_it() -> None:
    assert readings_of(("a bold seven", "7 · bold", "hello", "nonsense")).plain == "a bold seven\n  7 · bold\nhello\n  nonsense\n"
