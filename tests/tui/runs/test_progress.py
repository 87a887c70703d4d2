"""The progress of the run that trains now, read from its files."""

from __future__ import annotations

from fake_training import ENGINE, STEPS_PER_S, cut_off, log_step, with_epochs_of
from fakes import finished_run

from engine.config.serialize import with_changes
from engine.config.training import PRESETS
from engine.runs.manage import create_run
from engine.runs.writer import open_writer, write_config
from tui.runs.progress import ProgressReader, RunProgress


def test_nothing_trains_where_all_runs_have_ended() -> None:
    assert ProgressReader().read() is None
    finished_run("done", PRESETS["quick"])
    cut_off("dead")
    assert ProgressReader().read() is None


def test_it_follows_a_run_through_its_pause_and_its_new_length() -> None:
    reader, config = ProgressReader(), with_epochs_of(PRESETS["quick"], 4)
    run = create_run("mine", config, ENGINE)
    with open_writer(run) as writer:
        writer.event("started", 0)
        assert reader.read() == RunProgress("mine", paused=False, step=0, total_steps=8)
        log_step(writer, 2)
        writer.flush()
        now = reader.read()
        assert now == RunProgress("mine", paused=False, step=2, total_steps=8, rate=STEPS_PER_S)
        assert (now.fraction, now.seconds_left, now.state) == (0.25, 6 / STEPS_PER_S, "training")
        writer.event("paused", 2)
        now = reader.read()
        assert now is not None
        assert (now.state, now.fraction, now.seconds_left) == ("paused", 0.25, None)
        write_config(run, with_changes(config, epochs=4), ENGINE)
        writer.event("resumed", 2)
        now = reader.read()
        assert now is not None
        assert (now.paused, now.total_steps, now.fraction) == (False, 16, 0.125)
    assert reader.read() is None


def test_the_run_of_this_process_comes_first_and_the_others_are_counted() -> None:
    runs = [create_run(name, with_epochs_of(PRESETS["quick"], 4), ENGINE) for name in ("mine", "theirs")]
    with open_writer(runs[0]) as mine, open_writer(runs[1]) as theirs:
        for writer in (mine, theirs):
            writer.event("started", 0)
        names = [(p.run, p.others) for p in (ProgressReader().read("mine"), ProgressReader().read("theirs")) if p]
        assert names == [("mine", 1), ("theirs", 1)]
