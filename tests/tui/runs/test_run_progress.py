"""How far the runs are that train on this machine: found by their claims, read from the ends of their files."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_training import ENGINE, STEPS_PER_S, cut_off, log_step, with_epochs_of
from fakes import finished_run

from engine.config.serialize import with_changes
from engine.config.training import PRESETS
from engine.runs import liveness
from engine.runs.manage import create_run
from engine.runs.run import ENDS, Run
from engine.runs.writer import open_writer, write_config
from engine.storage.atomic import read_checksummed, write_checksummed
from tui.runs.progress import RunProgress, describe_end, describe_progress, find_training, read_progress

CONFIG = with_changes(with_epochs_of(PRESETS["quick"], 10), epochs=4)


def new_run(name: str) -> Run:
    return create_run(name, CONFIG, ENGINE)


def test_a_run_is_training_while_its_writer_is_there() -> None:
    finished_run("old", PRESETS["quick"])
    first, second = new_run("first"), new_run("second")
    assert find_training() == []
    with open_writer(second):
        assert find_training() == [second]
        with open_writer(first):
            assert set(find_training()) == {first, second}
            assert find_training([second]) == [second, first]
            assert find_training([first, second]) == [first, second]
        assert find_training([first, second]) == [second]
    assert find_training() == []


def test_a_run_that_another_machine_trains_is_not_training_here() -> None:
    run = new_run("far")
    with open_writer(run):
        owner = liveness.list_claims(run.path)[-1] / "owner.json"
        write_checksummed(owner, {**read_checksummed(owner), "host": "gpubox"})
        assert run.running()
        assert find_training() == []


def test_progress_is_that_of_the_last_lines() -> None:
    run = new_run("mine")
    with open_writer(run) as writer:
        assert read_progress(run) == RunProgress("mine", 0, 40)
        writer.event("started", 0)
        writer.flush()
        assert read_progress(run) == RunProgress("mine", 0, 40)
        for step in range(1, 11):
            log_step(writer, step)
        writer.flush()
        progress = read_progress(run)
        assert progress == RunProgress("mine", 10, 40, STEPS_PER_S)
        assert (progress.percent, progress.seconds_left) == (25, 30 / STEPS_PER_S)
        writer.event("saved", 10)
        writer.event("paused", 10)
        writer.flush()
        progress = read_progress(run)
        assert progress == RunProgress("mine", 10, 40, STEPS_PER_S, paused=True)
        assert progress.seconds_left is None
        write_config(run, with_changes(CONFIG, epochs=8), ENGINE)  # continued for longer
        writer.event("resumed", 10)
        writer.flush()
        assert read_progress(run) == RunProgress("mine", 10, 80, STEPS_PER_S)
        writer.event("started", 4)  # resumed from an earlier state
        writer.flush()
        assert read_progress(run) == RunProgress("mine", 4, 80)


@pytest.mark.parametrize("end", ENDS)
def test_a_run_that_has_ended_has_no_progress_though_its_writer_is_still_there(end: str) -> None:
    run = new_run("mine")
    with open_writer(run) as writer:
        log_step(writer, 40)
        writer.event(end, 40)
        writer.flush()
        assert find_training() == [run]
        assert read_progress(run) is None


@pytest.mark.parametrize(
    ("end", "words"),
    [("finished", "mine has finished training"), ("diverged", "mine has diverged"), ("failed", "mine has failed"), ("stopped", "")],
)
def test_an_end_is_announced_unless_somebody_asked_for_it(end: str, words: str) -> None:
    run = new_run("mine")
    with open_writer(run) as writer:
        log_step(writer, 40)
        writer.flush()
        assert describe_end(run) == "", "it still trains"
        writer.event(end, 40)
        writer.flush()
        assert describe_end(run) == words
    assert describe_end(run) == words


def test_a_writer_that_is_gone_without_an_end_was_interrupted(tmp_path: Path) -> None:
    assert describe_end(cut_off("mine")) == "mine was interrupted"
    assert describe_end(Run(tmp_path / "deleted")) == ""


def test_a_run_that_cannot_be_read_has_no_progress(tmp_path: Path) -> None:
    assert read_progress(Run(tmp_path / "gone")) is None
    run = new_run("broken")
    (run.path / "config.json").write_text("{")
    assert read_progress(run) is None


def test_the_words_get_fewer() -> None:
    assert describe_progress(RunProgress("seed-2", 1612, 4690, 8.1)) == (
        "training seed-2 34% · 6:20 left",
        "seed-2 34% · 6:20 left",
        "34% 6:20 left",
        "34% 6:20",
    )
    assert describe_progress(RunProgress("seed-2", 1612, 4690, 8.1, paused=True)) == ("seed-2 paused at 34%", "paused at 34%", "paused 34%")
    assert describe_progress(RunProgress("seed-2", 0, 4690), others=2) == ("training seed-2 0% +2", "seed-2 0%", "0%")
    assert describe_progress(RunProgress("seed-2", 4689, 4690, 8.1))[-1] == "99% 0:00"
