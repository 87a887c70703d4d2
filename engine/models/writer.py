"""The writer encoder: a digit and its class become a code that tells by whose hand it is. Knows no training and no files."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.config.model import ModelConfig
from engine.models.layers import ClassEmbedding, Norm

KNOWN_HANDS = 512
"""Real hands that the weights keep."""


class Stage(nn.Module):
    """Conv3x3, MaxPool2, GN, scale and shift by class (FiLM, Perez et al. 2018), SiLU. At first all classes are treated alike."""

    def __init__(self, i: int, o: int, groups: int, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(i, o, 3, padding=1)
        self.norm = Norm(groups, o)
        self.film = ClassEmbedding(max(1, classes), 2 * o)
        if not self.film.weight.is_meta:
            nn.init.zeros_(self.film.weight)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """(N, i, H, W) and (N,) -> (N, o, H/2, W/2), rounded up."""
        scale, shift = self.film(label)[:, :, None, None].chunk(2, 1)
        h = self.norm(F.max_pool2d(self.conv(x), 2, ceil_mode=True))
        return F.silu(h * (1 + scale) + shift)


class WriterEncoder(nn.Module):
    """Three stages, then a linear layer and an offset for each class. A code has the length 1: the cosine of two says how alike the hands are.

    It is told the class, so that the code need not tell it.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        data, widths = config.data, config.channels
        self.stages = nn.ModuleList(Stage(i, o, config.groups, data.classes) for i, o in zip((data.channels, *widths), widths, strict=False))
        part = 2 ** len(widths)
        pixels = -(-data.height // part) * -(-data.width // part)
        self.out = nn.Linear(widths[-1] * pixels, config.emb_dim)
        self.offset = ClassEmbedding(max(1, data.classes), config.emb_dim)
        self.register_buffer("hands", torch.zeros(KNOWN_HANDS, config.emb_dim))
        self.hands: Tensor
        """Codes of real hands, in no order, (KNOWN_HANDS, emb_dim); zero until `engine.evaluation.hands.keep_hands` fills them."""

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """x (N, C, H, W) in [-1, 1] and label (N,) -> codes (N, emb_dim) in float32."""
        label = label.clamp(min=0)
        for stage in self.stages:
            x = stage(x, label)
        code = self.out(x.flatten(1)).float() + self.offset(label).float()
        return F.normalize(code, dim=1)
