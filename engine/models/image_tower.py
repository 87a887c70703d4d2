"""The image tower: pictures and captions become codes, and how alike two codes are says how well they fit. Knows no training and no files.

The captions' half is a frozen reader of captions (`CaptionReader.sentences`), of which only two small layers are learned here.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.config.condition import ATTRIBUTES, VARIANTS
from engine.config.model import ModelConfig
from engine.models.layers import Norm
from engine.models.text import QUESTIONS

SIDE = 4
"""Cells a side that a picture's features are averaged into, whatever its size."""
WIDTH = 128
"""Numbers that heads read, and …"""
CAPTION_WIDTH = 64
"""… those between the two layers for captions."""
FIRST_SCALE, FIRST_BIAS = 10.0, -6.0
"""As SigLIP begins: most captions are not true of a picture."""


class Seen(NamedTuple):
    """What the heads see in N pictures."""

    label: Tensor
    """(N, classes) logits."""
    strokes: Tensor
    """(N, A), in the order of ATTRIBUTES, of about the size 1."""
    variants: Tensor
    """(N, V) logits, in the order of VARIANTS."""


class Comparison(NamedTuple):
    """N pictures beside M captions."""

    logits: Tensor
    """(N, M) float32, of the probability that a caption is true of a picture."""
    seen: Seen


class PictureStage(nn.Module):
    """Conv3x3 GN SiLU"""

    def __init__(self, i: int, o: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(i, o, 3, padding=1)
        self.norm = Norm(groups, o)

    def forward(self, x: Tensor) -> Tensor:
        """(N, i, H, W) -> (N, o, H, W)."""
        return F.silu(self.norm(self.conv(x)))


class ImageTower(nn.Module):
    """A small CNN over patches of 2x2 pixels, and the layers for captions. Codes have the length 1.

    A picture and a caption fit with the probability sigmoid(t z·u + b), where t and b are learned (SigLIP: Zhai et al. 2023, arXiv 2303.15343,
    eq. 1; the codes and t are CLIP's: Radford et al. 2021, arXiv 2103.00020, figure 3).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.text is not None  # as ModelConfig ensures
        self.config = config
        data, widths = config.data, config.channels
        sizes = (4 * data.channels, widths[0], *widths)
        self.stages = nn.ModuleList(PictureStage(i, o, config.groups) for i, o in pairwise(sizes))
        self.hidden = nn.Linear(widths[-1] * SIDE**2, WIDTH)
        self.out = nn.Linear(WIDTH, config.emb_dim)
        self.caption_hidden = nn.Linear(QUESTIONS * config.text.width, CAPTION_WIDTH)
        self.caption_out = nn.Linear(CAPTION_WIDTH, config.emb_dim)
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
        self.bias = nn.Parameter(torch.tensor(FIRST_BIAS))
        self.label = nn.Linear(WIDTH, max(1, data.classes))
        self.strokes = nn.Linear(WIDTH, len(ATTRIBUTES))
        self.variants = nn.Linear(WIDTH, len(VARIANTS))

    def forward(self, x: Tensor, sentences: Tensor) -> Comparison:
        """x (N, C, H, W) in [-1, 1] beside sentences (M, S) of `CaptionReader.sentences`."""
        features = self._features(x)
        codes, captions = self._code(features), self.encode_captions(sentences)
        return Comparison(self.compare(codes, captions), Seen(self.label(features), self.strokes(features), self.variants(features)))

    def encode_pictures(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) in [-1, 1] -> codes (N, emb_dim) in float32."""
        return self._code(self._features(x))

    def encode_captions(self, sentences: Tensor) -> Tensor:
        """sentences (M, S) of `CaptionReader.sentences` -> codes (M, emb_dim) in float32."""
        return F.normalize(self.caption_out(F.gelu(self.caption_hidden(sentences))).float(), dim=1)

    def compare(self, pictures: Tensor, captions: Tensor) -> Tensor:
        """The logits of each caption for each picture, (N, M), from codes (N, emb_dim) and (M, emb_dim)."""
        with torch.autocast(pictures.device.type, enabled=False):
            logits: Tensor = self.log_scale.exp() * (pictures @ captions.T) + self.bias
        return logits

    def _features(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, WIDTH)."""
        x = F.pixel_unshuffle(x, 2)
        for place, stage in enumerate(self.stages):
            x = stage(x)
            if place == 1:
                x = F.max_pool2d(x, 2)
        cells: Tensor = self.hidden(F.adaptive_avg_pool2d(x, SIDE).flatten(1))
        return F.silu(cells)

    def _code(self, features: Tensor) -> Tensor:
        return F.normalize(self.out(features).float(), dim=1)
