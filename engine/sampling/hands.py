"""Hands: codes of handwriting, from a number, from digits or from image files. A code has the length 1, and says nothing of the digit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.checkpoints.encoder import shipped_encoder
from engine.compute.seeds import derive_seed
from engine.config.fields import MAX_SEED, check_within
from engine.data.batches import to_x0
from engine.errors import CheckpointError, SettingError
from engine.models.writer import WriterEncoder

BATCH = 250
"""Images through the encoder at once."""
SPREAD = 0.35
"""How far a hand of a number lies from the real hand that it starts from: the length of the noise that is added, of a code of length 1."""


def encode(encoder: WriterEncoder, images: Tensor, labels: Tensor) -> Tensor:
    """Codes (N, d), float32 on the encoder's device, of images (N, H, W) or (N, H, W, 3) uint8 with labels (N,)."""
    device = encoder.out.weight.device
    with torch.no_grad():
        parts = [
            encoder(to_x0(some.to(device)), of.to(device)) for some, of in zip(torch.split(images, BATCH), torch.split(labels, BATCH), strict=True)
        ]
    return torch.cat(parts)


def mean_hand(codes: Tensor) -> Tensor:
    """The hand that several digits have in common: the mean of codes (..., n, d), brought to length 1, (..., d)."""
    return F.normalize(codes.mean(-2), dim=-1)


def hand_of_images(images: Tensor, labels: Sequence[int]) -> tuple[float, ...]:
    """The hand of some digits, as a Condition holds it: images (N, 28, 28) uint8, strokes bright on dark as in MNIST, and what they show.

    Raises SettingError without images or with a label that is no digit, CheckpointError where the weights that ship are damaged.
    """
    encoder = shipped_encoder()
    data = encoder.config.data
    if not len(images) or len(images) != len(labels):
        raise SettingError(f"{len(images)} images and {len(labels)} labels make no hand; give a label for each of at least one image")
    if images.dtype != torch.uint8 or tuple(images.shape[1:]) != data.pixel_shape:
        raise SettingError(f"a hand is read from images of {data.height}x{data.width} grey pixels, not from {tuple(images.shape[1:])}")
    for label in labels:
        check_within("label", label, 0, data.classes - 1)
    return _to_tuple(mean_hand(encode(encoder, images, torch.tensor(list(labels)))))


def hand_of_seed(seed: int) -> tuple[float, ...]:
    """The hand of a number: always the same, and like a real one. Raises SettingError for a number that is no seed, and CheckpointError.

    It lies near the hand of a real writer, chosen at random, at a distance that neighbouring writers have (a smoothed bootstrap, Silverman 1986,
    section 6.4). A normal distribution would not do: writers lie along a few curved directions, above all slant and thickness.
    """
    check_within("hand", seed, 0, MAX_SEED)
    return _to_tuple(draw_hand(shipped_encoder().hands, seed))


def draw_hand(hands: Tensor, seed: int) -> Tensor:
    """A code (d,) drawn near one of `hands` (n, d). Raises CheckpointError where there are none."""
    if not bool(hands.any()):
        raise CheckpointError("these weights of the preset hand keep no real hands, so no hand has a number; export them with: digitty export")
    rng = torch.Generator().manual_seed(derive_seed(seed, 0, 15))
    start = hands[int(torch.randint(len(hands), (), generator=rng))]
    centred = hands - hands.mean(0)  # noise as wide in each direction as real hands are
    noise = torch.randn(len(hands), generator=rng) @ centred / len(hands) ** 0.5
    scale = SPREAD / centred.square().sum(1).mean().sqrt()
    return F.normalize(start + scale * noise, dim=0)


def _to_tuple(code: Tensor) -> tuple[float, ...]:
    """Rounded, so that files with a recipe stay short and another processor's sums round to the same."""
    return tuple(round(number, 4) for number in code.tolist())
