"""The network eps_theta(x_t, t, label): the seed's U-Net, 28 -> 14 -> 7 -> 14 -> 28. Knows no schedule."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.config import ModelConfig

NO_LABEL = -1
"""A label that stands for none; it has no weights: its class embedding is zero."""
VECTOR = 16
"""Numbers that a CPU's widest vectors hold in float32."""


class UNet(nn.Module):
    """Predicts the noise in x_t. The default configuration is the seed's, with 6,141,313 trainable parameters.

    Ho et al. 2020, appendix B, without attention; class embedding added to the time embedding (Dhariwal & Nichol 2021).
    """

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        a, b, c = config.channels
        emb, groups = config.emb_dim, config.groups
        self.time = nn.Sequential(nn.Linear(config.time_dim, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.label = nn.Embedding(config.classes, emb)
        self.conv_in = nn.Conv2d(1, a, 3, padding=1)
        self.enc28 = Block(a, a, emb, groups)
        self.down14 = nn.Conv2d(a, a, 3, stride=2, padding=1)
        self.enc14 = Block(a, b, emb, groups)
        self.down7 = nn.Conv2d(b, b, 3, stride=2, padding=1)
        self.enc7 = Block(b, c, emb, groups)
        self.middle = Block(c, c, emb, groups)
        self.dec7 = Block(2 * c, c, emb, groups)
        self.up14 = nn.ConvTranspose2d(c, b, 4, stride=2, padding=1)
        self.dec14 = Block(2 * b, b, emb, groups)
        self.up28 = nn.ConvTranspose2d(b, a, 4, stride=2, padding=1)
        self.dec28 = Block(2 * a, a, emb, groups)
        self.norm_out = Norm(groups, a)
        self.conv_out = nn.Conv2d(a, 1, 1)

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """eps like x_t (N, 1, 28, 28), for t (N,) in 0 … T-1 and label (N,) in 0 … 9 or NO_LABEL."""
        has_label = (label >= 0).unsqueeze(1)
        emb = self.time(sinusoidal(t, self.config.time_dim).to(x_t.dtype))
        emb = F.silu(emb + self.label(label.clamp(min=0)) * has_label)  # every block starts with it: once is enough
        h1 = self.enc28(self.conv_in(x_t), emb)
        h2 = self.enc14(self.down14(h1), emb)
        h3 = self.enc7(self.down7(h2), emb)
        h = self.middle(h3, emb)
        h = self.up14(self.dec7(torch.cat([h, h3], 1), emb))
        h = self.up28(self.dec14(torch.cat([h, h2], 1), emb))
        h = self.dec28(torch.cat([h, h1], 1), emb)
        out: Tensor = self.conv_out(F.silu(self.norm_out(h)))
        return out


class Block(nn.Module):
    """GN SiLU Conv3x3, + Linear(SiLU(emb)), GN SiLU Conv3x3, + the input (through Conv1x1 where the channels change)."""

    def __init__(self, i: int, o: int, emb: int, groups: int) -> None:
        super().__init__()
        self.norm1 = Norm(groups, i)
        self.conv1 = nn.Conv2d(i, o, 3, padding=1)
        self.emb = nn.Linear(emb, o)
        self.norm2 = Norm(groups, o)
        self.conv2 = nn.Conv2d(o, o, 3, padding=1)
        self.skip = nn.Conv2d(i, o, 1) if i != o else nn.Identity()

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """(N, i, H, W) -> (N, o, H, W); emb is (N, emb_dim), already through SiLU."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.emb(emb)[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        out: Tensor = h + self.skip(x)
        return out


class Norm(nn.GroupNorm):
    """GroupNorm, which torch computes one number at a time on a CPU in channels_last where a group is narrower than a vector."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same, in the same layout."""
        narrow = x.device.type == "cpu" and self.num_channels < VECTOR * self.num_groups
        if not narrow or x.is_contiguous() or not x.is_contiguous(memory_format=torch.channels_last):
            return super().forward(x)
        return super().forward(x.contiguous()).contiguous(memory_format=torch.channels_last)


def sinusoidal(t: Tensor, dim: int) -> Tensor:
    """(N,) -> (N, dim): sines, then cosines, of t times frequencies from 1 down to 1/10000 (Vaswani et al. 2017, section 3.5)."""
    frequency = torch.exp(torch.arange(dim // 2, device=t.device, dtype=torch.float32) * (-math.log(10000) / (dim // 2 - 1)))
    angle = t.float()[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], 1)


def parameters(model: nn.Module) -> int:
    """How many numbers training can change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
