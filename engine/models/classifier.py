"""The small CNNs that tell which class an image shows, and give 64 features by which `evaluate` compares sets of images. They know no diffusion.

Two of them judge in `evaluate`. They are built and trained differently, so that no drawing pleases both by a weakness of one. A third, built as
the first is, reads what is drawn (see sampling/rejection.py). `python -m engine.evaluation.train_classifier first`, `second` and `reader` train the
weights that ship, on MNIST's 60,000 training images. `evaluate` trains those of other data sets when they are first needed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.config.data import MNIST, DataSpec

FEATURES = 64
NARROW = 16
"""Channels of the levels that only large images have."""
BATCH = 256
"""Images at once, in training and in judging: about 0.05 s on one CPU core."""


class Classifier(nn.Module):
    """Convolutions with batch normalisation, each of which halves the image, then 64 features, then one logit per class.

    `second`: strided convolutions of 5x5 with group normalisation and dropout, one fewer.

    Images whose shorter side is 8 to 63 pixels get three convolutions, larger ones one more for each doubling. The added ones come first and are
    narrow, so that an image of 128 pixels costs six times as much as one of 28, not twenty times.
    """

    test_accuracy: float | None = None
    """The accuracy on real test images, as the file states it; None for one that learned no classes."""
    tested: int = 0
    """The number of these test images."""
    trained_on: int = 0
    """The number of images that it was trained on."""

    def __init__(self, second: bool = False, data: DataSpec = MNIST) -> None:
        super().__init__()
        self.second, self.data = second, data
        widths = _widths((24, 48, 96), _halvings(data))
        part = 2 ** len(widths)
        layers = [layer for i, o in zip((data.channels, *widths), widths, strict=False) for layer in _stage(i, o)]
        layers += [nn.Flatten(), nn.Linear(widths[-1] * (data.height // part) * (data.width // part), FEATURES), nn.ReLU()]
        if second:  # the random numbers that the first judge's layers took decide its initial weights, as they always did
            widths = _widths((32, 64), max(1, len(widths) - 1))
            part = 2 ** len(widths)
            pixels = -(-data.height // part) * -(-data.width // part)  # a stride rounds up
            layers = [layer for i, o in zip((data.channels, *widths), widths, strict=False) for layer in _strided(i, o)]
            layers += [nn.Dropout2d(0.2), nn.Flatten(), nn.Linear(widths[-1] * pixels, FEATURES), nn.Softplus(), nn.Dropout(0.2)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(FEATURES, max(1, data.classes))  # images without classes have features only

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, C, H, W) in [0, 1] -> features (N, 64), none negative, and logits (N, classes)."""
        features: Tensor = self.body(x)
        return features, self.head(features)

    @property
    def batch(self) -> int:
        """Images at once: fewer than BATCH where they are large, so that no layer needs more memory than with 64 pixels."""
        return max(8, min(BATCH, BATCH * 64 * 64 // (self.data.height * self.data.width)))

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    @torch.inference_mode()
    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images (N, H, W) or (N, H, W, 3) uint8 on the device -> features (N, 64) and logits (N, classes) in float32, a batch at a time."""
        features, logits = zip(*(self(to_unit(batch)) for batch in torch.split(images, self.batch)), strict=True)
        return torch.cat(features), torch.cat(logits)


def _halvings(data: DataSpec) -> int:
    """How often the first judge halves an image: to 3 to 7 pixels of its shorter side, and not below one pixel."""
    shorter = min(data.height, data.width)
    return min(max(3, (shorter // 4).bit_length() - 1), shorter.bit_length() - 1)


def _widths(usual: tuple[int, ...], levels: int) -> tuple[int, ...]:
    """The channels after each level: the usual ones, without the last ones for a tiny image, behind narrow ones for a large image."""
    return (NARROW,) * (levels - len(usual)) + usual[:levels]


def _stage(i: int, o: int) -> list[nn.Module]:
    """Pools before it normalises, which is a quarter of the work and gives the same result where the scale is positive."""
    return [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(o), nn.ReLU()]


def _strided(i: int, o: int) -> list[nn.Module]:
    return [nn.Conv2d(i, o, 5, stride=2, padding=2), nn.GroupNorm(8, o), nn.GELU()]


def to_unit(images: Tensor) -> Tensor:
    """uint8 (N, H, W) or (N, H, W, 3) -> float32 (N, C, H, W) in [0, 1]."""
    return (images.unsqueeze(1) if images.ndim == 3 else images.movedim(3, 1)).float() / 255
