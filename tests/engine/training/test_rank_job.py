"""An image tower as a run: what its captions say is true, it learns, resumes exactly, previews, and draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.checkpoints.lookup import find_weights
from engine.checkpoints.reader import reader_with_digest
from engine.checkpoints.tower import load_tower
from engine.config.data import MNIST
from engine.config.model import ModelConfig
from engine.config.serialize import from_dict, to_dict
from engine.config.text import TextConfig
from engine.config.training import PRESETS, TrainConfig
from engine.errors import CheckpointError, SettingError
from engine.jobs.jobs import Jobs
from engine.process.distributed import ProcessGroup
from engine.protocol.events import Preview, Saved, TrainDone, TrainStep
from engine.protocol.requests import DrawRequest, TrainRequest
from engine.runs.run import find_run
from engine.storage.images import load_captions, load_strip
from engine.training.rank_captions import check_ranked, ranking_loss
from engine.training.ranked_images import SHOWN

Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def rank(tiny: TrainConfig) -> TrainConfig:
    """`tiny`, as an image tower."""
    model = ModelConfig(network="tower", channels=(8, 8), groups=4, emb_dim=16, text=TextConfig())
    return replace(tiny, preset="rank", model=model, optimizer="muon", preview_every=4, lr=1e-2)


@pytest.mark.usefixtures("every_step")
def test_it_is_trained_interrupted_and_resumed_bit_for_bit(jobs: Jobs, rank: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(jobs.train(TrainRequest(rank, run="whole")))
    assert isinstance(whole[-1], TrainDone)
    assert [e for e in whole if isinstance(e, Saved)]
    with closing(jobs.train(TrainRequest(rank, run="parts"))) as job:
        for event in job:
            if isinstance(event, TrainStep) and event.step == 3:
                break
    config = find_run("parts").config()
    list(jobs.train(TrainRequest(config, resume="parts")))
    one, other = find_weights("whole").tensors, find_weights("parts").tensors
    assert all(torch.equal(one[name], other[name]) for name in one)
    monkeypatch.setattr("engine.checkpoints.reader.digest_of", lambda tensors: "sha256:0")
    with pytest.raises(CheckpointError, match="trained with another reader of captions"):
        list(jobs.train(TrainRequest(replace(config, epochs=3), resume="parts")))


def test_it_records_its_scales_and_reader_and_previews_what_fits_best(
    jobs: Jobs, rank: TrainConfig, first_sixty: tuple[torch.Tensor, torch.Tensor]
) -> None:
    previews = [e for e in jobs.train(TrainRequest(replace(rank, steps=1), run="r")) if isinstance(e, Preview)]
    images, captions = previews[-1].images, previews[-1].captions
    model = find_run("r").config().model
    assert model.reader == reader_with_digest()[1]
    assert model.conditions is not None
    assert [scales.name for scales in model.conditions.scales] == ["thickness", "slant", "width", "length"]
    assert len(images) == len(captions) == 10
    assert captions[::5] == SHOWN
    for row in (captions[1:5], captions[6:]):
        assert list(row) == sorted(row, reverse=True), "the best comes first"
    path = find_run("r").samples()[-1][1]
    assert load_strip(path, rank.data) == images
    assert load_captions(path) == captions
    pixels = torch.frombuffer(bytearray(images.data), dtype=torch.uint8).view(10, 28, 28)
    assert not pixels[::5].any()
    assert all((first_sixty[0] == picture).all(2).all(1).any() for k, picture in enumerate(pixels) if k % 5)


def test_its_loss_falls(jobs: Jobs, rank: TrainConfig) -> None:
    losses = [e.loss for e in jobs.train(TrainRequest(replace(rank, steps=30, epochs=8, preview_every=0), run="r")) if isinstance(e, TrainStep)]
    assert losses[-1] < 0.7 * losses[0]


def test_true_captions_of_other_images_are_no_mistakes() -> None:
    """With two images of which all captions are true but the changed ones, the least loss is that of saying so."""
    truths = torch.tensor([[True, True, False, False], [True, True, False, False]])
    right, own_alone = torch.where(truths, 8.0, -8.0), torch.full((2, 4), -8.0)
    own_alone[0, 0] = own_alone[1, 1] = 8.0
    assert float(ranking_loss(right, truths)) < 0.01
    assert float(ranking_loss(own_alone, truths)) > 1.9
    for column in (0, 2):  # an image beside its own caption, and beside that with one fact changed, weighs CHANGED times as much as beside others
        wrong = right.clone()
        wrong[0, column] *= -1
        beside = right.clone()
        beside[0, column + 1] *= -1
        assert float(ranking_loss(wrong, truths)) == pytest.approx(5 * float(ranking_loss(beside, truths)), rel=0.01)


def test_it_draws_nothing_and_is_taken_for_no_other(jobs: Jobs, rank: TrainConfig, tiny: TrainConfig, tmp_path: Path, command: Invoke) -> None:
    list(jobs.train(TrainRequest(replace(rank, steps=1), run="r")))
    with pytest.raises(SettingError, match="r is an image tower, which draws nothing"):
        list(jobs.draw(DrawRequest((3,), weights="r")))
    with pytest.raises(SettingError, match="r is an image tower, and this run trains a network that draws"):
        list(jobs.train(TrainRequest(replace(tiny, start_from="r"))))
    with pytest.raises(CheckpointError, match="shipped is a network that draws, and not an image tower; train one with: digitty train --preset rank"):
        load_tower("shipped")
    list(jobs.train(TrainRequest(replace(rank, start_from="r", steps=1), run="more")))
    assert command("export", "r", str(tmp_path / "rank.safetensors"))[0] == 0
    assert load_tower(str(tmp_path / "rank.safetensors")).config == find_run("r").config().model


def test_files_of_other_networks_say_nothing_of_it() -> None:
    assert not {"reader", "text"} & {*to_dict(PRESETS["best"].model)}
    assert from_dict(TrainConfig, to_dict(PRESETS["rank"])) == PRESETS["rank"]


def test_other_images_than_digits_have_no_captions(rank: TrainConfig) -> None:
    shirts = replace(MNIST, name="shirts", class_names=tuple("abcdefghij"))
    with pytest.raises(SettingError, match="which shirts is not; the preset rank needs such images"):
        check_ranked(replace(rank, model=replace(rank.model, data=shirts)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--timesteps", "lognormal"], "adds no noise"),
        (["--flip"], "whose captions say what images show"),
        (["--attributes"], "whose captions say what images show"),
        (["--start-from", "shipped"], "shipped is a network that draws, and this run trains an image tower"),
    ],
)
def test_what_is_wrong_is_said(command: Invoke, at_hand: None, unmeasured: None, arguments: list[str], says: str) -> None:
    code, out, err = command("train", "--preset", "rank", *arguments)
    assert (code, out) == (2, "")
    assert says in err


def test_a_group_trains_none(rank: TrainConfig) -> None:
    with pytest.raises(SettingError, match="one process"):
        next(Jobs("cpu", "fp32", group=ProcessGroup(0, 2)).train(TrainRequest(rank)))
