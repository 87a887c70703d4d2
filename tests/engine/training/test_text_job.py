"""A reader of captions as a run: it learns, resumes exactly, previews what it reads, and draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.captions.facts import describe
from engine.captions.vocabulary import known_words
from engine.checkpoints.lookup import find_weights
from engine.config.model import ModelConfig
from engine.config.serialize import from_dict, to_dict
from engine.config.text import TextConfig
from engine.config.training import PRESETS, TrainConfig
from engine.errors import OutputError, SettingError
from engine.jobs.jobs import Jobs
from engine.models.text import CaptionReader, read_facts
from engine.models.tokenizer import Tokenizer
from engine.process.distributed import ProcessGroup
from engine.protocol.events import Preview, Saved, TrainDone, TrainStep
from engine.protocol.requests import DrawRequest, TrainRequest
from engine.runs.run import find_run
from engine.storage.images import load_captions
from engine.training.caption_readings import SHOWN

Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def text(tiny: TrainConfig) -> TrainConfig:
    """`tiny`, as a reader of captions."""
    model = ModelConfig(network="text", text=TextConfig(trigrams=64, width=16, layers=1))
    return replace(tiny, preset="text", model=model, preview_every=4, lr=1e-2)


@pytest.mark.usefixtures("every_step")
def test_it_is_trained_interrupted_and_resumed_bit_for_bit(jobs: Jobs, text: TrainConfig) -> None:
    whole = list(jobs.train(TrainRequest(text, run="whole")))
    assert isinstance(whole[-1], TrainDone)
    assert [e for e in whole if isinstance(e, Saved)]
    with closing(jobs.train(TrainRequest(text, run="parts"))) as job:
        for event in job:
            if isinstance(event, TrainStep) and event.step == 3:
                break
    config = find_run("parts").config()
    assert config.model.text == replace(text.model.text or TextConfig(), words=known_words()), "the run records its words"
    list(jobs.train(TrainRequest(config, resume="parts")))
    one, other = find_weights("whole").tensors, find_weights("parts").tensors
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_previews_are_captions_and_what_is_read_in_them(jobs: Jobs, text: TrainConfig) -> None:
    previews = [e for e in jobs.train(TrainRequest(replace(text, steps=1), run="r")) if isinstance(e, Preview)]
    captions = previews[-1].captions
    assert captions[::2] == SHOWN
    assert load_captions(find_run("r").samples()[-1][1]) == captions
    weights = find_weights("r")
    assert weights.model.text is not None
    reader = CaptionReader(weights.model.text)
    reader.load_state_dict(weights.tensors)
    assert captions[1::2] == tuple(map(describe, read_facts(reader(Tokenizer(reader.config)(SHOWN)))))


def test_its_loss_falls(jobs: Jobs, text: TrainConfig) -> None:
    losses = [e.loss for e in jobs.train(TrainRequest(replace(text, steps=40, epochs=10), run="r")) if isinstance(e, TrainStep)]
    assert losses[-1] < 0.8 * losses[0]


def test_it_draws_nothing_and_starts_no_other_run(jobs: Jobs, text: TrainConfig, tiny: TrainConfig, tmp_path: Path, command: Invoke) -> None:
    list(jobs.train(TrainRequest(replace(text, steps=1), run="r")))
    with pytest.raises(SettingError, match="r is a reader of captions, which draws nothing"):
        list(jobs.draw(DrawRequest((3,), weights="r")))
    with pytest.raises(SettingError, match="r is a reader of captions, and this run trains a network that draws"):
        list(jobs.train(TrainRequest(replace(tiny, start_from="r"))))
    list(jobs.train(TrainRequest(replace(text, start_from="r", steps=1), run="more")))
    assert command("export", "r", str(tmp_path / "text.safetensors"))[0] == 0
    assert find_weights(str(tmp_path / "text.safetensors")).model == find_run("r").config().model
    code, _, err = command("export", "r", str(tmp_path / "text.pth"))
    assert (code, "draw" in err) == (OutputError.exit_code, True)


def test_files_of_other_networks_say_nothing_of_it() -> None:
    assert "text" not in to_dict(PRESETS["best"].model)
    assert from_dict(TrainConfig, to_dict(PRESETS["text"])) == PRESETS["text"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--data", "mnist"], "leave out --data"),
        (["--timesteps", "lognormal"], "adds no noise"),
        (["--flip"], "reads captions"),
        (["--attributes"], "reads captions"),
        (["--start-from", "shipped"], "shipped is a network that draws, and this run trains a reader of captions"),
    ],
)
def test_what_is_wrong_is_said(command: Invoke, at_hand: None, unmeasured: None, arguments: list[str], says: str) -> None:
    code, out, err = command("train", "--preset", "text", *arguments)
    assert (code, out) == (2, "")
    assert says in err


def test_a_group_trains_none(text: TrainConfig) -> None:
    with pytest.raises(SettingError, match="one process"):
        next(Jobs("cpu", "fp32", group=ProcessGroup(0, 2)).train(TrainRequest(text)))
