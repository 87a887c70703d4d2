"""The contrastive loss against its equation, and the batches of writers."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.config.model import ModelConfig
from engine.config.training import TrainConfig
from engine.datasets.writers import UNKNOWN
from engine.training.contrast import EACH, TEMPERATURE, WriterBatches, contrast


@pytest.fixture
def hand(tiny: TrainConfig) -> TrainConfig:
    """`tiny`, as a writer encoder."""
    model = ModelConfig(network="writer", channels=(8, 8, 8), groups=4, emb_dim=16)
    return replace(tiny, preset="hand", writers="qmnist", model=model, optimizer="muon")


def by_the_equation(codes: Tensor, writers: list[int], labels: list[int]) -> float:
    """Khosla et al. 2020, eq. 2, one anchor i, one positive p and one other a after the other, over pairs of different classes."""
    z, losses = codes.double(), []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if labels[a] != labels[i]]
        positives = [p for p in others if writers[p] == writers[i]]
        if positives:
            total = sum(math.exp(float(z[i] @ z[a]) / TEMPERATURE) for a in others)
            losses.append(-sum(math.log(math.exp(float(z[i] @ z[p]) / TEMPERATURE) / total) for p in positives) / len(positives))
    return sum(losses) / len(losses)


def test_the_loss_is_the_papers() -> None:
    codes = F.normalize(torch.randn(7, 5, generator=torch.Generator().manual_seed(0)), dim=1)
    writers, labels = [0, 0, 0, 1, 1, 2, 2], [3, 3, 5, 3, 8, 5, 5]  # writer 2 has no pair of different classes
    loss = contrast(codes, torch.tensor(writers), torch.tensor(labels), torch.arange(7))
    assert float(loss) == pytest.approx(by_the_equation(codes, writers, labels), rel=1e-5)


def test_without_classes_all_but_an_image_and_itself_are_compared() -> None:
    codes = F.normalize(torch.randn(5, 4, generator=torch.Generator().manual_seed(1)), dim=1)
    writers = [0, 0, 0, 1, 1]
    places = torch.tensor([4, 9, 4, 1, 2])  # the first and the third are one image
    loss = contrast(codes, torch.tensor(writers), torch.zeros(5, dtype=torch.long), places)
    assert float(loss) == pytest.approx(by_the_equation(codes, writers, places.tolist()), rel=1e-5)


def test_no_pair_gives_no_loss_and_a_finite_gradient() -> None:
    codes = torch.eye(3, requires_grad=True)
    loss = contrast(codes, torch.arange(3), torch.arange(3), torch.arange(3))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert codes.grad is not None
    assert bool(torch.isfinite(codes.grad).all())


def test_batches_have_as_many_digits_by_each_writer_and_follow_from_seed_and_step(hand: TrainConfig) -> None:
    writers = torch.arange(60) % 12
    writers[writers == 5] = UNKNOWN
    batches = WriterBatches(replace(hand, batch_size=32), writers)
    places, numbers = batches.choose(3)
    assert len(places) == 32
    owners = writers[places].view(-1, EACH)
    assert bool((owners == owners[:, :1]).all())
    assert len(owners[:, 0].unique()) == 4
    assert numbers.tolist() == [k for k in range(4) for _ in range(EACH)]
    assert all(len(row.unique()) == 5 for row in places.view(-1, EACH)), "five digits each, some of them twice"
    assert torch.equal(places, WriterBatches(replace(hand, batch_size=32), writers).choose(3)[0])
    assert not torch.equal(places, batches.choose(4)[0])
    seen = torch.cat([batches.choose(step)[0] for step in range(60)])
    assert set(seen.tolist()) == set(torch.nonzero(writers != UNKNOWN)[:, 0].tolist()), "all but those of no known writer"


def test_fewer_writers_than_a_batch_holds_make_a_smaller_batch(hand: TrainConfig) -> None:
    assert len(WriterBatches(replace(hand, batch_size=256), torch.arange(60) % 3).choose(0)[0]) == 3 * EACH
