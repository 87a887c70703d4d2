"""The training job end to end: its events, its files, leaving and coming back, and a loss that is not finite."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.checkpoints import weights as checkpoint
from engine.checkpoints.training_state import TrainingState, load_state, save_state
from engine.compute import candidates
from engine.config.compute import Precision
from engine.config.data import MNIST
from engine.config.model import ModelConfig, ScheduleConfig
from engine.config.training import TrainConfig
from engine.data import mnist as data
from engine.errors import CheckpointError, DivergedError, RunError, StorageError, UnreadableError
from engine.jobs.jobs import Jobs
from engine.protocol.events import EpochDone, Event, Notice, Preparing, Preview, Saved, Tick, TrainDone, TrainStarted, TrainStep
from engine.protocol.requests import TrainRequest
from engine.runs.metrics_log import Follower
from engine.runs.run import Run, all_runs, find_run, latest_state
from engine.runs.writer import open_writer, write_config
from engine.storage import atomic as files
from engine.storage.images import load_strip
from engine.training import artifacts
from engine.training import job as training
from engine.training.batches import EpochBatches
from engine.training.cadence import is_preview_due
from engine.training.step_loss import DenoisingStepLoss
from engine.training.trainer import Trainer

LOAD = data.load
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("every_step")]


def until(events: Iterator[Event], kind: type[Event], step: int) -> None:
    """Pulls until an event of a kind at a step."""
    for event in events:
        if isinstance(event, kind) and getattr(event, "step", None) == step:
            return
    raise AssertionError(f"no {kind.__name__} at step {step}")


def records(run: Run) -> list[dict[str, Any]]:
    return list(Follower(run.metrics_path).records())


def logged(run: Run, *wanted: str) -> list[tuple[Any, ...]]:
    """These fields of every metrics line that has them all."""
    return [tuple(record[w] for w in wanted) for record in records(run) if all(w in record for w in wanted)]


def final_state(run: Run) -> dict[str, Any]:
    """But for what names the run."""
    return {name: value for name, value in load_state(latest_state(run)).to_values().items() if name != "run"}


def same(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


def test_events_in_order_and_files_in_place(jobs: Jobs, tiny: TrainConfig) -> None:
    events = list(jobs.train(TrainRequest(replace(tiny, preview_every=4), run="r")))
    told = [type(event) for event in events if not isinstance(event, Preparing | Tick)]
    epoch = [TrainStep, TrainStep, TrainStep, TrainStep, EpochDone, Saved, Preview]
    assert told == [TrainStarted, TrainStep, Preview, *epoch[1:], *epoch, TrainDone]
    started = next(event for event in events if isinstance(event, TrainStarted))
    assert (started.run, started.step, started.config.epochs) == ("r", 0, 2)
    assert [event.epoch for event in events if isinstance(event, TrainStep)] == [1] * 4 + [2] * 4

    run = find_run("r")
    assert run.state() == "finished"
    assert run.step() == 8
    assert logged(run, "step", "loss", "lr") == [(e.step, e.loss, e.lr) for e in events if isinstance(e, TrainStep)]
    losses = [loss for (loss,) in logged(run, "loss")]
    averages = [sum(loss * n for loss, n in zip(losses[i : i + 4], [16, 16, 16, 12], strict=True)) / 60 for i in (0, 4)]
    assert [average for (average,) in logged(run, "average")] == pytest.approx(averages, rel=1e-6)
    assert [step for step, _ in run.states()] == [4, 8]
    assert [step for step, _ in run.samples()] == [1, 4, 8]
    for event, (_, path) in zip([e for e in events if isinstance(e, Preview)], run.samples(), strict=True):
        assert load_strip(path, MNIST) == event.images
        assert event.images.count == 10
    assert not list(run.path.rglob("*.part"))

    best = checkpoint.load_weights(run.best_path)
    assert best.step == (4, 8)[averages.index(min(averages))]
    assert (best.kind, best.run) == ("best", "r")
    state = final_state(run)
    assert (state["step"], state["best"]) == (8, pytest.approx(min(averages)))


@pytest.mark.parametrize("share", [math.inf, 1e-9])
def test_epochs_too_short_to_be_worth_a_save(jobs: Jobs, tiny: TrainConfig, share: float) -> None:
    """The run's end is saved in any case, and so is the first epoch's, as nobody knows yet what saving costs."""
    jobs.cadence = replace(jobs.cadence, save_share=share)
    list(jobs.train(TrainRequest(replace(tiny, epochs=4), run="r")))
    saved = [step for step, event in logged(find_run("r"), "step", "event") if event == "saved"]
    assert saved == ([4, 8, 12, 16] if share == math.inf else [4, 16])


@pytest.mark.parametrize("kind", [TrainStep, EpochDone, Saved])
def test_leaving_at_the_end_of_the_best_epoch_keeps_its_weights(jobs: Jobs, tiny: TrainConfig, kind: type[Event]) -> None:
    list(jobs.train(TrainRequest(replace(tiny, epochs=1, lr_schedule="constant"), run="whole")))
    with closing(jobs.train(TrainRequest(replace(tiny, lr_schedule="constant"), run="left"))) as events:
        until(events, kind, 4)
    assert logged(find_run("left"), "epoch", "best") == [(1, True)]
    best = checkpoint.load_weights(find_run("left").best_path)
    assert same(best.tensors, checkpoint.load_weights(find_run("whole").best_path).tensors)


@pytest.mark.parametrize("kind", [Saved, TrainDone])
def test_leaving_a_run_that_has_just_ended_leaves_it_finished(jobs: Jobs, tiny: TrainConfig, kind: type[Event]) -> None:
    jobs.cadence = replace(jobs.cadence, save_share=1e-9)  # so that the last save comes with the end
    with closing(jobs.train(TrainRequest(tiny, run="r"))) as events:
        told = next(event for event in events if isinstance(event, kind) and find_run("r").has_ended())
    assert logged(find_run("r"), "step", "event")[-1] == (getattr(told, "step", None), "finished")


@pytest.mark.parametrize("times", [[3], [4], [1, 2, 6]], ids=["mid-epoch", "epoch's end", "again and again"])
def test_a_run_that_was_left_goes_on_as_if_it_had_not(jobs: Jobs, tiny: TrainConfig, times: list[int]) -> None:
    list(jobs.train(TrainRequest(tiny, run="whole")))
    for at in times:
        request = TrainRequest(tiny, run="left") if at == times[0] else TrainRequest(tiny, resume="left")
        with closing(jobs.train(request)) as events:
            until(events, TrainStep, at)
        left = find_run("left")
        assert (left.state(), left.step(), left.states()[-1][0]) == ("stopped", at, at)
    whole = find_run("whole")
    events = jobs.train(TrainRequest(left.config(), resume="left"))
    assert [event.step for event in events if isinstance(event, TrainStarted)] == [times[-1]]
    assert left.state() == "finished"
    assert logged(left, "step", "loss", "lr") == logged(whole, "step", "loss", "lr")
    assert logged(left, "epoch", "step", "average", "best") == logged(whole, "epoch", "step", "average", "best")
    ours, theirs = final_state(left), final_state(whole)
    assert same({k: ours[k] for k in ours if k != "epoch_seconds"}, {k: theirs[k] for k in theirs if k != "epoch_seconds"})


def test_previews_change_no_number(jobs: Jobs, every_step: None, tiny: TrainConfig) -> None:
    """Neither the losses nor the averaged weights; and the early ones come before the regular ones."""
    for name, every in (("without", 0), ("with", 3)):
        list(jobs.train(TrainRequest(replace(tiny, preview_every=every), run=name)))
    without, seen = find_run("without"), find_run("with")
    assert ([step for step, _ in without.samples()], [step for step, _ in seen.samples()]) == ([8], [1, 3, 6, 8])
    assert logged(without, "step", "loss", "lr") == logged(seen, "step", "loss", "lr")
    assert same(final_state(without)["ema"], final_state(seen)["ema"])


@pytest.mark.parametrize(
    ("every", "steps"), [(0, [240]), (50, [1, 20, 50, 100, 150, 200, 240]), (100, [1, 20, 50, 100, 200, 240]), (1, [*range(1, 241)])]
)
def test_the_first_previews_come_early(every: int, steps: list[int]) -> None:
    assert [step for step in range(241) if is_preview_due(step, every, 240)] == steps


def test_closing_during_a_preview_saves_too(jobs: Jobs, tiny: TrainConfig) -> None:
    with closing(jobs.train(TrainRequest(replace(tiny, preview_every=3), run="r"))) as events:
        for event in events:
            if isinstance(event, Tick):
                break
    run = find_run("r")
    assert (run.state(), [step for step, _ in run.states()], run.samples()) == ("stopped", [1], [])
    list(jobs.train(TrainRequest(replace(tiny, preview_every=3), run="whole")))
    list(jobs.train(TrainRequest(run.config(), resume="r")))
    previews, whole = ([(step, path.read_bytes()) for step, path in find_run(name).samples()] for name in ("r", "whole"))
    assert previews == whole
    assert [step for step, _ in whole] == [1, 3, 6, 8]


@pytest.mark.parametrize("lost", ["its end", "its end and the last preview"])
def test_a_run_that_was_killed_when_all_was_done_is_brought_to_its_end(jobs: Jobs, tiny: TrainConfig, lost: str) -> None:
    list(jobs.train(TrainRequest(tiny, run="r")))
    run = find_run("r")
    lines = run.metrics_path.read_bytes().splitlines(keepends=True)
    run.metrics_path.write_bytes(b"".join(lines[:-1]))
    if "preview" in lost:
        run.samples()[-1][1].unlink()
    before = final_state(run)
    assert run.state() == "interrupted"
    told = list(jobs.train(TrainRequest(run.config(), resume="r")))
    assert [event.step for event in told if isinstance(event, TrainDone)] == [8]
    assert any(isinstance(event, Preview) for event in told) == ("preview" in lost)
    assert (run.state(), run.samples()[-1][0]) == ("finished", 8)
    assert same(final_state(run), before)
    assert [step for step, _ in logged(run, "step", "loss")] == [*range(1, 9)]


def test_closing_before_the_first_step_leaves_a_run_that_begins_again(jobs: Jobs, tiny: TrainConfig) -> None:
    with closing(jobs.train(TrainRequest(tiny, run="r"))) as events:
        assert any(isinstance(event, TrainStarted) for event in events)
    run = find_run("r")
    assert (run.state(), run.states(), run.running()) == ("stopped", [], False)
    again = next(event for event in jobs.train(TrainRequest(tiny, resume="r")) if isinstance(event, TrainStarted))
    assert again.step == 0, "nothing was saved, so the same run begins again"


def test_a_fault_saves_nothing(jobs: Jobs, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run gone wrong must not overwrite a good state."""
    step = Trainer.train_step

    def faulty(self: Trainer) -> None:
        if self.step == 6:
            raise ValueError("a fault")
        step(self)

    monkeypatch.setattr(Trainer, "train_step", faulty)
    with pytest.raises(ValueError, match="a fault"):
        list(jobs.train(TrainRequest(tiny, run="r")))
    run = find_run("r")
    assert (run.state(), [step for step, _ in run.states()], run.running()) == ("failed", [4], False)


def test_steps_end_a_run_within_an_epoch(jobs: Jobs, tiny: TrainConfig) -> None:
    events = list(jobs.train(TrainRequest(replace(tiny, steps=6), run="r")))
    assert isinstance(events[-1], TrainDone)
    assert events[-1].step == 6
    assert [step for step, _ in find_run("r").states()] == [4, 6]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_on_cuda_a_run_that_was_left_goes_on_within_a_hundredth(tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch, precision: Precision) -> None:
    """The same data and noise; CUDA adds up in an order of its own."""
    monkeypatch.setattr(data, "load", LOAD)
    jobs = Jobs("cuda", precision)
    config = replace(tiny, limit=2000, epochs=1)
    list(jobs.train(TrainRequest(config, run="whole")))
    with closing(jobs.train(TrainRequest(config, run="left"))) as events:
        next(event for event in events if isinstance(event, TrainStep) and event.step >= 60)
    list(jobs.train(TrainRequest(config, resume="left")))
    left, whole = (dict(logged(find_run(name), "step", "loss")) for name in ("left", "whole"))
    assert left == pytest.approx(whole, rel=0.01)


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_what_can_not_be_resumed(jobs: Jobs, tiny: TrainConfig) -> None:
    list(jobs.train(TrainRequest(tiny, run="done")))
    told = records(find_run("done"))
    with pytest.raises(RunError, match="no run named other"):
        list(jobs.train(TrainRequest(tiny, resume="other")))
    with pytest.raises(RunError, match="all its 8 steps"):
        list(jobs.train(TrainRequest(tiny, resume="done")))
    for name, value in {"lr": 1e-2, "batch_size": 8, "seed": 1, "model": ModelConfig(channels=(16, 8, 8))}.items():
        with pytest.raises(RunError, match=name):
            list(jobs.train(TrainRequest(replace(tiny, **{name: value}), resume="done")))
    with pytest.raises(RunError, match="--resume done"):
        list(jobs.train(TrainRequest(tiny, run="done")))
    with open_writer(find_run("done")), pytest.raises(RunError, match="being trained"):
        list(jobs.train(TrainRequest(replace(tiny, epochs=3), resume="done")))
    assert told
    assert records(find_run("done")) == told  # none of it wrote a line


def test_more_epochs_take_a_finished_run_further(jobs: Jobs, tiny: TrainConfig) -> None:
    list(jobs.train(TrainRequest(tiny, run="r")))
    list(jobs.train(TrainRequest(replace(tiny, epochs=3), resume="r")))
    run = find_run("r")
    assert (run.step(), run.config().epochs, run.state()) == (12, 3, "finished")


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE, errno.ENOMEM, errno.ESTALE])
def test_a_newest_state_that_can_not_be_read_now_is_not_taken_for_damaged(
    jobs: Jobs, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """An older one would throw away work that is there."""
    list(jobs.train(TrainRequest(tiny, run="r")))
    run = find_run("r")
    before = sorted(run.path.rglob("*.pt*"))

    def refused(path: Path, largest: int) -> bytes:
        if path == latest_state(run):
            raise OSError(number, os.strerror(number), str(path))
        return files.read_small(path, largest)

    with monkeypatch.context() as patch:
        patch.setattr("engine.checkpoints.tensor_file.read_small", refused)
        with pytest.raises(UnreadableError, match="make it readable, and try again"):
            list(jobs.train(TrainRequest(replace(tiny, epochs=3), resume="r")))
    assert sorted(run.path.rglob("*.pt*")) == before
    assert sum(isinstance(event, TrainStep) for event in jobs.train(TrainRequest(replace(tiny, epochs=3), resume="r"))) > 0


def test_a_damaged_newest_state_gives_way_to_the_one_before_it(jobs: Jobs, tiny: TrainConfig) -> None:
    list(jobs.train(TrainRequest(replace(tiny, epochs=3), run="whole")))
    list(jobs.train(TrainRequest(replace(tiny, epochs=3), run="r")))
    run, whole = find_run("r"), find_run("whole")
    older, newest = [path for _, path in run.states()]
    halved(newest)
    events = []
    for event in jobs.train(TrainRequest(run.config(), resume="r")):
        events.append(event)
        aside = newest.with_name(newest.name + ".damaged").exists()
        assert aside or not isinstance(event, TrainStarted), "set aside, not lost"
    assert not aside, "training has come as far again"
    told = [event.message for event in events if isinstance(event, Notice)]
    assert [(newest.name in message, older.name in message) for message in told] == [(True, True)]
    assert [event.step for event in events if isinstance(event, TrainStarted)] == [8]
    assert same(final_state(run)["model"], final_state(whole)["model"])


def test_no_whole_state_is_an_error_that_touches_nothing(jobs: Jobs, tiny: TrainConfig) -> None:
    list(jobs.train(TrainRequest(tiny, run="r")))
    run = find_run("r")
    for _, path in run.states():
        halved(path)
    before = {path: path.read_bytes() for _, path in run.states()}
    with pytest.raises(CheckpointError, match=latest_state(run).name):
        list(jobs.train(TrainRequest(replace(tiny, epochs=3), resume="r")))
    assert {path: path.read_bytes() for path in (run.path / "checkpoints").glob("state*")} == before


def test_a_state_of_another_run_is_not_taken_for_ones_own(jobs: Jobs, tiny: TrainConfig) -> None:
    list(jobs.train(TrainRequest(tiny, run="r")))
    list(jobs.train(TrainRequest(replace(tiny, model=replace(tiny.model, channels=(16, 8, 8))), run="other")))
    run = find_run("r")
    for (_, ours), (_, theirs) in zip(run.states(), find_run("other").states(), strict=True):
        ours.write_bytes(theirs.read_bytes())
    with pytest.raises(CheckpointError, match="belongs to another run"):
        list(jobs.train(TrainRequest(replace(tiny, epochs=3), resume="r")))


def test_a_recorded_precision_is_used_again(jobs: Jobs, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "cpu_bf16", lambda: "converted")
    run = trained_in_bf16(jobs, tiny)
    list(jobs.train(TrainRequest(tiny, resume="r")))
    assert (run.engine().precision, run.engine().layout) == ("bf16", "channels_last")


def test_a_run_in_bf16_goes_on_in_another_precision_where_bf16_is_hopeless(jobs: Jobs, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "cpu_bf16", lambda: "none")
    run = trained_in_bf16(jobs, tiny)
    said = [event.message for event in jobs.train(TrainRequest(tiny, resume="r")) if isinstance(event, Notice)]
    assert said == ["r was trained in bf16, which cpu lacks; it continues in another precision, so its results are no longer bit for bit the same"]
    assert run.engine().precision == "fp32"


def trained_in_bf16(jobs: Jobs, tiny: TrainConfig) -> Run:
    """An epoch of the run r, which claims to have been trained so."""
    config = replace(tiny, epochs=1)
    list(jobs.train(TrainRequest(config, run="r")))
    run = find_run("r")
    assert run.engine().precision == "fp32"
    write_config(run, config, replace(run.engine(), precision="bf16", layout="channels_last"))
    return run


@pytest.mark.parametrize(("recorded", "processors", "used"), [(2, 4, 2), (2, 2, 2), (3, 2, 1), (0, 2, 1)])
def test_a_recorded_number_of_threads_is_used_if_there_are_as_many_processors(
    jobs: Jobs, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch, recorded: int, processors: int, used: int
) -> None:
    config = replace(tiny, epochs=1)
    list(jobs.train(TrainRequest(config, run="r")))
    run = find_run("r")
    write_config(run, config, replace(run.engine(), threads=recorded))
    monkeypatch.setattr(training, "processors", lambda: processors)
    try:
        said = [event.message for event in jobs.train(TrainRequest(tiny, resume="r")) if isinstance(event, Notice)]
    finally:
        torch.set_num_threads(1)
    assert run.engine().threads == used
    assert len(said) == (recorded > processors)
    assert not said or "3 threads, more than it may use here; it continues with 1, so its results are no longer bit for bit" in said[0]


# --- a loss that is not finite ----------------------------------------------------------------------------------------


def test_a_diverged_run_keeps_its_last_good_checkpoint(jobs: Jobs, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = DenoisingStepLoss.draw

    def poisoned(self: DenoisingStepLoss, step: int, batches: EpochBatches) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x0, t, label, eps = draw(self, step, batches)
        return (x0 * math.nan if step == 5 else x0), t, label, eps

    monkeypatch.setattr(DenoisingStepLoss, "draw", poisoned)
    with pytest.raises(DivergedError, match="step 6") as told:
        list(jobs.train(TrainRequest(tiny, run="r")))
    assert told.value.step == 6
    run = find_run("r")
    assert run.state() == "diverged"
    assert [step for step, _ in run.states()] == [4]
    assert logged(run, "step", "loss")[-1][0] == 5
    assert all(bool(torch.isfinite(tensor).all()) for tensor in final_state(run)["ema"].values())
    monkeypatch.setattr(DenoisingStepLoss, "draw", draw)
    list(jobs.train(TrainRequest(tiny, resume="r")))
    assert run.state() == "finished"


def test_no_room_for_a_checkpoint_ends_the_run_and_keeps_the_last(jobs: Jobs, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    save = save_state

    def full(path: Path, state: TrainingState) -> None:
        if state.step > 4:
            raise StorageError("no room")
        save(path, state)

    monkeypatch.setattr(artifacts, "save_state", full)
    with pytest.raises(StorageError, match="no room"):
        list(jobs.train(TrainRequest(tiny, run="r")))
    assert [step for step, _ in find_run("r").states()] == [4]
    assert not find_run("r").running()


# --- from other weights -----------------------------------------------------------------------------------------------


@pytest.fixture
def trained(jobs: Jobs, tiny: TrainConfig) -> Run:
    """A finished run of a network and a schedule that are no preset's."""
    model = replace(tiny.model, channels=(12, 8, 8), prediction="v")
    list(jobs.train(TrainRequest(replace(tiny, model=model, schedule=ScheduleConfig("cosine")), run="first")))
    return find_run("first")


def test_a_run_starts_from_the_average_of_another(jobs: Jobs, trained: Run, tiny: TrainConfig) -> None:
    list(jobs.train(TrainRequest(replace(tiny, start_from="first", lr=1e-9, steps=1), run="second")))
    second = find_run("second")
    assert (second.config().model, second.config().schedule) == (trained.config().model, trained.config().schedule)
    given, then = final_state(trained)["ema"], final_state(second)
    for name, tensor in given.items():
        assert torch.allclose(then["model"][name], tensor, atol=1e-7), name
        assert torch.allclose(then["ema"][name], tensor, atol=1e-7), name


def test_one_that_never_saved_starts_from_the_same_weights_again(jobs: Jobs, trained: Run, tiny: TrainConfig) -> None:
    config = replace(tiny, start_from="first:best")
    list(jobs.train(TrainRequest(config, run="unbroken")))
    for _ in jobs.train(TrainRequest(config, run="broken")):
        pass
    broken = find_run("broken")
    for _, state in broken.states():
        state.unlink()
    list(jobs.train(TrainRequest(broken.config(), resume="broken")))
    assert same(final_state(broken)["model"], final_state(find_run("unbroken"))["model"])


def test_weights_that_are_not_there_start_nothing(jobs: Jobs, tiny: TrainConfig) -> None:
    with pytest.raises(RunError, match="nothing"):
        list(jobs.train(TrainRequest(replace(tiny, start_from="nothing"), run="second")))
    assert all_runs() == []
