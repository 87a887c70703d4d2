"""Training with conditions: what is told of each image, which images are drawn more often, and runs from start to resumption."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from finish import finish_with_events
from torch import Tensor

from engine.checkpoints.training_state import load_state
from engine.checkpoints.weights import load_weights
from engine.compute.precision import Numerics
from engine.config.condition import ATTRIBUTES, SCORES, VARIANTS, AttributeScales, ConditionConfig, Scale
from engine.config.data import MNIST
from engine.config.training import PRESETS, TrainConfig
from engine.data.measured import Measured
from engine.errors import SettingError
from engine.jobs.jobs import Jobs
from engine.models.conditioner import MOST, Told
from engine.process.distributed import ProcessGroup
from engine.protocol.events import Notice, Saved
from engine.protocol.requests import TrainRequest
from engine.runs.run import find_run, latest_state
from engine.training import hand_references
from engine.training.batches import EpochBatches
from engine.training.conditions import EXACT, HAND, HAND_ALONE, KEPT, LEVELS, NO_LABEL_TOLD, NO_PART, RARE_SHARE, TrainingConditions, draw_intervals
from engine.training.finite import FiniteGuard
from engine.training.first_weights import load_first_weights, take_over_network
from engine.training.hand_references import HandReferences, check_hands, shows_digits
from engine.training.step_loss import DenoisingStepLoss
from engine.training.trainer import Trainer

UNIT = Scale(tuple(float(z) for z in SCORES))
CONDITIONS = ConditionConfig(tuple(AttributeScales(name, UNIT) for name in ATTRIBUTES), tuple(VARIANTS))
N = 4000


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Images of which one in 200 is a one with a base, one in 10 a crossed seven, and the last is flat."""
    rng = torch.Generator().manual_seed(3)
    labels = torch.arange(N) % 10
    variants = torch.zeros(N, len(VARIANTS), dtype=torch.long)
    for k, digit in enumerate(VARIANTS.values()):
        variants[labels == digit, k] = -1
    variants[labels == 7, 2] = 1
    variants[1 :: N // 20, 3] = 1
    attributes = torch.randn(N, len(ATTRIBUTES), generator=rng, dtype=torch.float64)
    attributes[-1] = torch.nan
    return Measured(attributes, variants, labels)


@pytest.fixture
def conditions(tiny: TrainConfig, measured: Measured) -> TrainingConditions:
    return TrainingConditions(replace(tiny, limit=N, model=replace(tiny.model, conditions=CONDITIONS)), measured)


def draw_many(conditions: TrainingConditions, labelled: bool = True) -> Told:
    """What is told of every image at five steps."""
    everything = torch.arange(N)
    told = [conditions.draw(step, everything, torch.full((N,), -1), labelled) for step in range(5)]
    return Told(*(torch.cat(parts) for parts in zip(*told, strict=True)))


def test_what_is_told_holds_the_truth(conditions: TrainingConditions, measured: Measured) -> None:
    told = draw_many(conditions)
    truth = measured.attributes.float().clamp(-MOST, MOST).repeat(5, 1)
    assert ((told.scores[..., 0] <= truth) & (truth <= told.scores[..., 1]))[told.asked].all()
    assert told.scores.abs().max() <= MOST
    assert not told.asked.view(5, N, -1)[:, -1].any()  # nothing is known of the flat image
    known = told.variants != 0
    assert told.variants[known].equal(measured.variants.repeat(5, 1)[known])


def test_parts_are_told_as_often_as_they_should(conditions: TrainingConditions) -> None:
    with_label, without = draw_many(conditions), draw_many(conditions, labelled=False)
    share = with_label.asked.float().mean(0)
    assert share.tolist() == pytest.approx([(1 - NO_PART) * KEPT] * 4, abs=0.02)
    alone = (~with_label.asked.any(1)).float().mean()
    assert float(alone) == pytest.approx(NO_PART + (1 - NO_PART) * (1 - KEPT) ** 4, abs=0.02)
    assert float((~without.asked.any(1)).float().mean()) == pytest.approx(1 - NO_LABEL_TOLD * (1 - (1 - KEPT) ** 4), abs=0.02)
    sevens = with_label.variants[:, 2][(torch.arange(N) % 10 == 7).repeat(5)]
    assert float((sevens == 1).float().mean()) == pytest.approx((1 - NO_PART) * KEPT, abs=0.04)


def test_hands_are_told_alone_with_a_class_and_beside_attributes(tiny: TrainConfig, measured: Measured) -> None:
    """Codes are axes, one for each writer, and each image's own code another: a hand shows whose digits it is made of."""
    writers = torch.arange(N) // 8 % 40
    codes = torch.nn.functional.one_hot(writers, 40).float()
    config = replace(tiny, limit=N, model=replace(tiny.model, conditions=replace(CONDITIONS, hand=40)))
    hands = TrainingConditions(config, measured, HandReferences(codes, writers))
    with_label, without = draw_many(hands), draw_many(hands, labelled=False)
    for told, some in ((with_label, 1 - NO_PART), (without, NO_LABEL_TOLD)):
        beside = told.asked.any(1)
        assert float(told.has_hand.float().mean()) == pytest.approx(some * HAND, abs=0.02)
        assert float((told.has_hand & beside).float().mean()) == pytest.approx(some * HAND * (1 - HAND_ALONE), abs=0.02)
        assert float((beside & ~told.has_hand).float().mean()) > some * (1 - HAND) * 0.9
        assert told.hand[told.has_hand].argmax(1).equal(writers.repeat(5)[told.has_hand])
        assert not told.hand[~told.has_hand].any()
    plain = TrainingConditions(replace(config, model=replace(tiny.model, conditions=CONDITIONS)), measured)
    assert draw_many(plain).scores.equal(with_label.scores), "hands leave what else is drawn at random as it was"


def test_intervals_are_values_thresholds_and_margins() -> None:
    rng = torch.Generator().manual_seed(0)
    scores = torch.randn(400_000, 1, generator=rng)
    low, high = draw_intervals(scores, rng).unbind(-1)
    assert float((low == high).float().mean()) == pytest.approx(EXACT, abs=0.02)
    at_level = torch.isin(low, torch.tensor(LEVELS)) | torch.isin(high, torch.tensor(LEVELS))
    assert float(at_level.float().mean()) == pytest.approx(0.125, abs=0.01)
    # a threshold says no more of the score than its side: those above 1.28 are a normal distribution cut off there, whose mean is φ(z) / (1 - Φ(z))
    assert float(scores[low == LEVELS[-1]].mean()) == pytest.approx(1.755, abs=0.05)
    narrow = (high - low > 0) & (low > -MOST) & (high < MOST)
    assert float((high - low)[narrow].min()) < 0.3


def test_rare_variants_are_drawn_more_often_and_always_told(conditions: TrainingConditions, measured: Measured) -> None:
    ones = measured.variants[:, 3] == 1
    shown = replaced = 0
    for step in range(200):
        batch = torch.arange(step * 16, step * 16 + 16) % N
        chosen, reason = conditions.add_rare(step, batch)
        assert chosen[reason < 0].equal(batch[reason < 0])
        assert ones[chosen[reason == 3]].all()
        assert set(reason.tolist()) <= {-1, 3}  # crossed sevens are not rare here
        told = conditions.draw(step, chosen, reason, True)
        assert (told.variants[reason == 3, 3] == 1).all()
        shown, replaced = shown + int(ones[chosen].sum()), replaced + int((reason == 3).sum())
    assert replaced == pytest.approx(200 * 16 * RARE_SHARE, rel=0.4)
    assert shown > replaced


def listen(heard: list[tuple[Tensor, Told]], x_t: Tensor, t: Tensor, label: Tensor, told: Told) -> Tensor:
    """A network that notes what it is told."""
    heard.append((label, told))
    return torch.zeros_like(x_t)


def test_a_step_tells_the_same_whichever_rank_takes_which_part(tiny: TrainConfig, measured: Measured) -> None:
    config = replace(tiny, limit=N, label_dropout=0.5, model=replace(tiny.model, conditions=CONDITIONS))
    images, cpu = torch.zeros(N, 28, 28, dtype=torch.uint8), torch.device("cpu")
    batches = EpochBatches(config, images, measured.labels, cpu)
    seen: list[list[tuple[Tensor, Told]]] = []
    for size in (1, 2):
        parts: list[tuple[Tensor, Told]] = []
        for rank in range(size):
            loss = DenoisingStepLoss(config, Numerics("fp32", False), cpu, ProcessGroup(rank, size), TrainingConditions(config, measured))
            loss(partial(listen, parts), 3, batches, FiniteGuard(cpu))
        seen.append(parts)
    (whole_label, whole), ((first_label, first), (second_label, second)) = seen[0][0], seen[1]
    assert whole_label.equal(torch.cat([first_label, second_label]))
    assert all(a.equal(b) for a, b in zip(whole, first.join(second), strict=True))
    assert (whole_label < 0).any()
    assert whole.asked[whole_label >= 0].any()


@pytest.mark.slow
@pytest.mark.usefixtures("every_step")
def test_a_run_that_is_told_attributes_resumes_bit_for_bit_and_its_weights_go_on(jobs: Jobs, tiny: TrainConfig) -> None:
    config = replace(tiny, attributes=True, optimizer="muon")
    list(jobs.train(TrainRequest(config, run="whole")))
    with closing(jobs.train(TrainRequest(config, run="parts"))) as events:
        next(event for event in events if isinstance(event, Saved))
    list(jobs.train(TrainRequest(find_run("parts").config(), resume="parts")))
    whole, parts = (load_state(latest_state(find_run(name))) for name in ("whole", "parts"))
    assert all(tensor.equal(parts.ema[name]) for name, tensor in whole.ema.items())
    conditions = find_run("whole").config().model.conditions
    assert conditions is not None
    assert [scales.name for scales in conditions.scales] == list(ATTRIBUTES)
    assert conditions.variants == tuple(VARIANTS)
    assert whole.ema["cross.1.out.weight"].any()
    assert whole.ema["conditioner.pooled.weight"].any()

    list(jobs.train(TrainRequest(replace(tiny, start_from="whole", steps=1, lr=1e-9), run="more")))
    more = find_run("more").config()
    assert more.model.conditions == conditions
    torch.testing.assert_close(load_state(latest_state(find_run("more"))).model, whole.ema, atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.usefixtures("every_step")
def test_attributes_are_added_to_weights_without_changing_what_they_draw(jobs: Jobs, tiny: TrainConfig) -> None:
    list(jobs.train(TrainRequest(replace(tiny, steps=2), run="plain")))
    config = replace(tiny, start_from="plain", attributes=True, steps=1)
    list(jobs.train(TrainRequest(config, run="told")))
    told = find_run("told").config()
    plain = load_weights(find_run("plain").best_path) if find_run("plain").best_path.exists() else None
    first = load_first_weights(told)
    assert first is not None
    assert not any(name.startswith(("conditioner", "cross")) for name in first)
    assert plain is None or set(plain.tensors) == set(first)
    images, labels = torch.zeros(60, 28, 28, dtype=torch.uint8), torch.zeros(60, dtype=torch.long)
    trainer = Trainer(told, images, labels, Numerics("fp32", False), torch.device("cpu"))
    trainer.begin_from(first)
    assert not any(trainer.model.state_dict()[f"cross.{k}.out.weight"].any() for k in (0, 1))


@pytest.mark.usefixtures("every_step")
def test_a_part_that_is_new_beside_others_begins_silent(jobs: Jobs, tiny: TrainConfig) -> None:
    list(jobs.train(TrainRequest(replace(tiny, attributes=True, steps=1), run="told")))
    told = find_run("told").config()
    assert told.model.conditions is not None
    with_hand = replace(told, start_from="told", model=replace(told.model, conditions=replace(told.model.conditions, hand=5)))
    first = load_first_weights(with_hand)
    assert first is not None
    assert first["conditioner.hand.out.weight"].shape == (256, 256)
    assert not first["conditioner.hand.out.weight"].any()
    assert "conditioner.hand.code.weight" not in first
    assert first["conditioner.attributes.out.weight"].any()


@pytest.mark.usefixtures("every_step")
def test_a_run_that_is_told_hands_resumes_bit_for_bit_and_its_weights_go_on(
    jobs: Jobs, tiny: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(jobs.train(TrainRequest(replace(tiny, attributes=True, steps=1), run="told")))
    monkeypatch.chdir(tmp_path)
    Path("writers.txt").write_text("".join(f"{place % 6}\n" for place in range(60)))
    config = replace(tiny, start_from="told", attributes=True, hands=True, writers="writers.txt", optimizer="muon", lr=1e-2)
    list(jobs.train(TrainRequest(config, run="whole", fit_epochs=False)))
    with closing(jobs.train(TrainRequest(config, run="parts", fit_epochs=False))) as events:
        next(event for event in events if isinstance(event, Saved))
    assert find_run("parts").config().writers == str(tmp_path / "writers.txt")
    Path("writers.txt").unlink()  # the run has its own copy
    monkeypatch.setattr(hand_references, "encode", None)  # codes are kept
    list(jobs.train(TrainRequest(find_run("parts").config(), resume="parts")))
    whole, parts = (load_state(latest_state(find_run(name))) for name in ("whole", "parts"))
    assert all(tensor.equal(parts.ema[name]) for name, tensor in whole.ema.items())
    assert whole.ema["conditioner.hand.out.weight"].any()

    heard = list(jobs.train(TrainRequest(replace(tiny, start_from="whole", steps=1), run="more")))
    more = find_run("more").config()
    assert more.hands
    assert more.model.conditions == find_run("whole").config().model.conditions
    assert any("own hand" in event.message for event in heard if isinstance(event, Notice)), "whose labels are not here"


@pytest.mark.parametrize("changes", [{"height": 32}, {"channels": 3}, {"class_names": tuple("abcdefghij")}, {"class_names": ()}])
def test_hands_are_refused_for_images_that_show_none(changes: dict[str, Any]) -> None:
    data = replace(MNIST, name="others", digest="sha256:0", **changes)
    assert not shows_digits(data)
    with pytest.raises(SettingError, match="which others is not; leave out --hands"):
        check_hands(data)


def test_the_preset_starts_from_the_weights_that_ship() -> None:
    preset = PRESETS["attributes"]
    assert (preset.start_from, preset.attributes, preset.timesteps) == ("shipped:labels", True, "noisy")
    assert preset.model == PRESETS["best"].model


@pytest.mark.parametrize("changes", [{"flip": True}, {"preset": "one-step", "teacher": "shipped"}])
def test_what_would_make_attributes_wrong_is_refused(tiny: TrainConfig, changes: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="attributes"):
        replace(tiny, attributes=True, **changes)  # type: ignore[arg-type]


COLOUR = replace(MNIST, name="toys", height=32, width=32, channels=3, class_names=("car", "doll"), digest="sha256:0", source="toys")


@pytest.mark.parametrize(("attributes", "kept"), [(False, None), (True, ConditionConfig())])
def test_of_other_images_a_network_is_told_only_what_is_asked_for(attributes: bool, kept: ConditionConfig | None) -> None:
    config = replace(PRESETS["best"], start_from="shipped", attributes=attributes)
    heard, taken = finish_with_events(take_over_network(config, COLOUR))
    assert taken.model.conditions == kept
    assert (taken.attributes, taken.hands, taken.text) == (attributes, False, False)
    assert any("was told more than classes" in event.message for event in heard if isinstance(event, Notice)) != attributes
