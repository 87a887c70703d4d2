"""Colour images of three classes, 20 by 32 pixels, through the front door: nothing in the engine takes images for MNIST's."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from engine.checkpoints.lookup import find_weights
from engine.checkpoints.training_state import load_state
from engine.checkpoints.weights import load_weights, save_pth, save_weights
from engine.config.data import MNIST, DataSpec
from engine.config.data_choice import DataChoice
from engine.config.fit_to_data import fit_to
from engine.config.model import ScheduleConfig
from engine.config.sampling import SampleConfig
from engine.config.serialize import from_dict
from engine.config.training import TrainConfig
from engine.data import npz
from engine.errors import OutputError, SettingError
from engine.evaluation import judges
from engine.jobs.jobs import Jobs
from engine.protocol.events import DrawDone, EvaluateDone, Frame, Notice, Preview, Saved, TrainDone
from engine.protocol.recipe import Images
from engine.protocol.requests import DrawRequest, EvaluateRequest, TrainRequest
from engine.runs.run import find_run, latest_state
from engine.runs.weights_names import SHIPPED, data_of
from engine.storage.images import load_strip, save_drawing, save_strip

HEIGHT, WIDTH = 20, 32
NAMES = ("red", "green", "blue")
pytestmark = pytest.mark.usefixtures("every_step")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Sixty flags, of which class k has a bright bar in channel k at a random place."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % len(NAMES)
    images = rng.integers(0, 60, (60, HEIGHT, WIDTH, 3), np.uint8)
    for image, label, left in zip(images, labels, rng.integers(0, WIDTH - 8, 60), strict=True):
        image[4:16, left : left + 8, label] = 255
    path = tmp_path / "flags.npz"
    np.savez_compressed(path, images=images, labels=labels, class_names=np.array(NAMES))
    return path


@pytest.fixture
def config(tiny: TrainConfig, file: Path) -> TrainConfig:
    """`tiny`, on the flags; edm-prediction asks for their deviation, too."""
    config = replace(tiny, model=replace(tiny.model, prediction="edm"), limit=None, preview_every=4)
    return config.with_data(npz.describe(file))


def final(name: str) -> dict[str, Any]:
    """A run's last state, but for what names the run."""
    return {key: value for key, value in load_state(latest_state(find_run(name))).to_values().items() if key != "run"}


def same(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


def draw(jobs: Jobs, weights: str, labels: tuple[int | None, ...] = (0, 1, 2, None)) -> tuple[DrawDone, list[Frame]]:
    events = list(jobs.draw(DrawRequest(labels, SampleConfig(steps=4), weights=weights, fps=10_000)))
    done = events[-1]
    assert isinstance(done, DrawDone)
    return done, [event for event in events if isinstance(event, Frame)]


def pixels(images: Images) -> Any:
    return np.frombuffer(images.data, np.uint8).reshape(len(images), images.height, images.width, images.channels)


@pytest.mark.slow
def test_train_kill_resume(jobs: Jobs, config: TrainConfig, file: Path, home: Path) -> None:
    """What a kill after the first save leaves goes on to the unbroken run, to the bit; and the run says what it was trained on."""
    events = []
    for event in jobs.train(TrainRequest(config, run="whole")):
        events.append(event)
        if isinstance(event, Saved) and event.step == 4:
            shutil.copytree(home / "data" / "runs" / "whole", home / "data" / "runs" / "killed")
    assert isinstance(events[-1], TrainDone)
    *_, last = jobs.train(TrainRequest(config, resume="killed"))
    assert isinstance(last, TrainDone)
    assert last.step == 8
    assert same(final("killed"), final("whole"))

    data = find_run("killed").config().data
    assert data == config.data
    assert (data.shape, data.class_names, data.train_images, data.source) == ((3, HEIGHT, WIDTH), NAMES, 60, str(file))
    previews = [event.images for event in events if isinstance(event, Preview)]
    assert [(len(p), p.height, p.width, p.channels) for p in previews] == [(3, HEIGHT, WIDTH, 3)] * 3
    assert [load_strip(path, data) for _, path in find_run("whole").samples()] == previews


@pytest.mark.slow
def test_a_request_for_a_file_trains_on_it(jobs: Jobs, tiny: TrainConfig, file: Path) -> None:
    """`--data FILE.npz` gives what a configuration with the file's spec gives."""
    by_spec = replace(fit_to(tiny, npz.describe(file)), limit=40)
    list(jobs.train(TrainRequest(by_spec, run="spec")))
    list(jobs.train(TrainRequest(tiny, run="choice", data=DataChoice(str(file)), limit=40)))
    config = find_run("choice").config()
    assert config.data.digest != by_spec.data.digest  # of the images, not of the file
    assert config.with_data(by_spec.data) == by_spec
    assert same(final("choice") | {"config": None}, final("spec") | {"config": None})


@pytest.mark.parametrize("source", ["none.npz", "no-such-set"])
def test_a_source_that_is_not_there_starts_no_run(jobs: Jobs, tiny: TrainConfig, source: str, home: Path) -> None:
    with pytest.raises(SettingError, match=f"named {source}; give a folder"):
        list(jobs.train(TrainRequest(tiny, data=DataChoice(source))))
    assert not (home / "data" / "runs").exists()


@pytest.mark.slow
def test_leaving_saves_and_resuming_goes_on(jobs: Jobs, config: TrainConfig) -> None:
    list(jobs.train(TrainRequest(config, run="whole")))
    with closing(jobs.train(TrainRequest(config, run="left"))) as job:
        for event in job:
            if getattr(event, "step", 0) == 3:
                break
    assert load_state(latest_state(find_run("left"))).step == 3
    list(jobs.train(TrainRequest(config, resume="left")))
    assert same(final("left"), final("whole"))


@pytest.mark.slow
def test_draw_save_and_export(jobs: Jobs, config: TrainConfig, tmp_path: Path) -> None:
    list(jobs.train(TrainRequest(config, run="flags")))
    done, frames = draw(jobs, "flags")
    for images in (done.images, *done.frames, *(frame.images for frame in frames)):
        assert (len(images), images.height, images.width, images.channels) == (4, HEIGHT, WIDTH, 3)
    assert done.recipe.data == config.data
    assert len({bytes(image) for image in done.images}) == 4
    assert done.again == 0  # no classifier knows flags, so none is drawn again

    for ending in (".png", ".gif", ".npz"):
        save_drawing(tmp_path / f"four{ending}", done.recipe, done.images, done.frames)
    with Image.open(tmp_path / "four.png") as png:
        recipe = json.loads(png.text["digitty"])  # type: ignore[attr-defined]
        sheet = np.asarray(png)
    assert sheet.shape == (HEIGHT * 8, (4 * WIDTH + 3) * 8, 3)
    np.testing.assert_array_equal(sheet[::8, : WIDTH * 8 : 8], pixels(done.images)[0])
    assert from_dict(DataSpec, recipe["data"]) == config.data
    with np.load(tmp_path / "four.npz") as arrays:
        np.testing.assert_array_equal(arrays["images"], pixels(done.images))
        assert arrays["labels"].tolist() == [0, 1, 2, -1]
    with Image.open(tmp_path / "four.gif") as gif:
        assert gif.n_frames == len(done.frames)  # type: ignore[attr-defined]

    path = tmp_path / "flags.safetensors"
    save_weights(path, find_weights("flags"), torch.float32)
    assert load_weights(path).model == config.model
    for weights in ("flags", "flags:best", str(path)):
        assert data_of(weights) == config.data
    assert draw(jobs, str(path))[0].images == done.images
    with pytest.raises(OutputError, match=r"MNIST.*flags\.safetensors"):
        save_pth(tmp_path / "flags.pth", find_weights("flags"))


def test_what_other_images_have_not(jobs: Jobs, config: TrainConfig) -> None:
    """A label that no class has: the message says so."""
    list(jobs.train(TrainRequest(replace(config, epochs=1), run="flags")))
    with pytest.raises(SettingError, match="classes 0 to 2 of flags"):
        draw(jobs, "flags", (3,))


@pytest.mark.slow
def test_flags_are_judged_by_judges_of_their_own(jobs: Jobs, config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have no test images, so halves are compared. A reader is trained only on request, and then redraws; older recipes still redraw nothing."""
    monkeypatch.setattr(judges, "FEWEST_STEPS", 12)
    monkeypatch.setattr(judges, "MOST_STEPS", 12)
    list(jobs.train(TrainRequest(replace(config, epochs=1), run="flags")))
    before, _ = draw(jobs, "flags")
    assert (before.again, before.recipe.sample.redraw_below) == (0, 0)
    request = EvaluateRequest(30, SampleConfig(steps=2), weights="flags")
    first = list(jobs.evaluate(request))
    assert [event for event in first if isinstance(event, Notice)]
    *_, done = first
    assert isinstance(done, EvaluateDone)
    report = json.loads(json.dumps(done.report))
    assert (report["data"], report["class_names"], report["held_out"], report["again"]) == ("flags", list(NAMES), False, 0)
    assert report["classifier"]["tested"] == 30
    assert report["memorisation"] is report["frechet"] is None
    assert [row.name for row in done.gallery] == list(NAMES)
    assert done.gallery[0].best.channels == 3

    again = list(jobs.evaluate(replace(request, train_reader=True)))
    *_, done = again
    assert isinstance(done, EvaluateDone)
    assert done.report["again"], "the reader doubts what an untrained network draws"
    drawn, _ = draw(jobs, "flags")
    assert (drawn.recipe.sample.redraw_below, drawn.again > 0) == (SampleConfig().redraw_below, True)
    *_, same = jobs.draw(DrawRequest(before.recipe.labels, before.recipe.sample, before.recipe.indices, "flags"))
    assert isinstance(same, DrawDone)
    assert same.images == before.images


def test_what_says_nothing_draws_mnist(tmp_path: Path) -> None:
    (tmp_path / "rubbish.safetensors").write_bytes(b"\xff" * 100)
    (tmp_path / "list.safetensors").write_bytes((2).to_bytes(8, "little") + b"[]")
    files = (tmp_path / "rubbish.safetensors", tmp_path / "list.safetensors", tmp_path / "none.safetensors", tmp_path, tmp_path / "x.pth")
    shipped = {name: path for name, path in SHIPPED.items() if name != "shipped:fashion"}
    for weights in (*shipped, *map(str, shipped.values()), *map(str, files), "no-run", "no-run:best", "~nobody/x.safetensors", "", "a\0/b"):
        assert data_of(weights) == MNIST


def test_shipped_weights_for_other_images_say_so() -> None:
    for weights in ("shipped:fashion", str(SHIPPED["shipped:fashion"])):
        assert data_of(weights).name == "Fashion-MNIST"


def test_many_at_once_are_drawn_as_alone(jobs: Jobs, config: TrainConfig) -> None:
    list(jobs.train(TrainRequest(replace(config, epochs=1), run="flags")))
    labels = tuple(i % 3 for i in range(65))  # more than a screen shows: another way through the sampler
    *_, done = jobs.draw(DrawRequest(labels, SampleConfig(steps=2), weights="flags"))
    assert isinstance(done, DrawDone)
    few, _ = draw(jobs, "flags", labels[:3])
    assert (len(done.images), done.images.channels) == (65, 3)
    *_, three = jobs.draw(DrawRequest(labels[:3], SampleConfig(steps=2), weights="flags"))
    assert isinstance(three, DrawDone)
    assert np.abs(pixels(done.images)[:3].astype(int) - pixels(three.images)).max() <= 1
    assert few.recipe.labels == labels[:3]


@pytest.mark.slow
def test_a_student_of_other_images(jobs: Jobs, config: TrainConfig) -> None:
    list(jobs.train(TrainRequest(replace(config, epochs=1), run="teacher")))
    student = replace(config, preset="one-step", teacher="teacher", pairs=12, optimizer="muon", schedule=ScheduleConfig())
    list(jobs.train(TrainRequest(replace(student, epochs=1), run="student")))
    assert find_run("student").config().data == config.data
    *_, done = jobs.draw(DrawRequest((0, 1, 2), SampleConfig("one-step", 1), weights="student"))
    assert isinstance(done, DrawDone)
    assert (done.images.height, done.images.width, done.images.channels) == (HEIGHT, WIDTH, 3)


def test_a_data_set_that_has_changed_is_not_trained_on(jobs: Jobs, config: TrainConfig, file: Path) -> None:
    list(jobs.train(TrainRequest(replace(config, epochs=1), run="flags")))
    np.savez(file, images=np.zeros((60, HEIGHT, WIDTH, 3), np.uint8), labels=np.arange(60) % 3)
    with pytest.raises(SettingError, match="has changed"):
        list(jobs.train(TrainRequest(config, resume="flags")))


def test_a_strip_of_colour_is_no_strip_of_grey(config: TrainConfig, tmp_path: Path) -> None:
    images = Images(bytes(range(256)) * 15, 2, HEIGHT, WIDTH, 3)
    save_strip(tmp_path / "strip.png", images)
    assert load_strip(tmp_path / "strip.png", config.data) == images
    for change in ({"channels": 1}, {"height": 24}, {"width": 24}):
        assert load_strip(tmp_path / "strip.png", replace(config.data, **change)) is None
