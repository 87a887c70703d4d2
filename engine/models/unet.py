"""The network of (x_t, t, label): the seed's U-Net, 28 -> 14 -> 7 -> 14 -> 28, and the same on patches. Knows no schedule."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.config.model import ModelConfig
from engine.models.layers import Attention, ClassEmbedding, Norm, ResidualBlock, sinusoidal


class UNet(nn.Module):
    """Predicts what `ModelConfig.prediction` names of x_t. The default configuration is the seed's, with 6,141,313 trainable parameters.

    Ho et al. 2020, appendix B; class embedding added to the time embedding (Dhariwal & Nichol 2021). With two widths instead of
    three it works on patches of 2x2 pixels, 14 -> 7 -> 14 (a pixel shuffle, Shi et al. 2016), at a third of the cost.
    """

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        widths, emb, groups = config.channels, config.emb_dim, config.groups
        pixels, first, last = config.data.channels * config.patch**2, widths[0], widths[-1]
        down = list(zip(config.sides, config.sides[1:], widths, widths[1:], strict=False))  # (side, next side, width, next width)
        self.time = nn.Sequential(nn.Linear(config.time_dim, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.label = ClassEmbedding(config.data.classes, emb)
        self.conv_in = nn.Conv2d(pixels, first, 3, padding=1)
        self.add_module(f"enc{config.sides[0]}", ResidualBlock(first, first, emb, groups))
        for _, below, width, wider in down:
            self.add_module(f"down{below}", nn.Conv2d(width, width, 3, stride=2, padding=1))
            self.add_module(f"enc{below}", ResidualBlock(width, wider, emb, groups))
        if config.attention_at_14:
            self.attention14 = Attention(widths[-2], groups)
        self.middle = ResidualBlock(last, last, emb, groups)
        if config.attention:
            self.attention = Attention(last, groups)
        self.add_module(f"dec{config.sides[-1]}", ResidualBlock(2 * last, last, emb, groups))
        for side, _, width, wider in reversed(down):
            self.add_module(f"up{side}", nn.ConvTranspose2d(wider, width, 4, stride=2, padding=1))
            self.add_module(f"dec{side}", ResidualBlock(2 * width, width, emb, groups))
        self.norm_out = Norm(groups, first)
        self.conv_out = nn.Conv2d(first, pixels, 1) if config.patch == 1 else nn.Conv2d(first, pixels, 3, padding=1)

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """The prediction, like x_t (N, C, H, W), for t (N,) in 0 … T-1 and label (N,) of a class or NO_LABEL."""
        has_label = (label >= 0).unsqueeze(1)
        emb = self.time(sinusoidal(t, self.config.time_dim).to(x_t.dtype))
        emb = F.silu(emb + self.label(label.clamp(min=0)) * has_label)  # every block starts with it: once is enough
        layers, (top, *below) = dict(self.named_children()), self.config.sides
        h = self.conv_in(F.pixel_unshuffle(x_t, self.config.patch) if self.config.patch > 1 else x_t)
        skips = [h := layers[f"enc{top}"](h, emb)]
        for side in below:
            if side == 7 and self.config.attention_at_14:
                h = skips[-1] = self.attention14(h)
            skips.append(h := layers[f"enc{side}"](layers[f"down{side}"](h), emb))
        h = self.middle(h, emb)
        if self.config.attention:
            h = self.attention(h)
        for side in reversed(self.config.sides):
            h = h if side == self.config.sides[-1] else layers[f"up{side}"](h)
            h = layers[f"dec{side}"](torch.cat([h, skips.pop()], 1), emb)
        out: Tensor = self.conv_out(F.silu(self.norm_out(h)))
        return F.pixel_shuffle(out, self.config.patch) if self.config.patch > 1 else out
