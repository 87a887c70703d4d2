"""The images of each step: balanced and mirrored on request, from wherever they lie, and always those of the same step of the same run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.config.data import MNIST
from engine.config.serialize import to_dict
from engine.config.training import TrainConfig
from engine.data.batches import balanced_order, epoch_order, to_x0
from engine.errors import SettingError
from engine.training.batches import EpochBatches

CPU = torch.device("cpu")
COUNTS = (90, 9, 1)
LABELS = torch.repeat_interleave(torch.tensor([0, 3, 7]), torch.tensor(COUNTS))
IMAGES = torch.randint(0, 256, (len(LABELS), 8, 12, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def config(**changes: object) -> TrainConfig:
    data = replace(MNIST, height=8, width=12, channels=3, train_images=len(LABELS))
    return replace(TrainConfig(batch_size=16).with_data(data), **changes)  # type: ignore[arg-type]


def batches(**changes: object) -> EpochBatches:
    return EpochBatches(config(**changes), IMAGES, LABELS, CPU)


@pytest.mark.parametrize("epoch", range(5))
def test_balanced_classes_are_equally_frequent(epoch: int) -> None:
    order = balanced_order(4, epoch, LABELS)
    assert len(order) == len(LABELS)
    drawn = torch.bincount(LABELS[order], minlength=8)
    assert sorted(drawn[drawn > 0].tolist()) == [33, 33, 34]
    times = torch.bincount(order, minlength=len(LABELS))
    for own in (slice(0, 90), slice(90, 99), slice(99, 100)):
        assert int(times[own].max() - times[own].min()) <= 1
    assert torch.equal(order, balanced_order(4, epoch, LABELS))
    assert not torch.equal(order, balanced_order(4, epoch + 1, LABELS))


def test_every_image_of_a_large_class_has_its_turn() -> None:
    seen = torch.cat([balanced_order(0, epoch, LABELS) for epoch in range(20)])
    assert len(seen.unique()) == len(LABELS)


def test_more_classes_than_an_epoch_has_images() -> None:
    order = balanced_order(0, 0, torch.tensor([5, 2, 9_999]))
    assert sorted(order.tolist()) == [0, 1, 2]


def test_without_options_the_order_is_what_it_always_was() -> None:
    order = epoch_order(0, 0, len(LABELS))
    for step in range(7):
        x0, labels = batches().load(step)
        assert torch.equal(x0, to_x0(IMAGES[order[step * 16 : step * 16 + 16]]))
        assert torch.equal(labels, LABELS[order[step * 16 : step * 16 + 16]])
    assert not {"flip", "balance"} & set(to_dict(TrainConfig()))  # older versions read the run


def test_about_half_of_the_images_are_mirrored_and_none_changes_otherwise() -> None:
    plain, flipped = batches(), batches(flip=True)
    mirrored = 0
    for step in range(70):
        (x0, labels), (other, same) = plain.load(step), flipped.load(step)
        assert torch.equal(labels, same)
        for image, maybe in zip(x0, other, strict=True):
            mirrored += not torch.equal(image, maybe)
            assert torch.equal(image, maybe) or torch.equal(image.flip(-1), maybe)
    assert 400 < mirrored < 600  # of 1,000


@pytest.mark.parametrize("changes", [{}, {"flip": True}, {"balance": True}, {"flip": True, "balance": True}], ids=str)
def test_a_step_depends_neither_on_earlier_ones_nor_on_who_takes_which_part(changes: dict[str, object]) -> None:
    whole = [batches(**changes).load(step) for step in range(14)]
    again = batches(**changes)
    for step in (13, 2, 7, 0):
        x0, labels = whole[step]
        parts = [again.load(step, part) for part in (slice(0, 3), slice(3, None))]
        assert torch.equal(torch.cat([part[0] for part in parts]), x0)
        assert torch.equal(torch.cat([part[1] for part in parts]), labels)


def test_a_memory_map_gives_the_same_batches(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.save(path, IMAGES.numpy())
    mapped = torch.from_numpy(np.load(path, mmap_mode="r+"))
    for step in range(14):
        x0, labels = EpochBatches(config(flip=True, balance=True), mapped, LABELS, CPU).load(step)
        again, same = batches(flip=True, balance=True).load(step)
        assert torch.equal(x0, again)
        assert torch.equal(labels, same)


@pytest.mark.gpu
def test_images_in_the_cpus_memory_train_on_the_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    cuda = torch.device("cuda", 0)
    x0, labels = EpochBatches(config(flip=True), IMAGES, LABELS, cuda).load(3)
    again, same = batches(flip=True).load(3)
    assert x0.device == labels.device == cuda
    assert torch.equal(x0.cpu(), again)
    assert torch.equal(labels.cpu(), same)


def test_there_is_nothing_to_balance_without_classes() -> None:
    with pytest.raises(SettingError, match="balance needs classes, and MNIST has none"):
        config(balance=True).with_data(replace(MNIST, class_names=()))
