"""Hands as codes: from numbers, from digits; what a network in training is told of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.checkpoints.encoder import HAND, shipped_encoder
from engine.config.condition import Condition
from engine.errors import SettingError
from engine.sampling.hands import draw_hand, encode, hand_of_images, hand_of_seed, mean_hand
from engine.training.hand_references import MOST, HandReferences


def test_a_number_always_means_the_same_hand_and_another_number_another() -> None:
    one = hand_of_seed(12)
    assert one == hand_of_seed(12)
    assert one != hand_of_seed(13)
    assert len(one) == 64
    assert sum(number**2 for number in one) == pytest.approx(1, abs=1e-2)
    assert Condition(7, hand=one).hand == one
    for wrong in (-1, 2**63, True):
        with pytest.raises(SettingError):
            hand_of_seed(wrong)


def test_hands_of_numbers_lie_as_near_to_real_ones_as_those_to_each_other() -> None:
    hands = shipped_encoder().hands
    drawn = torch.stack([draw_hand(hands, seed) for seed in range(200)])
    among = (hands @ hands.T).fill_diagonal_(-1).max(1).values
    assert float((drawn @ hands.T).max(1).values.median()) == pytest.approx(float(among.median()), abs=0.01)
    assert len((drawn @ hands.T).argmax(1).unique()) > 100, "they start from many writers"  # type: ignore[no-untyped-call]


def test_the_hand_of_digits_is_the_mean_of_their_codes(first_sixty: tuple[Tensor, Tensor]) -> None:
    images, labels = (part[:4] for part in first_sixty)
    codes = encode(shipped_encoder(), images, labels)
    assert torch.allclose(codes.norm(dim=1), torch.ones(4), atol=1e-5)
    assert hand_of_images(images[:1], [int(labels[0])]) == pytest.approx(codes[0].tolist(), abs=1e-3)
    expected = codes.sum(0) / codes.sum(0).norm()
    assert hand_of_images(images, labels.tolist()) == pytest.approx(expected.tolist(), abs=1e-3)
    assert torch.allclose(mean_hand(codes[:, None]), codes, atol=1e-6)


def test_digits_that_make_no_hand_are_refused(first_sixty: tuple[Tensor, Tensor]) -> None:
    images = first_sixty[0]
    wrong = [(images[:0], []), (images[:2], [3]), (images[:1], [10]), (images[:1, :20], [3]), (images[:1].float(), [3])]
    for given, labels in wrong:
        with pytest.raises(SettingError):
            hand_of_images(given, labels)


def test_the_encoder_that_ships_is_small() -> None:
    assert HAND.stat().st_size < 1_000_000


def test_a_reference_is_other_digits_by_the_writer() -> None:
    """Codes are axes, so that a reference shows which images it is made of."""
    writers = torch.tensor([4, 4, 4, 9, 9, -1, 7])
    references = HandReferences(torch.eye(7), writers)
    rng = torch.Generator().manual_seed(0)
    for place, others in ((0, {1, 2}), (2, {0, 1}), (3, {4})):
        told = references.choose(torch.full((200,), place), rng)
        assert torch.allclose(told.norm(dim=1), torch.ones(200), atol=1e-5)
        assert {k for k in range(7) if bool((told[:, k] > 0).any())} == others
    alone = references.choose(torch.tensor([5, 6] * 100), rng)
    assert references.has_others.tolist() == [True] * 5 + [False] * 2
    assert bool((alone[::2, 5] > 0.3).all()), "its own code"
    assert not bool((alone[::2, 5] > 0.999).any()), "with noise"
    assert not HandReferences(torch.eye(7)).has_others.any()


def test_a_reference_has_one_to_ten_digits_and_follows_from_the_generator_alone() -> None:
    references = HandReferences(torch.eye(400), torch.zeros(400, dtype=torch.long))
    places = torch.arange(200)
    told = references.choose(places, torch.Generator().manual_seed(1))
    counts = (told > 0).sum(1)
    assert 1 <= int(counts.min()) <= 2
    assert MOST - 1 <= int(counts.max()) <= MOST
    assert torch.equal(told, references.choose(places, torch.Generator().manual_seed(1)))
