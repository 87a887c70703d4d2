"""The real images that drawn pictures are compared with: those kept from training if the data set has any, else halves of the training images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.config.data import DataSpec
from engine.data.batches import epoch_order
from engine.data.registry import load_images
from engine.errors import SettingError

MAX_COMPARED = 10_000
"""Pictures per side in comparisons: MNIST has that many test images."""
CHUNK_BYTES = 64 << 20
"""Bytes of the pictures that are computed with at once, as float32."""


@dataclass(frozen=True)
class Pictures:
    """Some of many images, in an order of their own. Nothing is copied until `rows` is called, so a memory map stays one."""

    images: Tensor
    """(M, H, W) or (M, H, W, 3) uint8, on any device."""
    order: Tensor
    """(N,) int64 on the CPU: the places of these pictures in `images`."""

    @classmethod
    def all_of(cls, images: Tensor) -> Pictures:
        return cls(images, torch.arange(len(images)))

    def __len__(self) -> int:
        return len(self.order)

    def first(self, n: int) -> Pictures:
        return replace(self, order=self.order[:n])

    def batches(self, size: int) -> Iterator[Tensor]:
        """The pictures, at most `size` at a time."""
        for order in torch.split(self.order, size):
            yield self.images[order.to(self.images.device)]

    def together(self) -> Tensor:
        """A copy of the pictures, in their order."""
        return self.images[self.order.to(self.images.device)]

    @property
    def chunk(self) -> int:
        """How many pictures are worth computing with at once."""
        return max(1, CHUNK_BYTES // (4 * self.images[0].numel()))


@dataclass(frozen=True)
class RealImages:
    """What the pictures are judged by. `train` and `test` share no image and are in a fixed random order, so that the first n are a fair sample."""

    train: Pictures
    """At most MAX_COMPARED of the images that judges are trained on."""
    test: Pictures
    """At most MAX_COMPARED others."""
    test_labels: Tensor
    """(N,) int64 on the CPU, of `test`."""
    images: Tensor
    labels: Tensor
    """All training images and their labels …"""
    rows: Tensor | None
    """… of which judges are trained on these, on all if it is None."""
    held_out: bool
    """Whether the weights were trained without the test images. Otherwise both sides are halves of the training images."""

    @property
    def trained_on(self) -> int:
        """The number of images that judges are trained on."""
        return len(self.images) if self.rows is None else len(self.rows)


def load_real_images(data: DataSpec, device: torch.device) -> RealImages:
    """The real images; a large data set stays a memory map. Raises SettingError and StorageError as `load_images` does."""
    images, labels = load_images(data, True, device, stream=True)
    order = epoch_order(0, 0, len(images))
    held_out = _load_test_images(data, device)
    if held_out is None:
        half = (len(images) + 1) // 2
        rows, others = order[:half], order[half:]
        train, test = Pictures(images, rows[:MAX_COMPARED]), Pictures(images, others[:MAX_COMPARED])
        return RealImages(train, test, labels.cpu()[test.order], images, labels, rows, held_out=False)
    test_images, test_labels = held_out
    test_order = epoch_order(0, 0, len(test_images))[:MAX_COMPARED]
    test = Pictures(test_images, test_order)
    return RealImages(Pictures(images, order[:MAX_COMPARED]), test, test_labels.cpu()[test_order], images, labels, None, held_out=True)


def _load_test_images(data: DataSpec, device: torch.device) -> tuple[Tensor, Tensor] | None:
    """None for a data set that has no test images."""
    if data.test_images == 0:
        return None
    try:
        images, labels = load_images(data, False, device, stream=True)
    except SettingError:
        if data.test_images is None:  # the training images could be read, so what an older file lacks are the test images
            return None
        raise
    return (images, labels) if len(images) else None
