"""Runs on images that MNIST's are not: without classes, of other sizes, in colour; and runs that start from weights for other images."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.checkpoints.lookup import find_weights
from engine.checkpoints.training_state import load_state
from engine.config.data import MNIST, DataSpec
from engine.config.data_choice import DataChoice
from engine.config.fit_to_data import fit_to
from engine.config.sampling import SampleConfig
from engine.config.training import TrainConfig
from engine.errors import RunError, SettingError
from engine.jobs.jobs import Jobs
from engine.protocol.events import DrawDone, Notice, Preview, TrainDone
from engine.protocol.requests import DrawRequest, TrainRequest
from engine.runs.run import find_run, latest_state

pytestmark = pytest.mark.usefixtures("every_step")
COUNT = 40


def spec(height: int, width: int, channels: int, names: tuple[str, ...] = ("a", "b"), name: str = "blobs") -> DataSpec:
    digest = f"sha256:{name}-{height}x{width}x{channels}-{len(names)}"
    return DataSpec(name, height, width, channels, names, COUNT, -0.2, 0.5, f"/data/{name}", digest)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, DataSpec]:
    """Data sets by their source, which --data names; their images are random, a function of the spec."""
    specs: dict[str, DataSpec] = {}

    def describe(choice: DataChoice, for_strokes: bool = False) -> Any:
        yield from ()
        return specs[choice.source]

    def load_images(data: DataSpec, train: bool, device: torch.device | None, limit: int | None, stream: bool) -> tuple[Tensor, Tensor]:
        rng = torch.Generator().manual_seed(data.height + data.channels)
        images = torch.randint(0, 256, (COUNT, *data.pixel_shape), generator=rng, dtype=torch.uint8)
        return images[:limit].to(device), (torch.arange(COUNT) % max(1, data.classes))[:limit].to(device)

    monkeypatch.setattr("engine.training.job.describe", describe)
    monkeypatch.setattr("engine.training.job.fetch_images", lambda data: iter(()))
    monkeypatch.setattr("engine.training.job.load_images", load_images)
    return specs


def train(jobs: Jobs, config: TrainConfig, run: str, data: DataSpec, known: dict[str, DataSpec]) -> list[Any]:
    known[data.source] = data
    events = list(jobs.train(TrainRequest(replace(config, limit=None), run=run, data=DataChoice(data.source))))
    assert isinstance(events[-1], TrainDone)
    return events


def draw(jobs: Jobs, weights: str, sample: SampleConfig, labels: tuple[int | None, ...] = (None, 0, 0)) -> DrawDone:
    *_, done = jobs.draw(DrawRequest(labels, sample, weights=weights))
    assert isinstance(done, DrawDone)
    return done


def state(name: str) -> dict[str, Tensor]:
    return dict(load_state(latest_state(find_run(name))).model)


@pytest.fixture
def short(tiny: TrainConfig) -> TrainConfig:
    return replace(tiny, epochs=1, preview_every=2)


@pytest.mark.slow
def test_without_classes(jobs: Jobs, short: TrainConfig, known: dict[str, DataSpec]) -> None:
    """Training, previews and drawings need no label; guidance changes nothing then, and costs nothing."""
    data = spec(16, 24, 3, ())
    events = train(jobs, short, "plain", data, known)
    previews = [event.images for event in events if isinstance(event, Preview)]
    assert previews
    assert {(len(p), p.height, p.width, p.channels) for p in previews} == {(10, 16, 24, 3)}
    guided, unguided = (draw(jobs, "plain", SampleConfig(steps=4, guidance=guidance, guided_from=0, guided_to=1e6)) for guidance in (3.0, 1.0))
    assert guided.images == unguided.images
    assert guided.evaluations == unguided.evaluations == 4
    assert guided.images.width == 24


@pytest.mark.slow
def test_a_student_without_classes(jobs: Jobs, short: TrainConfig, known: dict[str, DataSpec]) -> None:
    data = spec(16, 24, 3, ())
    train(jobs, short, "teacher", data, known)
    student = replace(short, preset="one-step", teacher="teacher", pairs=12, limit=None)
    list(jobs.train(TrainRequest(student, run="student")))
    assert find_run("student").config().data == data
    assert draw(jobs, "student", SampleConfig("one-step", 1)).images.channels == 3


@pytest.mark.slow
def test_a_student_learns_the_images_of_its_teacher(jobs: Jobs, short: TrainConfig, known: dict[str, DataSpec]) -> None:
    data, other = spec(16, 16, 1), spec(16, 16, 1, name="others")
    train(jobs, short, "teacher", data, known)
    known[other.source] = other
    student = replace(short, preset="one-step", teacher="teacher", pairs=12, limit=None)
    with pytest.raises(SettingError, match="teacher draws blobs, and its student can't be trained on others; use --teacher"):
        list(jobs.train(TrainRequest(student, data=DataChoice(other.source))))
    moved = replace(data, source="/elsewhere")  # the same images, as their digest says
    train(jobs, student, "student", moved, known)
    assert find_run("student").config().data == moved


@pytest.mark.slow
def test_growing(jobs: Jobs, short: TrainConfig, known: dict[str, DataSpec]) -> None:
    """A larger size takes over everything between the first and the last convolution, and says what is new."""
    train(jobs, short, "small", spec(32, 32, 1), known)
    still = replace(short, start_from="small", lr=1e-30, ema=0.0)  # the weights stay what they begin as
    events = train(jobs, still, "large", spec(64, 64, 1), known)
    notices = [event.message for event in events if isinstance(event, Notice)]
    assert notices == [
        "small drew blobs (32x32, grey), this run learns blobs (64x64, grey): "
        "the first convolution and the last convolution are new, and all other weights are kept"
    ]
    model, schedule = find_run("large").config().model, find_run("large").config().schedule
    assert (model.patch_side, model.channels, schedule.shift) == (4, (8, 8), pytest.approx(64 / 28))
    old, new = find_weights("small").tensors, state("large")
    assert {name.partition(".")[0] for name in new if not torch.equal(old[name], new[name].float())} == {"conv_in", "conv_out"}
    assert draw(jobs, "large", SampleConfig(steps=2)).images.height == 64


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "new"),
    [
        (spec(28, 28, 1, ("a", "c")), {"label"}),
        (spec(28, 28, 3), {"conv_in", "conv_out"}),
        (spec(28, 28, 1, (), "others"), {"label"}),
        (spec(28, 32, 1, name="others"), set()),
    ],
    ids=["classes", "colour", "no classes", "a little wider"],
)
def test_starting_from_weights_for_other_images(jobs: Jobs, short: TrainConfig, known: dict[str, DataSpec], data: DataSpec, new: set[str]) -> None:
    old_data = spec(28, 28, 1)
    train(jobs, short, "old", old_data, known)
    events = train(jobs, replace(short, start_from="old", lr=1e-30, ema=0.0), "new", replace(data, digest="sha256:new"), known)
    old, now = find_weights("old").tensors, state("new")
    kept = {name: tensor for name, tensor in now.items() if name.partition(".")[0] not in new}
    assert all(torch.equal(old[name], tensor.float()) for name, tensor in kept.items())
    assert bool(new) == any(isinstance(event, Notice) for event in events)


@pytest.mark.slow
def test_a_grown_run_resumes_to_the_bit(jobs: Jobs, short: TrainConfig, known: dict[str, DataSpec]) -> None:
    """Also one that was killed before its first save, which takes its first weights again."""
    train(jobs, short, "small", spec(32, 32, 1), known)
    grown = replace(short, start_from="small", epochs=2)
    train(jobs, grown, "whole", spec(64, 64, 3), known)
    train(jobs, grown, "killed", spec(64, 64, 3), known)
    for _, path in find_run("killed").states():
        path.unlink()
    list(jobs.train(TrainRequest(find_run("killed").config(), resume="killed")))
    whole, killed = state("whole"), state("killed")
    assert all(torch.equal(whole[name], killed[name]) for name in whole)


@pytest.mark.slow
def test_mirrored_and_balanced_runs_resume_to_the_bit(jobs: Jobs, short: TrainConfig, known: dict[str, DataSpec]) -> None:
    """Stopped in the middle of an epoch."""
    config = replace(short, flip=True, balance=True, epochs=2, limit=None)
    train(jobs, config, "whole", spec(16, 24, 3), known)
    with closing(jobs.train(TrainRequest(config, run="left", data=DataChoice("/data/blobs")))) as job:
        for event in job:
            if getattr(event, "step", 0) == 2:
                break
    list(jobs.train(TrainRequest(find_run("left").config(), resume="left")))
    whole, left = state("whole"), state("left")
    assert all(torch.equal(whole[name], left[name]) for name in whole)
    train(jobs, replace(config, flip=False), "plain", spec(16, 24, 3), known)
    assert not all(torch.equal(whole[name], tensor) for name, tensor in state("plain").items())


@pytest.mark.slow
def test_a_run_resumes_on_the_same_images_elsewhere_and_on_no_others(jobs: Jobs, short: TrainConfig, known: dict[str, DataSpec]) -> None:
    """The digest decides; a run on other images is refused with both digests and the way on, and nothing of it changes."""
    data = spec(16, 24, 3)
    constant = replace(short, lr_schedule="constant")  # a cosine depends on the number of epochs
    train(jobs, replace(constant, epochs=2), "whole", data, known)
    train(jobs, constant, "run", data, known)
    before = find_run("run").config()
    longer = replace(before, epochs=2)
    known["/other"] = replace(data, name="others", source="/other", digest="sha256:1234")
    told = (
        f"run run was trained on blobs with the digest {data.digest}; others has sha256:1234. Resuming can't change the images; "
        "for a new run on them from its weights: --start-from run --data /other"
    )
    with pytest.raises(RunError) as refused:
        list(jobs.train(TrainRequest(longer, resume="run", data=DataChoice("/other"))))
    assert str(refused.value) == told
    with pytest.raises(RunError, match="others has sha256:1234"):
        list(jobs.train(TrainRequest(longer.with_data(known["/other"]), resume="run")))
    assert find_run("run").config() == before

    known["/moved"] = replace(data, name="another name", source="/moved")
    list(jobs.train(TrainRequest(longer, resume="run", data=DataChoice("/moved"))))
    assert find_run("run").config() == longer.with_data(replace(data, source="/moved"))
    whole, resumed = state("whole"), state("run")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.slow
def test_shipped_weights_learn_other_images(jobs: Jobs, short: TrainConfig, known: dict[str, DataSpec]) -> None:
    events = train(jobs, replace(short, start_from="shipped", steps=1), "cats", spec(32, 32, 3, ("cat",)), known)
    assert any("shipped drew MNIST (28x28, grey), this run learns blobs (32x32, colour)" in getattr(event, "message", "") for event in events)
    assert find_run("cats").config().model == replace(fit_to(shipped(), spec(32, 32, 3, ("cat",))).model, conditions=None, text=None)


def shipped() -> TrainConfig:
    """A run with the network of the shipped weights, for MNIST."""
    weights = find_weights("shipped")
    assert weights.model.data == MNIST
    return TrainConfig(model=weights.model, schedule=weights.schedule)
