"""Validation: when it is due, what its loss is, that it changes nothing of the training, and what it keeps."""

from __future__ import annotations

import json
import math
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from finish import finish
from torch import Tensor

from engine.checkpoints import training_state
from engine.checkpoints.lookup import find_weights
from engine.checkpoints.training_state import load_state
from engine.compute.precision import Numerics
from engine.config.data import MNIST
from engine.config.data_choice import DataChoice
from engine.config.model import ModelConfig
from engine.config.training import PRESETS, TrainConfig
from engine.data import mnist, npz
from engine.data.describe import describe
from engine.errors import RunError
from engine.jobs.jobs import Jobs
from engine.protocol.events import Event, Preparing, Saved, Tick, TrainStep
from engine.protocol.requests import TrainRequest
from engine.protocol.validated import Validated
from engine.runs.export import rows
from engine.runs.metrics_log import Follower
from engine.runs.run import Run, find_run, latest_state
from engine.training import cadence, validation
from engine.training.cadence import STEP_COST, VALIDATION_SHARE, is_validation_due
from engine.training.trainer import Trainer
from engine.training.validation import BATCH, PAIRS, HeldOutLoss

CPU = torch.device("cpu")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Sixty digits, and fifteen that are held out."""
    images, labels = (tensor.numpy() for tensor in mnist.load(True, limit=75))
    path = tmp_path / "digits.npz"
    np.savez(path, images=images[:60], labels=labels[:60], test_images=images[60:], test_labels=labels[60:])
    return path


@pytest.fixture
def config(tiny: TrainConfig, file: Path) -> TrainConfig:
    return replace(tiny, limit=None, epochs=4).with_data(npz.describe(file))


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of 16 steps validates after every second one."""
    monkeypatch.setattr(cadence, "VALIDATION_SHARE", 8.0)
    monkeypatch.setattr(validation, "DRAWN", 6)


@pytest.fixture
def quick_jobs(jobs: Jobs) -> Jobs:
    jobs.cadence = replace(jobs.cadence, read_every=0.0, save_share=math.inf, wait=0.001)
    return jobs


def records(run: Run) -> list[dict[str, Any]]:
    return [record for record in Follower(run.metrics_path).records() if "validation" in record]


def train(jobs: Jobs, config: TrainConfig, run: str) -> list[Event]:
    return [event for event in jobs.train(TrainRequest(config, run=run)) if not isinstance(event, Tick | Preparing)]


# --- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "batch", "epochs"),
    [(60_000, 128, 10), (60_000, 64, 2), (126, 128, 3000), (126, 16, 900), (5000, 128, 60), (1_000_000, 256, 1), (17, 1, 5000)],
)
@pytest.mark.parametrize("evaluations", [512, 1152])
def test_validation_costs_at_most_its_share_and_ends_epochs(images: int, batch: int, epochs: int, evaluations: int) -> None:
    data = replace(MNIST, train_images=images)
    config = TrainConfig(model=ModelConfig(data=data), batch_size=batch, epochs=epochs)
    due = [step for step in range(1, config.total_steps + 1) if is_validation_due(step, config, evaluations)]
    trained = config.epochs * images * STEP_COST
    assert due[-1] == config.total_steps
    assert (len(due) - 1) * evaluations <= trained * VALIDATION_SHARE
    assert len(due) * evaluations >= trained * VALIDATION_SHARE / 2.2, "and no fewer than there is time for"
    apart = np.diff([0, *due])[:-1]
    if config.steps_per_epoch > apart.min():
        assert {epoch * config.steps_per_epoch for epoch in range(1, epochs + 1)} <= set(due)
        assert np.ptp(apart) <= 1
    else:
        assert all(step % config.steps_per_epoch == 0 for step in due)


def test_presets_validate_every_epoch() -> None:
    for preset in ("quick", "best", "seed"):
        config = PRESETS[preset]  # type: ignore[index]
        assert all(is_validation_due(epoch * 469, config, PAIRS) for epoch in range(1, config.epochs + 1))


def test_a_run_too_short_for_one_does_not_validate(tiny: TrainConfig) -> None:
    assert not any(is_validation_due(step, tiny, PAIRS) for step in range(tiny.total_steps + 1))
    assert validation.is_too_short(tiny)
    assert not validation.is_too_short(PRESETS["quick"])


# --- the loss ---------------------------------------------------------------------------------------------------------


class Guess(torch.nn.Module):
    """Answers what `answer` makes of x_t, t and label, and notes what it was asked."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer, self.asked = answer, []  # type: ignore[var-annotated]

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        self.asked.append((x_t, t, label))
        answer: Tensor = self.answer(x_t)
        return answer


def loss_of(config: TrainConfig, images: Tensor, labels: Tensor, answer: Any) -> tuple[float, Guess]:
    guess = Guess(answer)
    trainer: Any = SimpleNamespace(config=config, device=CPU, numerics=Numerics("fp32", False), ema=SimpleNamespace(model=guess))
    return finish(HeldOutLoss(trainer, images, labels).measure()), guess


def test_the_loss_is_that_of_training_on_the_held_out_images(tiny: TrainConfig) -> None:
    """A network that answers zero is wrong by eps, whose square is 1 on average: 512 x 784 numbers have a mean within 0.01 of it."""
    images, labels = mnist.load(False, limit=40)
    loss, guess = loss_of(tiny, images, labels, torch.zeros_like)
    assert loss == pytest.approx(1, abs=0.01)
    t = torch.cat([t for _, t, _ in guess.asked]).double()
    assert len(t) == PAIRS == len(guess.asked) * BATCH
    assert t.sort().values.tolist() == pytest.approx([(i + 0.5) * 1000 / PAIRS for i in range(PAIRS)], abs=2.1), "evenly spread, as uniform draws are"
    labels_asked = torch.cat([label for _, _, label in guess.asked])
    assert set(labels_asked.tolist()) == {-1, *labels.tolist()}
    assert float((labels_asked == -1).double().mean()) == pytest.approx(tiny.label_dropout, abs=0.05)


def test_noise_and_timesteps_are_the_same_every_time_whatever_else_is_drawn(tiny: TrainConfig) -> None:
    images, labels = mnist.load(False, limit=7)
    first, asked = loss_of(tiny, images, labels, torch.tanh)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    again, asked_again = loss_of(replace(tiny, seed=9), images, labels, torch.tanh)
    assert torch.equal(torch.get_rng_state(), before)
    assert again == first
    assert all(torch.equal(a, b) for x, y in zip(asked.asked, asked_again.asked, strict=True) for a, b in zip(x, y, strict=True))


def test_the_noise_levels_are_those_of_training(tiny: TrainConfig) -> None:
    images, labels = mnist.load(False, limit=7)
    medians = []
    for timesteps in ("uniform", "stratified", "lognormal"):
        _, guess = loss_of(replace(tiny, timesteps=timesteps), images, labels, torch.zeros_like)  # type: ignore[arg-type]
        medians.append(float(torch.cat([t for _, t, _ in guess.asked]).double().median()))
    assert medians[0] == medians[1] == pytest.approx(500, abs=3)
    assert medians[2] < 400


def test_images_sorted_by_class_are_all_used(tiny: TrainConfig) -> None:
    images, labels = mnist.load(False, limit=2000)
    order = labels.argsort()
    _, guess = loss_of(replace(tiny, label_dropout=0.0), images[order], labels[order], torch.zeros_like)
    asked = torch.cat([label for _, _, label in guess.asked])
    shares = torch.bincount(asked, minlength=10).double() / PAIRS
    assert torch.allclose(shares, torch.bincount(labels).double() / len(labels), atol=0.01)


# --- in a run ---------------------------------------------------------------------------------------------------------


def values_of(run: Run) -> dict[str, Any]:
    return {name: value for name, value in load_state(latest_state(run)).to_values().items() if name not in ("run", "epoch_seconds")}


def same(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


def facts(run: Run) -> list[dict[str, Any]]:
    return [{name: value for name, value in record.items() if name not in ("seconds", "crc")} for record in records(run)]


@pytest.mark.slow
@pytest.mark.usefixtures("often")
def test_a_run_validates_keeps_the_best_and_trains_as_without(quick_jobs: Jobs, config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [event for event in train(quick_jobs, config, "r") if isinstance(event, Validated)]
    run = find_run("r")
    assert [event.step for event in events] == [2, 4, 6, 8, 10, 12, 14, 16]
    lowest = min(events, key=lambda event: event.loss)
    assert [event.best for event in events] == [event.loss < min([math.inf, *(e.loss for e in events[:i])]) for i, event in enumerate(events)]
    assert all(0.3 < event.loss < 2 for event in events)
    assert [(r["step"], r["validation"], r["best"]) for r in records(run)] == [(e.step, e.loss, e.best) for e in events]
    assert all(event.distance_ratio is not None for event in events)
    weights = find_weights("r:best-validation")
    assert (weights.kind, weights.run, weights.step) == ("best-validation", "r", lowest.step)
    assert load_state(latest_state(run)).best_validation == lowest.loss
    assert [row["validation"] for row in rows(run) if row["step"] in (1, 16)] == [None, events[-1].loss]

    monkeypatch.setattr(validation, "load_held_out", lambda config: None)
    monkeypatch.setattr("engine.training.job.load_held_out", lambda config: None)
    assert not [event for event in train(quick_jobs, config, "without") if isinstance(event, Validated)]
    with_it, without = values_of(run), values_of(find_run("without"))
    assert (with_it.pop("best_validation"), without.pop("best_validation")) == (lowest.loss, math.inf)
    assert same(with_it, without)
    with pytest.raises(RunError, match="run without has no weights chosen by held-out images"):
        find_weights("without:best-validation")


@pytest.mark.slow
@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("kind", [TrainStep, Validated, Saved, Tick])
def test_a_resumed_run_finds_the_same_best(quick_jobs: Jobs, config: TrainConfig, kind: type[Event]) -> None:
    """Also where it was left in the middle of a validation, before the saved step had been validated."""
    train(quick_jobs, config, "whole")
    with closing(quick_jobs.train(TrainRequest(config, run="left"))) as events:
        seen = 0
        for event in events:
            seen = event.step if isinstance(event, TrainStep) else seen
            if seen == 8 and isinstance(event, kind):
                break
        else:
            raise AssertionError(f"no {kind.__name__} after step 8")
    list(quick_jobs.train(TrainRequest(config, resume="left")))
    whole, left = find_run("whole"), find_run("left")
    assert facts(left) == facts(whole)
    assert same(values_of(left), values_of(whole))
    assert find_weights("left:best-validation").digest == find_weights("whole:best-validation").digest


@pytest.mark.slow
@pytest.mark.usefixtures("often")
def test_a_run_from_before_validation_resumes_and_gains_it(quick_jobs: Jobs, config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its training state has no best loss on held-out images, and its metrics have no validations."""
    with monkeypatch.context() as before:
        before.setattr("engine.training.job.load_held_out", lambda config: None)
        train(quick_jobs, replace(config, epochs=2), "old")
    run = find_run("old")
    path = latest_state(run)
    values = {**load_state(path).to_values(), "format": training_state.STATE_FORMAT, "version": training_state.STATE_VERSION}
    del values["best_validation"]
    values["model"], values["ema"] = (training_state.to_file_names(values[name], 2) for name in ("model", "ema"))
    training_state._write(path, values)
    assert load_state(path).best_validation == math.inf
    list(quick_jobs.train(TrainRequest(config, resume="old")))
    assert [record["step"] for record in records(run)] == [8, 10, 12, 14, 16]
    assert records(run)[0]["best"]
    assert run.best_validation_path.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("often")
def test_a_data_set_without_held_out_images_trains_without_validation(quick_jobs: Jobs, tiny: TrainConfig, file: Path) -> None:
    images, labels = (tensor.numpy() for tensor in mnist.load(True, limit=60))
    np.savez(file, images=images, labels=labels)
    config = replace(tiny, limit=None).with_data(npz.describe(file))
    for name, data in (("unknown", config.data), ("none", finish(describe(DataChoice(str(file)))))):
        assert data.test_images == {"unknown": None, "none": 0}[name]
        assert not [event for event in train(quick_jobs, config.with_data(data), name) if isinstance(event, Validated)]
        assert records(find_run(name)) == []


@pytest.mark.slow
@pytest.mark.usefixtures("often")
def test_a_run_that_copies_is_found_out(quick_jobs: Jobs, config: TrainConfig, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.from_numpy(np.load(file)["images"])

    def copy(into: Tensor, *_: object) -> list[object]:
        into.copy_(images[: len(into)])
        return []

    monkeypatch.setattr(validation, "draw_into", copy)
    events = [event for event in train(quick_jobs, config, "copies") if isinstance(event, Validated)]
    assert all(event.copying and event.distance_ratio is not None and event.distance_ratio < 0.2 for event in events)
    assert all(record["copying"] is True for record in records(find_run("copies")))
    monkeypatch.setattr(validation, "SMALL", 59)
    events = [event for event in train(quick_jobs, config, "large") if isinstance(event, Validated)]
    assert events
    assert not any(event.copying or event.distance_ratio is not None for event in events)
    assert all("copying" not in record for record in records(find_run("large")))


@pytest.mark.slow
def test_pictures_are_drawn_in_the_classes_of_the_training_images(quick_jobs: Jobs, config: TrainConfig) -> None:
    images, labels = (tensor[:60] for tensor in mnist.load(True, limit=60))
    trainer = Trainer(config, images, labels, Numerics("fp32", False), CPU)
    check = validation.CopyCheck(trainer, quick_jobs._get_runtime(), "r", images)
    assert sorted(set(check._labels)) == sorted(set(labels.tolist()))
    assert check.evaluations == 60 * validation.SAMPLE.steps, "no more than there are images"


def test_lines_of_validation_are_plain_json_with_a_step(tmp_path: Path) -> None:
    """Readers of earlier versions skip them: they have neither a loss, nor an average, nor an event."""
    from engine.runs.metrics_log import encode

    record = json.loads(encode({"step": 4, "validation": 0.5, "best": True, "seconds": 0.1, "distance_ratio": 0.9, "copying": False}))
    assert not {"loss", "average", "event"} & set(record)
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(encode({"step": 4, "validation": "low"}) + encode({"step": 4, "validation": 0.5}))
    assert [record["validation"] for record in Follower(path).records()] == [0.5]
