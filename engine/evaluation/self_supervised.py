"""Features of images without classes: a network learns what two shifts of an image have in common, or takes random weights. Knows tensors only.

Both rank degradations of MNIST as a classifier does, although its labels are not used (2,000 digits, distance / floor; 400 drawn ones):

                 noise .02  .05   .1    .2   blur .4  .6   1    no 4   no 1, 4   no 0 to 4   14 steps   4    3    2
    classifier        1.03  2.6  12.6  74       2.3   27  126   11.5     25         66          1.6     1.7  2.6  65
    learned           1.13  1.7   4.8  25       4.7   46  119    2.6      9.6       17          1.2     1.6  4.8  40
    random            1.03  1.4   2.8  14       6.6   56  102    1.3      1.9        3.2        1.1     1.3  2.9  27

Covering a part of the image, as classifiers are trained, makes learned features less sensitive: 1.2 instead of 1.7 for noise .05, 2.0 instead of
2.6 where all fours are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor, nn

from engine.compute.seeds import derive_seed
from engine.evaluation.augment import shift_slightly
from engine.evaluation.train_classifier import SEED, batches, fast_numerics, training_steps
from engine.models.classifier import FEATURES, Classifier, to_unit

DIMENSIONS = 128
"""Of the projection whose correlations are trained."""
REDUNDANCY = 0.01
"""The weight of the correlations between different dimensions."""
CALIBRATION = 8
"""Batches from which a network of random weights takes the statistics of its normalisations."""


def feature_steps(model: Classifier, images: Tensor, steps: int, seed: int = SEED, rows: Tensor | None = None) -> Iterator[Tensor]:
    """As `training_steps`, by Barlow Twins (Zbontar et al. 2021, eq. 1): the features of two shifts of an image agree, and each says its own.

    No distortion adds noise or blurs, so the features see both in drawn pictures.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, 0, 6))
        projector = nn.Linear(FEATURES, DIMENSIONS, bias=False)
    rng = torch.Generator(model.device).manual_seed(derive_seed(seed, 0, 7))
    numerics = fast_numerics(model.device)

    def loss_of(x: Tensor, _: Tensor) -> Tensor:
        with numerics.autocast(model.device):
            z_a, z_b = (projector(model.body(shift_slightly(x, rng).contiguous(memory_format=numerics.format))).float() for _ in range(2))
        a, b = ((z - z.mean(0)) / (z.std(0) + 1e-5) for z in (z_a, z_b))
        correlation = a.T @ b / len(x)  # (d, d)
        own = torch.diagonal(correlation)
        loss: Tensor = (1 - own).square().sum() + REDUNDANCY * (correlation.square().sum() - own.square().sum())
        return loss

    labels = torch.zeros(len(images), dtype=torch.long)
    return training_steps(model, [model, projector], images, labels, steps, loss_of, seed, rows)


@torch.no_grad()
def random_steps(model: Classifier, images: Tensor, seed: int = SEED, rows: Tensor | None = None) -> Iterator[Tensor]:
    """Leave a network with its random weights, and take the statistics of its normalisations from CALIBRATION batches: it then is ready to judge."""
    normalisations = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for each in normalisations:
        each.momentum = None  # an average over all batches
    model.to(memory_format=torch.channels_last).train()
    for chosen in islice(batches(seed, len(images) if rows is None else len(rows), model.batch), CALIBRATION):
        wanted = (chosen if rows is None else rows[chosen]).to(images.device)
        features, _ = model(to_unit(images[wanted].to(model.device)))
        yield features.mean()
    model.eval()
