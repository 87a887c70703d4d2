"""The small CNNs that tell which class an image shows, and give 64 features by which `evaluate` compares sets of images. They know no diffusion.

Two of them judge in `evaluate`. They are built and trained differently, so that no drawing pleases both by a weakness of one. A third, built as
the first is, reads what is drawn (see sampling/rejection.py). `python -m engine.evaluation.train_classifier first`, `second` and `reader` train the
weights that ship, on MNIST's 60,000 training images.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.config.data import MNIST, DataSpec

FEATURES = 64
BATCH = 256
"""Images at once, in training and in judging: about 0.05 s on one CPU core."""


class Classifier(nn.Module):
    """Three convolutions with batch normalisation, each of which halves the image, then 64 features, then one logit per class.

    `second`: two strided convolutions of 5x5 with group normalisation and dropout.
    """

    test_accuracy: float | None = None
    """The accuracy on MNIST's 10,000 test images, as the file states it."""

    def __init__(self, second: bool = False, data: DataSpec = MNIST) -> None:
        super().__init__()
        self.second, self.data = second, data
        eighths, quarters = ((data.height // part) * (data.width // part) for part in (8, 4))  # pixels that are left, of multiples of 4
        layers = [*_stage(data.channels, 24), *_stage(24, 48), *_stage(48, 96), nn.Flatten(), nn.Linear(96 * eighths, FEATURES), nn.ReLU()]
        if second:
            layers = [
                *_strided(data.channels, 32),
                *_strided(32, 64),
                nn.Dropout2d(0.2),
                nn.Flatten(),
                nn.Linear(64 * quarters, FEATURES),
                nn.Softplus(),
                nn.Dropout(0.2),
            ]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(FEATURES, data.classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, C, H, W) in [0, 1] -> features (N, 64), none negative, and logits (N, classes)."""
        features: Tensor = self.body(x)
        return features, self.head(features)

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    @torch.inference_mode()
    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images (N, H, W) or (N, H, W, 3) uint8 on the device -> features (N, 64) and logits (N, classes) in float32, BATCH at a time."""
        features, logits = zip(*(self(to_unit(batch)) for batch in torch.split(images, BATCH)), strict=True)
        return torch.cat(features), torch.cat(logits)


def _stage(i: int, o: int) -> list[nn.Module]:
    """Pools before it normalises, which is a quarter of the work and gives the same result where the scale is positive."""
    return [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(o), nn.ReLU()]


def _strided(i: int, o: int) -> list[nn.Module]:
    return [nn.Conv2d(i, o, 5, stride=2, padding=2), nn.GroupNorm(8, o), nn.GELU()]


def to_unit(images: Tensor) -> Tensor:
    """uint8 (N, H, W) or (N, H, W, 3) -> float32 (N, C, H, W) in [0, 1]."""
    return (images.unsqueeze(1) if images.ndim == 3 else images.movedim(3, 1)).float() / 255
