"""Tells real images from drawn ones of the same label, and which class it sees, so that a student draws what can't be told apart. Knows no diffusion.

Its loss is relativistic with a penalty on both gradients (R3GAN: Huang et al. 2024), which avoids mode collapse without further
tricks. It also learns to classify the real images, and the loss of the student asks that the drawn ones can be classified (Odena et al. 2017).
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.config.condition import ConditionConfig
from engine.config.data import DataSpec
from engine.models.conditioner import Conditioner, Told

WIDTH = 64
FEATURES = 256
NOISE = 0.05
"""Standard deviation of the noise on all images that it sees: MNIST's black is exact, and that alone would give the real ones away."""
GAMMA = 1.0
"""The weight of the gradient penalty."""
LABEL_WEIGHT = 0.3
"""The weight of the classification of drawn images: more of it gains accuracy and costs recall."""
LAZY = 4
"""The penalty is computed every LAZY steps, with LAZY times the weight (Karras et al. 2020, section 3.1)."""


class Discriminator(nn.Module):
    """Half, a quarter and an eighth of the size, then 256 features; conditions by projection (Miyato & Koyama 2018). No normalisation.

    The conditions are a label and a kind: from which of several timesteps an image was drawn. If all kinds were judged as one, a kind that is
    too soft would make up for one that is too sharp. Where `told` says what a network is told of images, the conditions are also their attributes,
    variants and hands, as a vector that starts at zero. Captions are none: those that are made up say no more than the attributes.
    """

    def __init__(self, data: DataSpec, kinds: int = 1, told: ConditionConfig | None = None) -> None:
        super().__init__()
        eighths = math.ceil(data.height / 8) * math.ceil(data.width / 8)  # of sizes that are multiples of 4
        self.body = nn.Sequential(
            *(nn.Conv2d(data.channels, WIDTH, 4, 2, 1), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(2 * WIDTH, 4 * WIDTH, 3, 2, 1), nn.LeakyReLU(0.2)),
            *(nn.Flatten(), nn.Linear(4 * WIDTH * eighths, FEATURES), nn.LeakyReLU(0.2)),
        )
        self.real = nn.Linear(FEATURES, 1)
        self.kinds = kinds
        self.asked = nn.Embedding(max(1, data.classes) * kinds, FEATURES)  # the conditions, by the name that training states have
        self.digit = nn.Linear(FEATURES, data.classes) if data.classes > 1 else None  # the class, likewise
        nn.init.normal_(self.asked.weight, std=FEATURES**-0.5)
        self.told = Conditioner(replace(told, text=False, route="pooled"), FEATURES) if told and told.tells_strokes else None

    def forward(self, x: Tensor, label: Tensor, kind: Tensor, told: Told | None = None) -> tuple[Tensor, Tensor | None]:
        """x (N, C, H, W) in [-1, 1], label and kind (N,), what is told of them -> how real each looks, (N,); logits (N, classes).

        Of how real they look only differences count. The logits are None where there are no classes to tell apart; the labels are then 0.
        """
        features = self.body(x)
        asked = self.asked(label * self.kinds + kind)
        if told is not None and self.told is not None and (pooled := self.told.pool(self.told(told, x.dtype))) is not None:
            asked = asked + pooled
        real: Tensor = self.real(features)[:, 0] + (features * asked).sum(1)
        return real, self.digit(features) if self.digit else None


def discriminator_loss(
    discriminator: Discriminator, real: Tensor, drawn: Tensor, label: Tensor, kind: Tensor, penalised: bool, told: Told | None = None
) -> Tensor:
    """E softplus(D(drawn) - D(real)), the penalty on both gradients (Huang et al. 2024, eq. 2 and 3), and the cross-entropy of reading the real ones.

    real and drawn (N, C, H, W) of label (N,) each, of which the same is told, compared with drawn ones of kind (N,); a scalar.
    """
    real, drawn = (x.detach().requires_grad_(penalised) for x in (real, drawn))
    (real_score, logits), (drawn_score, _) = discriminator(real, label, kind, told), discriminator(drawn, label, kind, told)
    loss = F.softplus(drawn_score - real_score).mean()
    if logits is not None:
        loss = loss + F.cross_entropy(logits, label)
    if penalised:
        gradients = torch.autograd.grad(real_score.sum() + drawn_score.sum(), (real, drawn), create_graph=True)
        loss = loss + LAZY * GAMMA / 2 * sum(g.square().sum((1, 2, 3)).mean() for g in gradients)
    return loss


def generator_loss(discriminator: Discriminator, real: Tensor, drawn: Tensor, label: Tensor, kind: Tensor, told: Told | None = None) -> Tensor:
    """E softplus(D(real) - D(drawn)) + LABEL_WEIGHT times the cross-entropy of reading the drawn ones, a scalar. Its gradient reaches `drawn`."""
    with torch.no_grad():
        real_score, _ = discriminator(real, label, kind, told)
    drawn_score, logits = discriminator(drawn, label, kind, told)
    loss = F.softplus(real_score - drawn_score).mean()
    return loss if logits is None else loss + LABEL_WEIGHT * F.cross_entropy(logits, label)
