"""A writer encoder as a run: it learns who wrote what, resumes exactly, previews, exports its hands, and draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.checkpoints.encoder import load_encoder
from engine.checkpoints.lookup import find_weights
from engine.config.model import ModelConfig
from engine.config.serialize import from_dict, to_dict
from engine.config.training import PRESETS, TrainConfig
from engine.errors import CheckpointError, RunError, SettingError
from engine.evaluation.hands import compare_codes, draw_trials, measure_auc
from engine.jobs.jobs import Jobs
from engine.models.writer import KNOWN_HANDS
from engine.process.distributed import ProcessGroup
from engine.protocol.events import Event, Notice, Preview, Saved, TrainDone, TrainStep
from engine.protocol.requests import DrawRequest, EvaluateRequest, TrainRequest
from engine.runs.run import find_run
from engine.sampling.hands import draw_hand, encode
from engine.storage.images import load_captions, load_strip

Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hand(tiny: TrainConfig, tmp_path: Path) -> TrainConfig:
    """`tiny`, as an encoder of six writers of ten digits each."""
    (tmp_path / "writers.txt").write_text("".join(f"{place % 6}\n" for place in range(60)))
    model = ModelConfig(network="writer", channels=(8, 8, 8), groups=4, emb_dim=16)
    return replace(tiny, preset="hand", writers=str(tmp_path / "writers.txt"), model=model, optimizer="muon", preview_every=4)


def until(step: int, events: Any) -> list[Event]:
    seen = []
    with closing(events) as job:
        for event in job:
            seen.append(event)
            if isinstance(event, TrainStep) and event.step == step:
                break
    return seen


@pytest.mark.usefixtures("every_step")
def test_it_is_trained_interrupted_and_resumed_bit_for_bit(jobs: Jobs, hand: TrainConfig, tmp_path: Path) -> None:
    whole = list(jobs.train(TrainRequest(hand, run="whole")))
    assert isinstance(whole[-1], TrainDone)
    assert [e for e in whole if isinstance(e, Saved)]
    until(3, jobs.train(TrainRequest(hand, run="parts")))
    Path(str(hand.writers)).unlink()  # the run has its own copy
    list(jobs.train(TrainRequest(find_run("parts").config(), resume="parts")))
    one, other = find_weights("whole").tensors, find_weights("parts").tensors
    assert all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(RunError, match="writers"):
        list(jobs.train(TrainRequest(replace(find_run("parts").config(), writers="qmnist", epochs=9), resume="parts")))


@pytest.mark.usefixtures("every_step")
def test_its_copy_of_the_writers_is_read_again_where_it_is_damaged(jobs: Jobs, hand: TrainConfig) -> None:
    until(3, jobs.train(TrainRequest(hand, run="r")))
    path = find_run("r").path / "writer-numbers.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    events = list(jobs.train(TrainRequest(find_run("r").config(), resume="r")))
    assert any("read again" in e.message for e in events if isinstance(e, Notice))
    assert isinstance(events[-1], TrainDone)


def test_its_previews_are_digits_and_the_hands_most_alike(jobs: Jobs, hand: TrainConfig, first_sixty: tuple[torch.Tensor, torch.Tensor]) -> None:
    previews = [e for e in jobs.train(TrainRequest(replace(hand, steps=1), run="r")) if isinstance(e, Preview)]
    images, captions = previews[-1].images, previews[-1].captions
    assert len(images) == len(captions) == 10
    assert captions[:5] == ("",) * 5
    assert all(0 <= float(caption.removesuffix(" apart")) <= 2 for caption in captions[5:])
    path = find_run("r").samples()[-1][1]
    assert load_strip(path, hand.data) == images
    assert load_captions(path) == captions
    pixels = torch.frombuffer(bytearray(images.data), dtype=torch.uint8).view(10, 28, 28)
    label = [int(first_sixty[1][(first_sixty[0] == picture).all(2).all(1)][0]) for picture in pixels]
    assert len(set(label[:5])) == 5
    assert all(above != below for above, below in zip(label[:5], label[5:], strict=True))


@pytest.mark.slow
def test_it_learns_who_wrote_what(jobs: Jobs, hand: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six writers whose digits differ in slant alone; it sees those by every other one, and is asked about the rest."""
    from engine.data import mnist

    images, labels = mnist.load(True, limit=120)
    writers = torch.arange(120) % 6
    slope = 0.36 * (writers - 2.5)
    shifts = (slope[:, None] * (13.5 - torch.arange(28))).round().long()  # (120, 28): how far each row goes to the right
    columns = (torch.arange(28) - shifts[:, :, None]).clamp(0, 27)
    images = images.gather(2, columns)
    monkeypatch.setattr(mnist, "load", lambda *_: (images, labels))
    seen = torch.where(writers % 2 == 0, writers, -1)
    Path(str(hand.writers)).write_text("".join(f"{writer}\n" for writer in seen.tolist()))
    list(jobs.train(TrainRequest(replace(hand, limit=120, batch_size=24, epochs=8, lr=1e-2, ema=0.98, preview_every=0), run="r")))
    encoder = load_encoder(find_run("r").best_path)
    trials = draw_trials(labels.numpy(), torch.where(writers % 2 == 0, -1, writers).numpy(), 1, 300)
    assert measure_auc(compare_codes(encode(encoder, images, labels), trials), trials).value > 0.75


def test_its_export_keeps_the_hands_of_its_writers(jobs: Jobs, at_hand: None, hand: TrainConfig, command: Invoke, tmp_path: Path) -> None:
    list(jobs.train(TrainRequest(replace(hand, steps=2), run="r")))
    with pytest.raises(CheckpointError, match="digitty export"):
        draw_hand(find_weights("r").tensors["hands"], 3)
    code, _, err = command("export", "r", str(tmp_path / "hand.safetensors"))
    assert code == 0, err
    encoder = load_encoder(tmp_path / "hand.safetensors")
    hands = encoder.hands
    assert hands.shape == (KNOWN_HANDS, 16)
    assert torch.allclose(hands.norm(dim=1), torch.ones(KNOWN_HANDS), atol=2e-3)
    assert len(hands.unique(dim=0)) == 6, "one for each writer"
    assert command("export", str(tmp_path / "hand.safetensors"), str(tmp_path / "again.safetensors"))[0] == 0
    assert torch.equal(load_encoder(tmp_path / "again.safetensors").hands, hands)


def test_it_draws_nothing_and_starts_no_run_that_does(jobs: Jobs, at_hand: None, hand: TrainConfig, tiny: TrainConfig) -> None:
    list(jobs.train(TrainRequest(replace(hand, steps=1), run="r")))
    for job in (jobs.draw(DrawRequest((3,), weights="r")), jobs.evaluate(EvaluateRequest(10, weights="r"))):
        with pytest.raises(SettingError, match="r is an encoder of handwriting, which draws nothing"):
            list(job)
    with pytest.raises(SettingError, match="trains a network that draws"):
        list(jobs.train(TrainRequest(replace(tiny, start_from="r"))))
    with pytest.raises(SettingError, match="trains an encoder"):
        list(jobs.train(TrainRequest(replace(hand, start_from="shipped"))))
    list(jobs.train(TrainRequest(replace(hand, start_from="r", steps=1), run="more")))
    with pytest.raises(CheckpointError, match="a network that draws"):
        load_encoder(Path("engine/assets/weights/digitty.safetensors"))


def test_a_group_trains_none(hand: TrainConfig) -> None:
    with pytest.raises(SettingError, match="one process"):
        next(Jobs("cpu", "fp32", group=ProcessGroup(0, 2)).train(TrainRequest(hand)))


def test_older_versions_read_what_has_no_encoder() -> None:
    assert not {"writers", "network"} & {*to_dict(PRESETS["best"]), *to_dict(PRESETS["best"].model)}
    assert from_dict(TrainConfig, to_dict(PRESETS["hand"])) == PRESETS["hand"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--preset", "hand"], "put qmnist-train-labels-idx2-int.gz into"),
        (["--preset", "hand", "--writers", "none.txt"], "none.txt; it must hold one writer number for each image"),
        (["--preset", "best", "--writers", "qmnist"], "--preset hand"),
        (["--preset", "best", "--pairs", "100"], "which has no teacher; use --preset one-step"),
        (["--preset", "best", "--hands"], "beside attributes"),
        (["--preset", "attributes", "--hands"], "put qmnist-train-labels-idx2-int.gz into"),
        (["--preset", "hand", "--timesteps", "lognormal"], "adds no noise"),
        (["--preset", "hand", "--schedule", "linear"], "adds no noise"),
        (["--preset", "hand", "--flip"], "as they were written"),
        (["--data-root", ".", "--preset", "quick"], "name them with --data"),
    ],
)
def test_what_is_wrong_is_said(command: Invoke, at_hand: None, unmeasured: None, arguments: list[str], says: str) -> None:
    code, out, err = command("train", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err
