"""Reads the hands that a drawing asks for, before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from engine.config.condition import Condition
from engine.config.data import MNIST
from engine.config.hand import HandSource
from engine.errors import SettingError
from engine.models.classifier import Classifier
from engine.sampling.hands import hand_of_images, hand_of_seed


def read_hands(conditions: Sequence[Condition], reader: Classifier | None) -> tuple[Condition, ...]:
    """The conditions with the codes of their hands in the place of where these are read from. `reader` is one for MNIST.

    Raises SettingError, PictureError and CheckpointError.
    """
    sources = dict.fromkeys(condition.hand for condition in conditions if isinstance(condition.hand, HandSource))
    codes = {source: _read_hand(source, reader) for source in sources}
    return tuple(replace(each, hand=codes[each.hand]) if isinstance(each.hand, HandSource) else each for each in conditions)


def _read_hand(source: HandSource, reader: Classifier | None) -> tuple[float, ...]:
    if source.number is not None:
        return hand_of_seed(source.number)
    if source.files:
        from engine.sampling.hand_files import hand_of_files  # which imports scipy

        return hand_of_files([Path(file) for file in source.files], reader)
    shape = MNIST.pixel_shape
    if any(len(pixels) != MNIST.picture_bytes for _, pixels in source.digits):
        raise SettingError(f"a hand is read from digits of {MNIST.height}x{MNIST.width} grey pixels, and these are others")
    images = torch.frombuffer(bytearray(b"".join(pixels for _, pixels in source.digits)), dtype=torch.uint8).reshape(-1, *shape)
    return hand_of_images(images, [label for label, _ in source.digits])
