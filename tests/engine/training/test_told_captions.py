"""Captions beside attributes: what is said of an image is true, and runs go on exactly, from weights with and without words."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import torch

from engine.captions.captions import plan_caption
from engine.checkpoints.lookup import find_weights
from engine.checkpoints.reader import shipped_reader
from engine.checkpoints.training_state import load_state
from engine.config.condition import ATTRIBUTES, SCORES, VARIANTS, AttributeScales, Condition, ConditionConfig, Scale
from engine.config.data import MNIST
from engine.config.training import TrainConfig
from engine.data.measured import Measured
from engine.errors import SettingError
from engine.jobs.jobs import Jobs
from engine.models.conditioner import Told
from engine.models.tokenizer import UNKNOWN
from engine.protocol.events import DrawDone, Saved
from engine.protocol.requests import DrawRequest, TrainRequest
from engine.runs.run import find_run, latest_state
from engine.sampling.understand import read_texts
from engine.training.conditions import NO_PART, WORDS, WORDS_ALONE, WORDS_WITHOUT_LABEL, TrainingConditions
from engine.training.first_weights import load_first_weights
from engine.training.told_captions import MeasuredCaptions, check_captions, encoder_of_captions

N = 400
UNIT, DEGREES = Scale(tuple(SCORES)), Scale(tuple(5 + 14 * z for z in SCORES))
NARROW = Scale(tuple(z / 10 for z in SCORES))
SCALES = tuple(
    AttributeScales(name, DEGREES if name == "slant" else UNIT, (None, NARROW) if name == "width" else ()) for name in ATTRIBUTES
)  # of which ones have narrow widths
CONDITIONS = ConditionConfig(SCALES, tuple(VARIANTS), text=True)


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Every other digit that can have a variant has it; the last image is flat."""
    rng = torch.Generator().manual_seed(3)
    labels = torch.arange(N) % 10
    attributes = torch.randn(N, len(ATTRIBUTES), generator=rng, dtype=torch.float64)
    attributes[:, 1] = 5 + 14 * attributes[:, 1]
    attributes[labels == 1, 2] /= 10
    attributes[-1] = torch.nan
    variants = torch.zeros(N, len(VARIANTS), dtype=torch.long)
    for k, digit in enumerate(VARIANTS.values()):
        variants[labels == digit, k] = 2 * (torch.arange(N)[labels == digit] // 10 % 2) - 1
    return Measured(attributes, variants, labels)


def test_captions_say_what_was_measured(measured: Measured) -> None:
    captions = MeasuredCaptions(measured, CONDITIONS)
    scores = measured.attributes.clone()
    scores[measured.labels == 1, 2] *= 10  # a one is wide among ones
    stated = 0
    for place in range(N):
        for seed in range(5):
            says = plan_caption(random.Random(seed), captions.shown(place)).says
            assert says.label in (None, place % 10)
            for target in says.targets:
                assert float(scores[place, list(ATTRIBUTES).index(target.attribute)]) in target.interval
            for name, wanted in says.variants:
                assert int(measured.variants[place, list(VARIANTS).index(name)]) == (1 if wanted else -1)
            stated += len(says.targets) + len(says.variants)
    assert stated > 2 * N
    assert not captions.shown(N - 1).values, "nothing is known of the flat image"


def test_the_reader_reads_most_of_them_rightly(measured: Measured, one_thread: None) -> None:
    captions, reader = MeasuredCaptions(measured, CONDITIONS), shipped_reader()
    assert reader is not None
    rng = random.Random(0)
    readings = read_texts(reader, [captions.write(rng, place) for place in range(200)])
    assert sum(reading.phrase is not None and reading.phrase.label in (None, place % 10) for place, reading in enumerate(readings)) >= 190


def draw_many(config: TrainConfig, measured: Measured, *, labelled: bool) -> Told:
    """What is told of all images at eight steps."""
    conditions = TrainingConditions(config, measured, None, MeasuredCaptions(measured, CONDITIONS))
    told = [conditions.draw(step, torch.arange(N), torch.full((N,), -1), labelled) for step in range(8)]
    return Told(*(torch.cat(parts) for parts in zip(*told, strict=True)))


def test_captions_are_told_alone_and_with_parts_and_follow_from_seed_and_step(tiny: TrainConfig, measured: Measured) -> None:
    config = replace(tiny, limit=N, model=replace(tiny.model, conditions=CONDITIONS, text=encoder_of_captions()))
    for labelled, share in ((True, (1 - NO_PART) * WORDS), (False, WORDS_WITHOUT_LABEL)):
        told = draw_many(config, measured, labelled=labelled)
        has_words, has_parts = told.has_words.any(1), told.asked.any(1) | (told.variants != 0).any(1)
        assert float(has_words.float().mean()) == pytest.approx(share, abs=0.03)
        if labelled:
            assert float((has_words & ~has_parts).float().mean()) == pytest.approx(share * WORDS_ALONE, abs=0.05)
        assert (has_words & has_parts).any()
        words = told.words[told.has_words][:, 0]
        assert 0.1 < float((words == UNKNOWN).float().mean()) < 0.4, "of some words only the letters are shown"
        again = draw_many(config, measured, labelled=labelled)
        assert all(one.equal(other) for one, other in zip(told, again, strict=True))
        assert not told.words[:N].equal(told.words[N : 2 * N])
    silent = TrainingConditions(replace(config, model=replace(tiny.model, conditions=replace(CONDITIONS, text=False))), measured)
    without = silent.draw(0, torch.arange(N), torch.full((N,), -1), True)
    assert without.words.shape == (N, 0, 13)
    first = draw_many(config, measured, labelled=True).select(slice(0, N))
    assert without.scores.equal(first.scores), "captions leave what else is drawn at random as it was"


@pytest.mark.slow
@pytest.mark.usefixtures("every_step")
def test_a_run_with_words_resumes_bit_for_bit_and_draws_what_words_ask_for(jobs: Jobs, tiny: TrainConfig) -> None:
    """From weights that are told attributes; the encoder begins with the reader's weights, and without effect."""
    list(jobs.train(TrainRequest(replace(tiny, attributes=True, steps=1), run="told")))
    config = replace(tiny, start_from="told", text=True, optimizer="muon", lr=1e-2)
    list(jobs.train(TrainRequest(config, run="whole", fit_epochs=False)))
    with closing(jobs.train(TrainRequest(config, run="parts", fit_epochs=False))) as events:
        next(event for event in events if isinstance(event, Saved))
    list(jobs.train(TrainRequest(find_run("parts").config(), resume="parts")))
    whole, parts = (load_state(latest_state(find_run(name))) for name in ("whole", "parts"))
    assert all(tensor.equal(parts.ema[name]) for name, tensor in whole.ema.items())
    assert whole.ema["conditioner.text.out.weight"].any()

    first, reader, before = load_first_weights(find_run("whole").config()), shipped_reader(), find_weights("told").tensors
    assert first is not None
    assert reader is not None
    assert not first["conditioner.text.out.weight"].any()
    assert all(first[f"conditioner.text.encoder.{name}"].equal(tensor) for name, tensor in reader.encoder.state_dict().items())
    assert all(first[name].equal(tensor) for name, tensor in before.items())

    list(jobs.train(TrainRequest(replace(tiny, start_from="whole", steps=1, lr=1e-9), run="more")))
    more = find_run("more").config()
    assert more.text
    assert more.model == find_run("whole").config().model
    torch.testing.assert_close(load_state(latest_state(find_run("more"))).model, whole.ema, atol=1e-5, rtol=0)

    drawn = [finished(jobs, Condition(7, text=text)) for text in ("a bold seven", "a bold seven", "a thin seven", None)]
    assert drawn[0].images == drawn[1].images != drawn[2].images != drawn[3].images
    assert drawn[0].recipe.conditions == (Condition(7, text="a bold seven"),)


def finished(jobs: Jobs, condition: Condition) -> DrawDone:
    done = [event for event in jobs.draw(DrawRequest((7,), weights="whole", conditions=(condition,))) if isinstance(event, DrawDone)]
    return done[0]


@pytest.mark.usefixtures("every_step")
def test_a_new_network_begins_with_the_readers_encoder(jobs: Jobs, tiny: TrainConfig) -> None:
    list(jobs.train(TrainRequest(replace(tiny, attributes=True, text=True, steps=1, lr=1e-9), run="new")))
    reader, state = shipped_reader(), load_state(latest_state(find_run("new"))).model
    assert reader is not None
    for name, tensor in reader.encoder.state_dict().items():
        torch.testing.assert_close(state[f"conditioner.text.encoder.{name}"], tensor, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("changes", "attributes", "complaint"),
    [
        ({"height": 32}, ["slant"], "which others is not; leave out --text"),
        ({"class_names": tuple("abcdefghij")}, ["slant"], "which others is not; leave out --text"),
        ({}, [], "--text with --preset attributes"),
    ],
)
def test_captions_are_refused_where_they_would_say_nothing(changes: dict[str, Any], attributes: list[str], complaint: str) -> None:
    data = replace(MNIST, name="others", digest="sha256:0", **changes)
    with pytest.raises(SettingError, match=complaint):
        check_captions(data, attributes)
